//! YAML text to trees. The grammar is `saphyr-parser`'s; what a scalar means is decided elsewhere.

use std::{collections::HashMap, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::{
    error::{ReadError, ValueFault},
    text::Text,
    tree::{Entry, Kind, MAX_DEPTH, Node, NodeId, Tag, Tree},
};

/// Most nodes in one file: about one for every 8 bytes of the largest.
const MAX_NODES: usize = 8 << 20;

/// One document of a YAML stream.
pub(crate) struct Parsed {
    pub(crate) tree: Tree,
    pub(crate) root: NodeId,
}

/// All documents, empty ones left out.
pub(crate) fn parse(text: &Text) -> Result<Vec<Parsed>, ReadError> {
    let body = text.content().trim_start_matches('\u{feff}');
    let skipped = text.content().len() - body.len();
    check_separators(text)?;
    let offsets = Offsets::new(body, skipped);
    let mut parser = Parser::new_from_str(body);
    let mut builder = Builder {
        text,
        offsets,
        tree: Tree::default(),
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
    };
    let (mut documents, mut nodes) = (Vec::new(), 0);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| builder.not_yaml(&error))?;
        let ends = matches!(event, Event::DocumentEnd);
        builder.take(event, span)?;
        if nodes + builder.tree.len() > MAX_NODES {
            return Err(builder
                .fault(builder.offsets.byte(span.start.index()), ValueFault::TooMany { limit: MAX_NODES }));
        }
        if ends {
            nodes += builder.tree.len();
            documents.extend(builder.finish());
        }
    }
    Ok(documents)
}

/// `kubectl` cuts a stream at lines that begin with `---`, and takes nothing but a comment after it.
fn check_separators(text: &Text) -> Result<(), ReadError> {
    let mut start = 0;
    for line in text.content().split_inclusive('\n') {
        if let Some(rest) = line.trim_start_matches('\u{feff}').strip_prefix("---")
            && !(rest.trim().is_empty() || rest.trim_start().starts_with('#'))
        {
            let place = text.place(start);
            return Err(ReadError::Meaningless { place, fault: ValueFault::TextAfterSeparator });
        }
        start += line.len();
    }
    Ok(())
}

/// A collection that is not closed yet.
enum Open {
    Sequence { id: NodeId, items: Vec<NodeId> },
    Mapping { id: NodeId, entries: Vec<Entry>, key: Option<NodeId> },
}

struct Builder<'a> {
    text: &'a Text,
    offsets: Offsets<'a>,
    tree: Tree,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    root: Option<NodeId>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), ReadError> {
        let bytes = self.offsets.byte(span.start.index())..self.offsets.byte(span.end.index());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                let span = self.without_what_follows(bytes, style);
                let id = self.push(span, tag.as_deref(), anchor, kind);
                self.place(id);
            }
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor).copied() else {
                    return Err(self.fault(bytes.start, ValueFault::EndlessAlias));
                };
                if self.open.iter().any(|open| open.id() == target) {
                    return Err(self.fault(bytes.start, ValueFault::EndlessAlias));
                }
                let id = self.push(bytes, None, 0, Kind::Alias(target));
                self.place(id);
            }
            Event::SequenceStart(anchor, tag) => {
                let kind = Kind::Sequence { items: Vec::new(), flow: self.is_flow(&bytes) };
                let id = self.begin(bytes, tag.as_deref(), anchor, kind)?;
                self.open.push(Open::Sequence { id, items: Vec::new() });
            }
            Event::MappingStart(anchor, tag) => {
                let kind = Kind::Mapping { entries: Vec::new(), flow: self.is_flow(&bytes) };
                let id = self.begin(bytes, tag.as_deref(), anchor, kind)?;
                self.open.push(Open::Mapping { id, entries: Vec::new(), key: None });
            }
            // The span begins with the bracket and may reach over a comment.
            Event::SequenceEnd | Event::MappingEnd => self.end(bytes.start + 1),
            _ => {}
        }
        Ok(())
    }

    fn push(
        &mut self,
        span: Range<usize>,
        tag: Option<&saphyr_parser::Tag>,
        anchor: usize,
        kind: Kind,
    ) -> NodeId {
        let id = self.tree.push(Node { span, tag: tag.map(read_tag), anchored: anchor != 0, kind });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        id
    }

    fn begin(
        &mut self,
        span: Range<usize>,
        tag: Option<&saphyr_parser::Tag>,
        anchor: usize,
        kind: Kind,
    ) -> Result<NodeId, ReadError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.fault(span.start, ValueFault::TooDeep { limit: MAX_DEPTH }));
        }
        // A block collection begins behind its anchor and its tag, on another line.
        let flow = matches!(kind, Kind::Mapping { flow: true, .. } | Kind::Sequence { flow: true, .. });
        let span = if flow { span } else { span.end..span.end };
        Ok(self.push(span, tag, anchor, kind))
    }

    /// Gives a finished node to the collection around it.
    fn place(&mut self, id: NodeId) {
        match self.open.last_mut() {
            None => self.root = Some(id),
            Some(Open::Sequence { items, .. }) => items.push(id),
            Some(Open::Mapping { entries, key, .. }) => match key.take() {
                None => *key = Some(id),
                Some(key) => entries.push(Entry { key, value: id }),
            },
        }
    }

    fn end(&mut self, end: usize) {
        let Some(open) = self.open.pop() else { return };
        let id = open.id();
        let last = match &open {
            Open::Sequence { items, .. } => items.last().copied(),
            Open::Mapping { entries, .. } => entries.last().map(|entry| entry.value),
        };
        let inner_end = last.map(|last| self.tree.node(last).span.end);
        if let Some(node) = self.tree.node_mut(id) {
            match (open, &mut node.kind) {
                (Open::Sequence { items: found, .. }, Kind::Sequence { items, flow }) => {
                    *items = found;
                    node.span.end = if *flow { end } else { inner_end.unwrap_or(node.span.end) };
                }
                (Open::Mapping { entries: found, .. }, Kind::Mapping { entries, flow }) => {
                    *entries = found;
                    node.span.end = if *flow { end } else { inner_end.unwrap_or(node.span.end) };
                }
                _ => {}
            }
        }
        self.place(id);
    }

    fn finish(&mut self) -> Option<Parsed> {
        let tree = std::mem::take(&mut self.tree);
        self.anchors.clear();
        self.open.clear();
        let root = self.root.take()?;
        let empty = matches!(&tree.node(root).kind, Kind::Scalar { text, plain: true } if text.is_empty());
        (!empty).then_some(Parsed { tree, root })
    }

    /// The span of the beginning of a collection reaches to what comes next in it, over blanks and comments.
    fn is_flow(&self, span: &Range<usize>) -> bool {
        let text = self.text.content().get(span.clone()).unwrap_or_default();
        let mut said = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim_end());
        said.rfind(|line| !line.is_empty()).is_some_and(|line| line.ends_with(['{', '[']))
    }

    /// The span of a block scalar reaches over the empty lines behind it, that of a quoted one over a comment.
    fn without_what_follows(&self, span: Range<usize>, style: ScalarStyle) -> Range<usize> {
        let text = self.text.content().get(span.clone()).unwrap_or_default();
        let length = match style {
            ScalarStyle::Plain => text.len(),
            ScalarStyle::Literal | ScalarStyle::Folded => text.trim_end_matches(['\n', '\r', ' ']).len(),
            ScalarStyle::SingleQuoted => end_of_quoted(text, '\''),
            ScalarStyle::DoubleQuoted => end_of_quoted(text, '"'),
        };
        span.start..span.start + length
    }

    fn not_yaml(&self, error: &ScanError) -> ReadError {
        let place = self.text.place(self.offsets.byte(error.marker().index()));
        ReadError::NotYaml { place, reason: error.info().to_owned() }
    }

    fn fault(&self, offset: usize, fault: ValueFault) -> ReadError {
        ReadError::Meaningless { place: self.text.place(offset), fault }
    }
}

