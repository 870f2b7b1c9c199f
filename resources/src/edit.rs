//! From the value that a document has and the one that it should have to the smallest change of its text.
//!
//! The two values are walked side by side with the tree. Where they agree, nothing is touched; so what is not
//! concerned keeps its form, and a change that is made already is none.

mod collection;
mod lines;

use std::{collections::HashMap, ops::Range};

use serde_json::Value;

use self::lines::Lines;
use crate::{
    file::Step,
    render,
    text::Text,
    tree::{Kind, NodeId, Tree},
    value,
};

/// Changes of one file, collected before any is made.
pub(crate) struct Edits<'a> {
    text: &'a Text,
    splices: Vec<(Range<usize>, String)>,
}

/// Where in the text a node stands, as far as that decides how something else is written in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slot {
    /// It is the whole document.
    Root,
    /// Behind a key in block style that begins in this column and ends at this offset.
    Entry { column: usize, key_end: usize },
    /// Behind a dash in this column, at this offset.
    Item { column: usize, dash: usize },
    /// Inside of brackets or braces.
    Flow,
}

impl<'a> Edits<'a> {
    pub(crate) fn new(text: &'a Text) -> Self {
        Self { text, splices: Vec::new() }
    }

    /// Plans what turns a document into `new`.
    pub(crate) fn document(&mut self, tree: &Tree, root: NodeId, old: &Value, new: &Value) {
        if old != new {
            let lines = Lines::of(self.text);
            let mut change =
                Change { tree, lines, splices: &mut self.splices, wanted: HashMap::new(), shared: false };
            change.node(root, old, new, Slot::Root);
        }
    }

    /// The changed text; `None` if there is no change.
    pub(crate) fn apply(mut self) -> Option<String> {
        if self.splices.is_empty() {
            return None;
        }
        // Stable: of what comes in at one place, what was planned first is first; and before what goes there.
        self.splices.sort_by_key(|(range, _)| (range.start, range.end));
        let text = self.text.content();
        let (mut out, mut done) = (String::with_capacity(text.len() + 4096), 0);
        for (range, replacement) in self.splices {
            // A change inside of one that is made already; reading back will tell that it is missing.
            if range.start < done {
                continue;
            }
            out.push_str(text.get(done..range.start).unwrap_or_default());
            out.push_str(&replacement);
            done = range.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Some(out)
    }
}

/// The node at a path, or the nearest one above it; and its key, if it is a member of a map.
pub(crate) fn find(tree: &Tree, root: NodeId, path: &[Step<'_>]) -> (NodeId, Option<NodeId>) {
    let mut found = (root, None);
    for step in path {
        let id = found.0;
        let next = match (&tree.node(tree.resolved(id)).kind, step) {
            (Kind::Mapping { entries, .. }, Step::Key(wanted)) => {
                let named =
                    entries.iter().rev().find(|e| value::key(tree, e.key).as_deref() == Some(*wanted));
                named.map(|entry| (entry.value, Some(entry.key)))
            }
            (Kind::Sequence { items, .. }, Step::Item(index)) => items.get(*index).map(|item| (*item, None)),
            _ => None,
        };
        let Some(next) = next else { break };
        found = next;
    }
    found
}

/// The change of one document.
struct Change<'a, 'v> {
    tree: &'a Tree,
    lines: Lines<'a>,
    splices: &'a mut Vec<(Range<usize>, String)>,
    /// What the nodes that others refer to will be.
    wanted: HashMap<NodeId, &'v Value>,
    /// One of these changes, so that what refers to it has to be looked at although it stays the same.
    shared: bool,
}

impl<'v> Change<'_, 'v> {
    fn node(&mut self, id: NodeId, old: &Value, new: &'v Value, slot: Slot) {
        let node = self.tree.node(id);
        if node.anchored {
            self.wanted.insert(id, new);
            self.shared |= old != new;
        }
        if old == new && !self.shared {
            return;
        }
        match (&node.kind, old, new) {
            (Kind::Alias(target), ..) => {
                // What it refers to may change in just the same way.
                let will_be = self.wanted.get(target).copied().unwrap_or(old);
                if will_be != new {
                    self.replace(id, new, slot);
                }
            }
            (Kind::Mapping { entries, flow }, Value::Object(old), Value::Object(new)) if !new.is_empty() => {
                self.mapping(id, entries, *flow, (old, new), slot);
            }
            (Kind::Sequence { items, flow }, Value::Array(old), Value::Array(new)) if !new.is_empty() => {
                self.sequence(id, items, *flow, (old, new), slot);
            }
            _ if old != new => self.replace(id, new, slot),
            _ => {}
        }
    }

    /// Writes a value where another one stands.
    fn replace(&mut self, id: NodeId, new: &Value, slot: Slot) {
        let node = self.tree.node(id);
        let span = node.span.clone();
        if slot == Slot::Flow || (slot == Slot::Root && self.lines.is_json()) {
            return self.splice(span, render::json(new, None));
        }
        let is_block_collection =
            matches!(node.kind, Kind::Mapping { flow: false, .. } | Kind::Sequence { flow: false, .. });
        let line_end = self.lines.line_end();
        let (before, column) = match slot {
            Slot::Entry { column, key_end } => (self.lines.after_colon(key_end), column + render::STEP),
            Slot::Item { column, dash } => (dash + 1, column + render::STEP),
            Slot::Root | Slot::Flow => return self.splice(span, render::block(new, 0, line_end)),
        };
        if !render::is_block(new) {
            let anchor = if is_block_collection { "" } else { self.lines.anchor(&span) };
            let was_quoted = self.lines.starts_with_quote(&span);
            let text = match new {
                Value::String(string) if was_quoted => render::quoted(string),
                other => render::flow(other),
            };
            return self.splice(before..span.end.max(before), format!(" {anchor}{text}"));
        }
        let block = render::block(new, column, line_end);
        match slot {
            Slot::Item { .. } => self.splice(before..span.end.max(before), format!(" {block}")),
            _ if is_block_collection => {
                self.splice(before..span.end.max(before), format!("{line_end}{:column$}{block}", ""));
            }
            // What follows on the line, a comment, stays on it.
            _ => {
                self.splice(before..span.end.max(before), String::new());
                let end = self.lines.end(span.end.max(before));
                self.splice(end..end, format!("{line_end}{:column$}{block}", ""));
            }
        }
    }

    fn splice(&mut self, range: Range<usize>, text: String) {
        self.splices.push((range, text));
    }
}
