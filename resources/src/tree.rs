//! A document as it is written: nodes that know which bytes they stand for.

use std::ops::Range;

/// Deepest nesting. Kubernetes objects reach 30, schemas in a CustomResourceDefinition about 100.
pub(crate) const MAX_DEPTH: usize = 200;

/// One node of a [`Tree`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct NodeId(u32);

/// The nodes of one document, children after their parents.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

/// What stands in the text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    /// Its bytes, in the file: anchor and tag of a scalar or an empty collection included. Of a block collection, from
    /// its first entry to the end of its last.
    pub(crate) span: Range<usize>,
    /// `!!str` and the like.
    pub(crate) tag: Option<Tag>,
    /// Another node may refer to this one.
    pub(crate) anchored: bool,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The kinds of a node.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    /// Text.
    Scalar {
        /// After unescaping.
        text: String,
        /// Written without quotation marks and on no block, so that it may be a number or the like.
        plain: bool,
    },
    /// A list.
    Sequence {
        /// Its items.
        items: Vec<NodeId>,
        /// Written in brackets.
        flow: bool,
    },
    /// A map.
    Mapping {
        /// Its entries; a key may come twice.
        entries: Vec<Entry>,
        /// Written in braces.
        flow: bool,
    },
    /// The same as an earlier node.
    Alias(NodeId),
}

/// An entry of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) key: NodeId,
    pub(crate) value: NodeId,
}

/// An explicit tag (YAML 1.1, "tag:yaml.org,2002:" and others).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Tag {
    Binary,
    Bool,
    Float,
    Int,
    Null,
    Str,
    /// Says nothing about the value.
    Other,
}

impl Tree {
    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        id
    }

    /// The node. Ids come from this very tree, so there always is one.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        static NOTHING: Node = Node {
            span: 0..0,
            tag: None,
            anchored: false,
            kind: Kind::Scalar { text: String::new(), plain: true },
        };
        self.nodes.get(id.0 as usize).unwrap_or(&NOTHING)
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0 as usize)
    }

    /// The node, or the one that it is an alias of.
    pub(crate) fn resolved(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            // An alias refers to something that is not one itself.
            Kind::Alias(target) => target,
            _ => id,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }
}