impl Open {
    fn id(&self) -> NodeId {
        match self {
            Self::Sequence { id, .. } | Self::Mapping { id, .. } => *id,
        }
    }
}

/// The length of a quoted scalar; what stands before it, an anchor or a tag, has no quotation marks.
fn end_of_quoted(text: &str, quote: char) -> usize {
    let begin = text.find(quote).map_or(0, |at| at + 1);
    let mut escaped = false;
    let mut characters = text.char_indices().skip_while(|(at, _)| *at < begin).peekable();
    while let Some((at, character)) = characters.next() {
        if escaped {
            escaped = false;
        } else if quote == '"' && character == '\\' {
            escaped = true;
        } else if character == quote {
            // `''` is a quotation mark inside.
            if quote == '\'' && characters.next_if(|(_, next)| *next == quote).is_some() {
                continue;
            }
            return at + 1;
        }
    }
    text.len()
}

fn read_tag(tag: &saphyr_parser::Tag) -> Tag {
    // `! text` is text (YAML 1.1, section 3.3.2).
    if tag.handle.is_empty() && tag.suffix == "!" {
        return Tag::Str;
    }
    match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
        (true, "binary") => Tag::Binary,
        (true, "bool") => Tag::Bool,
        (true, "float") => Tag::Float,
        (true, "int") => Tag::Int,
        (true, "null") => Tag::Null,
        (true, "str") => Tag::Str,
        _ => Tag::Other,
    }
}

/// Where in the file the n-th character of the text is.
struct Offsets<'a> {
    body: &'a str,
    skipped: usize,
    /// The offset in `body` of every 64th character; none if characters are bytes.
    marks: Vec<usize>,
}

impl<'a> Offsets<'a> {
    const STEP: usize = 64;

    fn new(body: &'a str, skipped: usize) -> Self {
        let marks = if body.is_ascii() {
            Vec::new()
        } else {
            body.char_indices().step_by(Self::STEP).map(|(offset, _)| offset).collect()
        };
        Self { body, skipped, marks }
    }

    fn byte(&self, character: usize) -> usize {
        let offset = if self.marks.is_empty() {
            character.min(self.body.len())
        } else {
            match self.marks.get(character / Self::STEP) {
                None => self.body.len(),
                Some(mark) => {
                    let rest = self.body.get(*mark..).unwrap_or_default();
                    let inside = rest.char_indices().nth(character % Self::STEP);
                    mark + inside.map_or(rest.len(), |(offset, _)| offset)
                }
            }
        };
        self.skipped + offset
    }
}
