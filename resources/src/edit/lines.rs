//! Questions about the text around a node.

use std::ops::Range;

use crate::{json, text::Text};

/// The text as lines.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    text: &'a Text,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a Text) -> Self {
        Self { text }
    }

    pub(super) fn is_json(self) -> bool {
        json::looks_like_json(self.text)
    }

    /// What new lines end with.
    pub(super) fn line_end(self) -> &'static str {
        self.text.line_end()
    }

    /// Where the line of this offset begins.
    pub(super) fn start(self, offset: usize) -> usize {
        self.before(offset).rfind('\n').map_or(0, |at| at + 1)
    }

    /// Where it ends, before its line break.
    pub(super) fn end(self, offset: usize) -> usize {
        let rest = self.content().get(offset..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        offset + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// From the end of the line before those of `span` to the end of its last; or, if there is none before it, with
    /// its own line break.
    pub(super) fn whole(self, span: &Range<usize>) -> Range<usize> {
        let (start, end) = (self.start(span.start), self.end(span.end));
        if start > 0 {
            let line_break = if self.before(start).ends_with("\r\n") { 2 } else { 1 };
            return start - line_break..end;
        }
        let rest = self.content().get(end..).unwrap_or_default();
        start..end + if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
    }

    /// Columns before the offset, in characters.
    pub(super) fn column(self, offset: usize) -> usize {
        let line = self.content().get(self.start(offset)..offset).unwrap_or_default();
        line.trim_start_matches('\u{feff}').chars().count()
    }

    /// Whether nothing but blanks stands before the offset on its line.
    pub(super) fn is_first(self, offset: usize) -> bool {
        let line = self.content().get(self.start(offset)..offset).unwrap_or_default();
        line.trim_matches(['\u{feff}', ' ', '\t']).is_empty()
    }

    /// The offset after the colon that follows a key.
    pub(super) fn after_colon(self, key_end: usize) -> usize {
        let rest = self.content().get(key_end..).unwrap_or_default();
        key_end + rest.find(':').map_or(0, |at| at + 1)
    }

    /// The dash before the item of a block list that begins at an offset.
    pub(super) fn dash(self, item: usize) -> Option<usize> {
        let mut end = item;
        loop {
            let start = self.start(end);
            let line = self.content().get(start..end).unwrap_or_default();
            let is_blank = |neighbour: Option<char>| neighbour.is_none_or(char::is_whitespace);
            let dash = line.rmatch_indices('-').find(|(at, _)| {
                is_blank(line.get(at + 1..).and_then(|rest| rest.chars().next()))
                    && is_blank(
                        line.get(..*at)
                            .and_then(|rest| rest.trim_start_matches('\u{feff}').chars().next_back()),
                    )
            });
            match dash {
                Some((at, _)) if !line.trim_start().starts_with('#') => return Some(start + at),
                _ => end = start.checked_sub(1)?,
            }
        }
    }

    /// The anchor with which a node begins, and a blank.
    pub(super) fn anchor(self, span: &Range<usize>) -> &'a str {
        let text = self.content().get(span.clone()).unwrap_or_default();
        match text.find(' ') {
            Some(end) if text.starts_with('&') => text.get(..=end).unwrap_or_default(),
            _ => "",
        }
    }

    pub(super) fn starts_with_quote(self, span: &Range<usize>) -> bool {
        let text = self.content().get(span.clone()).unwrap_or_default();
        text.starts_with(['"', '\''])
    }

    fn before(self, offset: usize) -> &'a str {
        self.content().get(..offset).unwrap_or_default()
    }

    fn content(self) -> &'a str {
        self.text.content()
    }
}
