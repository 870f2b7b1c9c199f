//! What a document says: trees to JSON values, with aliases and merge keys written out.

use serde_json::{Map, Value};

use crate::{
    error::{ReadError, ValueFault},
    scalar,
    text::Text,
    tree::{Entry, Kind, MAX_DEPTH, NodeId, Tree},
};

/// Largest document with its aliases written out, in bytes of text and [`VALUE`] for each value. Objects of Kubernetes
/// have at most 1.5 MiB.
const MAX_DOCUMENT: usize = 16 << 20;
/// What a value counts for besides its text.
const VALUE: usize = 16;

/// The value of a whole document.
pub(crate) fn value(text: &Text, tree: &Tree, root: NodeId) -> Result<Value, ReadError> {
    Reader { tree, left: MAX_DOCUMENT }.node(root, 0).map_err(|(node, fault)| ReadError::Meaningless {
        place: text.place(tree.node(node).span.start),
        fault,
    })
}

/// The value of a part of a document, if it has one.
pub(crate) fn part(tree: &Tree, id: NodeId) -> Option<Value> {
    Reader { tree, left: MAX_DOCUMENT }.node(id, 0).ok()
}

/// The text of a key, if it can be one.
pub(crate) fn key(tree: &Tree, id: NodeId) -> Option<String> {
    let node = tree.node(tree.resolved(id));
    let Kind::Scalar { text, plain } = &node.kind else { return None };
    match scalar::resolve(text, *plain, node.tag.as_ref()).ok()? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

/// Whether a key is `<<`, which takes in the entries of other mappings.
pub(crate) fn is_merge(tree: &Tree, key: NodeId) -> bool {
    matches!(&tree.node(key).kind, Kind::Scalar { text, plain: true } if text == "<<")
}

/// The mappings that a merge key takes in, in the order in which they do: a later one wins.
pub(crate) fn merged(tree: &Tree, value: NodeId) -> Option<Vec<NodeId>> {
    let value = tree.resolved(value);
    let sources = match &tree.node(value).kind {
        // The first of a list wins.
        Kind::Sequence { items, .. } => items.iter().rev().map(|item| tree.resolved(*item)).collect(),
        _ => vec![value],
    };
    sources.iter().all(|source| matches!(tree.node(*source).kind, Kind::Mapping { .. })).then_some(sources)
}

struct Reader<'a> {
    tree: &'a Tree,
    left: usize,
}

type Fault = (NodeId, ValueFault);

impl Reader<'_> {
    fn node(&mut self, id: NodeId, depth: usize) -> Result<Value, Fault> {
        // Aliases of what has aliases nest deeper than the text does.
        if depth > MAX_DEPTH {
            return Err((id, ValueFault::TooDeep { limit: MAX_DEPTH }));
        }
        let tree = self.tree;
        let node = tree.node(tree.resolved(id));
        match &node.kind {
            Kind::Scalar { text, plain } => {
                self.spend(id, text.len())?;
                scalar::resolve(text, *plain, node.tag.as_ref()).map_err(|fault| (id, fault))
            }
            Kind::Sequence { items, .. } => {
                self.spend(id, 0)?;
                items.iter().map(|item| self.node(*item, depth + 1)).collect()
            }
            Kind::Mapping { entries, .. } => {
                self.spend(id, 0)?;
                let mut map = Map::new();
                for entry in entries {
                    self.entry(&mut map, entry, depth)?;
                }
                Ok(Value::Object(map))
            }
            Kind::Alias(_) => Err((id, ValueFault::EndlessAlias)),
        }
    }

    fn entry(&mut self, map: &mut Map<String, Value>, entry: &Entry, depth: usize) -> Result<(), Fault> {
        if is_merge(self.tree, entry.key) {
            let sources = merged(self.tree, entry.value).ok_or((entry.value, ValueFault::MergeNotAMap))?;
            for source in sources {
                if let Value::Object(more) = self.node(source, depth + 1)? {
                    map.extend(more);
                }
            }
            return Ok(());
        }
        let key = key(self.tree, entry.key).ok_or((entry.key, ValueFault::KeyNotText))?;
        self.spend(entry.key, key.len())?;
        let value = self.node(entry.value, depth + 1)?;
        map.insert(key, value);
        Ok(())
    }

    fn spend(&mut self, id: NodeId, bytes: usize) -> Result<(), Fault> {
        let cost = bytes.saturating_add(VALUE);
        self.left = self.left.checked_sub(cost).ok_or((id, ValueFault::TooMuch { limit: MAX_DOCUMENT }))?;
        Ok(())
    }
}
