//! A file of resources.

use serde_json::Value;

use crate::{
    edit,
    error::{EditError, ReadError, ValueFault},
    json,
    text::{Place, Text},
    tree::{NodeId, Tree},
    value, yaml,
};

/// A file with any number of documents.
#[derive(Clone, PartialEq, Debug)]
pub struct File {
    text: Text,
    documents: Vec<Document>,
}

/// One document of a file.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    tree: Tree,
    root: NodeId,
    value: Value,
}

impl File {
    /// Reads a file that people know as `name`: YAML, or JSON values one after the other.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, ReadError> {
        let text = Text::new(name, bytes)?;
        let documents = documents(&text).map_err(|error| match error {
            // `{{` begins a map in a map, which no resource has there.
            ReadError::NotYaml { place, .. }
            | ReadError::Meaningless {
                place,
                fault: ValueFault::KeyNotText | ValueFault::TextAfterSeparator,
            } if text.content().contains("{{") => ReadError::Template { place },
            other => other,
        })?;
        Ok(Self { text, documents })
    }

    /// What people call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.name()
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.content()
    }

    /// Its documents, in order; those without content are left out.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Where the value at a path stands, or the nearest one above it that does. One that begins below its key is at its key.
    #[must_use]
    pub fn place(&self, document: &Document, path: &[Step<'_>]) -> Place {
        let (node, key) = edit::find(&document.tree, document.root, path);
        let place = |id| self.text.place(document.tree.node(id).span.start);
        let value = place(node);
        key.map(place).filter(|key| key.line < value.line).unwrap_or(value)
    }

    /// The text after each document has become the value that belongs to it, `None` if no byte changes.
    /// `values`: one for each of [`Self::documents`].
    ///
    /// # Errors
    /// See [`EditError`].
    pub fn rewritten(&self, values: &[Value]) -> Result<Option<String>, EditError> {
        let mut edits = edit::Edits::new(&self.text);
        for (document, value) in self.documents.iter().zip(values) {
            edits.document(&document.tree, document.root, &document.value, value);
        }
        let Some(text) = edits.apply() else { return Ok(None) };
        let read_back = Self::read(self.name(), text.clone().into_bytes()).ok();
        let fits = read_back.as_ref().is_some_and(|file| {
            file.documents.len() == self.documents.len()
                && file.documents.iter().zip(values).all(|(document, value)| document.value == *value)
        });
        if fits {
            return Ok(Some(text));
        }
        let read_back = read_back.as_ref().map_or(&[][..], Self::documents);
        let first = self.documents.iter().zip(values).enumerate().find(|(index, (_, value))| {
            read_back.get(*index).is_none_or(|document| document.value != **value)
        });
        let at = first.map_or(0, |(_, (document, _))| document.tree.node(document.root).span.start);
        Err(EditError::NotWritable { place: self.text.place(at) })
    }
}

fn documents(text: &Text) -> Result<Vec<Document>, ReadError> {
    let parsed = if json::looks_like_json(text) {
        // As `kubectl` does: a flow mapping is YAML too, and the JSON error says more where neither fits.
        json::parse(text).or_else(|error| match error {
            ReadError::NotJson { .. } => yaml::parse(text).map_err(|_| error),
            other => Err(other),
        })?
    } else {
        yaml::parse(text)?
    };
    let documents = parsed.into_iter().map(|parsed| {
        let value = value::value(text, &parsed.tree, parsed.root)?;
        Ok(Document { tree: parsed.tree, root: parsed.root, value })
    });
    documents.collect()
}

impl Document {
    /// What it says.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// A step from a value into one of its parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// A member of a map.
    Key(&'a str),
    /// An item of a list, counted from 0.
    Item(usize),
}
