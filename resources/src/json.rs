//! JSON text to trees: one document after the other, as `kubectl` reads a stream that begins with `{`.
//!
//! A parser of its own only for where things stand; what a token means is `serde_json`'s.

use crate::{
    error::{ReadError, ValueFault},
    text::Text,
    tree::{Entry, Kind, MAX_DEPTH, Node, NodeId, Tree},
    yaml::Parsed,
};

/// Whether the text is taken for JSON.
pub(crate) fn looks_like_json(text: &Text) -> bool {
    text.content().trim_start_matches('\u{feff}').trim_start().starts_with('{')
}

/// All values of the stream.
pub(crate) fn parse(text: &Text) -> Result<Vec<Parsed>, ReadError> {
    let mark = if text.content().starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut parser = Parser { text, at: mark, tree: Tree::default() };
    let mut documents = Vec::new();
    parser.blanks();
    while parser.at < text.content().len() {
        let root = parser.value(0)?;
        documents.push(Parsed { tree: std::mem::take(&mut parser.tree), root });
        parser.blanks();
    }
    Ok(documents)
}

struct Parser<'a> {
    text: &'a Text,
    at: usize,
    tree: Tree,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<NodeId, ReadError> {
        if depth >= MAX_DEPTH {
            let place = self.text.place(self.at);
            return Err(ReadError::Meaningless { place, fault: ValueFault::TooDeep { limit: MAX_DEPTH } });
        }
        self.blanks();
        let start = self.at;
        match self.peek() {
            Some(b'{') => {
                let id = self.open(start, Kind::Mapping { entries: Vec::new(), flow: true });
                let mut entries = Vec::new();
                self.members(b'}', |parser| {
                    let key = parser.string()?;
                    parser.blanks();
                    parser.expect(b':')?;
                    let value = parser.value(depth + 1)?;
                    entries.push(Entry { key, value });
                    Ok(())
                })?;
                Ok(self.close(id, Kind::Mapping { entries, flow: true }))
            }
            Some(b'[') => {
                let id = self.open(start, Kind::Sequence { items: Vec::new(), flow: true });
                let mut items = Vec::new();
                self.members(b']', |parser| {
                    items.push(parser.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(self.close(id, Kind::Sequence { items, flow: true }))
            }
            Some(b'"') => self.string(),
            _ => self.word(),
        }
    }

    /// What stands between brackets, separated by commas.
    fn members(
        &mut self,
        end: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.at += 1;
        self.blanks();
        if self.take(end) {
            return Ok(());
        }
        loop {
            self.blanks();
            member(self)?;
            self.blanks();
            if self.take(end) {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<NodeId, ReadError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.error("a string is expected here"));
        }
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(self.error("the string does not end")),
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let token = self.text.content().get(start..self.at).unwrap_or_default();
        let text = serde_json::from_str(token).map_err(|error| self.error(&error.to_string()))?;
        Ok(self.scalar(start, Kind::Scalar { text, plain: false }))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<NodeId, ReadError> {
        let start = self.at;
        let rest = self.text.content().get(start..).unwrap_or_default();
        let end = rest.find([',', ']', '}', ' ', '\t', '\n', '\r', ':', '"', '{', '[']);
        let token = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if serde_json::from_str::<serde_json::Value>(token).is_err() {
            return Err(self.error("a value is expected here"));
        }
        self.at += token.len();
        Ok(self.scalar(start, Kind::Scalar { text: token.to_owned(), plain: true }))
    }

    fn open(&mut self, start: usize, kind: Kind) -> NodeId {
        self.tree.push(Node { span: start..start, tag: None, anchored: false, kind })
    }

    fn close(&mut self, id: NodeId, kind: Kind) -> NodeId {
        if let Some(node) = self.tree.node_mut(id) {
            node.span.end = self.at;
            node.kind = kind;
        }
        id
    }

    fn scalar(&mut self, start: usize, kind: Kind) -> NodeId {
        self.tree.push(Node { span: start..self.at, tag: None, anchored: false, kind })
    }

    fn peek(&self) -> Option<u8> {
        self.text.content().as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), ReadError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.error(&format!("`{}` is expected here", char::from(byte))))
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn error(&self, reason: &str) -> ReadError {
        ReadError::NotJson { place: self.text.place(self.at), reason: reason.to_owned() }
    }
}
