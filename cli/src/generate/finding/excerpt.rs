//! Findings at their place in the text, for people at a terminal.

use std::{collections::BTreeMap, fmt};

use contrast_resources::Place;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::{Finding, Severity};

/// The texts that findings are about, by the name of the file.
#[derive(Default)]
pub(crate) struct Excerpts(BTreeMap<String, NamedSource<String>>);

impl Excerpts {
    /// Of files by name.
    pub(crate) fn new<'t>(files: impl Iterator<Item = (&'t str, &'t str)>) -> Self {
        let source = |(name, text): (&str, &str)| (name.to_owned(), NamedSource::new(name, text.to_owned()));
        Self(files.map(source).collect())
    }

    /// A finding with the lines that it is about; as a sentence, if its file is not known.
    pub(crate) fn show(&self, finding: &Finding) -> String {
        let place = finding.place.as_ref();
        let source = place.and_then(|place| self.0.get(&place.file));
        let (Some(place), Some(source)) = (place, source) else { return finding.to_string() };
        let shown = Shown { finding, source, span: span(source.inner(), place) };
        // Without colours: whatever is shown has passed the escaping of control characters.
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(110)
            .with_links(false);
        let mut text = String::new();
        match handler.render_report(&mut text, &shown) {
            Ok(()) => text,
            Err(fmt::Error) => finding.to_string(),
        }
    }
}

/// From a place to the end of its line: where it begins, in bytes, and how long it is.
fn span(text: &str, place: &Place) -> (usize, usize) {
    let before: usize = text.split_inclusive('\n').take(place.line.saturating_sub(1)).map(str::len).sum();
    let line = text.get(before..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let column =
        line.char_indices().nth(place.column.saturating_sub(1)).map_or(line.len(), |(offset, _)| offset);
    let length = line.get(column..).map_or(0, |rest| rest.trim_end().len());
    (before + column, length)
}

struct Shown<'a> {
    finding: &'a Finding,
    source: &'a NamedSource<String>,
    span: (usize, usize),
}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Note => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        let (_, remedy) = self.finding.parts();
        remedy.map(|remedy| Box::new(remedy) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, self.span))))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, _) = self.finding.parts();
        match &self.finding.workload {
            Some(workload) => write!(f, "{workload}: {reason}"),
            None => f.write_str(reason),
        }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Shown<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(line: usize, column: usize) -> Finding {
        Finding {
            severity: Severity::Error,
            code: "images",
            place: Some(Place { file: "a.yaml".to_owned(), line, column }),
            workload: Some("Pod/web".to_owned()),
            message: "it is not pinned; name its digest".to_owned(),
        }
    }

    #[test]
    fn the_line_is_shown_with_the_reason_above_and_the_remedy_below() {
        let excerpts = Excerpts::new([("a.yaml", "kind: Pod\r\nimage: é:1 # é\nlast: 1")].into_iter());
        let shown = excerpts.show(&finding(2, 8));
        for expected in ["Pod/web: it is not pinned", "a.yaml:2:8", "image: é:1 # é", "help: name its digest"]
        {
            assert!(shown.contains(expected), "{expected}:\n{shown}");
        }
        assert!(!shown.contains('\x1b'), "{shown:?}");
    }

    #[test]
    fn a_place_that_is_not_in_the_text_is_no_harm() {
        let excerpts = Excerpts::new([("a.yaml", "é\n")].into_iter());
        for (line, column) in [(1, 1), (1, 9), (2, 1), (9, 9), (0, 0)] {
            assert!(excerpts.show(&finding(line, column)).contains("it is not pinned"));
        }
        assert_eq!(Excerpts::default().show(&finding(1, 1)), finding(1, 1).to_string());
    }
}
