//! Kubernetes objects: documents, and what stands in lists of them.

use serde_json::Value;

use crate::file::{File, Step};

/// Where an object stands: the document of a file, and from there into lists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// The document, counted from 0.
    pub document: usize,
    /// For each list around the object, its place there.
    pub items: Vec<usize>,
}

/// A Kubernetes object.
#[derive(Clone, PartialEq, Debug)]
pub struct Object<'a> {
    /// Where it stands.
    pub address: Address,
    /// What it says.
    pub value: &'a Value,
}

/// All objects of some documents, those in lists in place of the list; `values`: what each document says.
///
/// A list is what `kubectl` takes for one: its kind ends with `List`, and it has `items`.
#[must_use]
pub fn objects(values: &[Value]) -> Vec<Object<'_>> {
    let mut found = Vec::new();
    for (document, value) in values.iter().enumerate() {
        collect(value, Address { document, items: Vec::new() }, &mut found);
    }
    found
}

fn collect<'a>(value: &'a Value, address: Address, found: &mut Vec<Object<'a>>) {
    let Some(items) = items_of_list(value) else {
        found.push(Object { address, value });
        return;
    };
    for (index, item) in items.iter().enumerate() {
        let mut address = address.clone();
        address.items.push(index);
        collect(item, address, found);
    }
}

fn items_of_list(value: &Value) -> Option<&Vec<Value>> {
    let is_list = value.get("kind")?.as_str()?.ends_with("List");
    value.get("items")?.as_array().filter(|_| is_list)
}

impl Object<'_> {
    /// `kind`, empty if there is none.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    /// `apiVersion`, empty if there is none.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.text(&["apiVersion"])
    }

    /// `metadata.name`, empty if there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// `metadata.namespace`, if there is one.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        let namespace = self.text(&["metadata", "namespace"]);
        (!namespace.is_empty()).then_some(namespace)
    }

    fn text(&self, path: &[&str]) -> &str {
        let found = path.iter().try_fold(self.value, |value, key| value.get(key));
        found.and_then(Value::as_str).unwrap_or_default()
    }
}

impl Address {
    /// The object at this address in documents that say `values`.
    #[must_use]
    pub fn of<'v>(&self, values: &'v [Value]) -> Option<&'v Value> {
        let document = values.get(self.document)?;
        self.items.iter().try_fold(document, |value, item| value.get("items")?.get(item))
    }

    /// The same, to be changed.
    pub fn of_mut<'v>(&self, values: &'v mut [Value]) -> Option<&'v mut Value> {
        let document = values.get_mut(self.document)?;
        self.items.iter().try_fold(document, |value, item| value.get_mut("items")?.get_mut(item))
    }

    /// Where something of the object stands in the file, or the nearest thing above it that does.
    #[must_use]
    pub fn place(&self, file: &File, path: &[Step<'_>]) -> Option<crate::Place> {
        let document = file.documents().get(self.document)?;
        let items = self.items.iter().flat_map(|item| [Step::Key("items"), Step::Item(*item)]);
        let path: Vec<Step<'_>> = items.chain(path.iter().copied()).collect();
        Some(file.place(document, &path))
    }
}
