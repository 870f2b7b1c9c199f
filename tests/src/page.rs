//! A page of the handbook whose commands are a test: they are run in their order, in one shell, and what they print is compared
//! with what the page shows.
//!
//! In the page, a block ```` ```sh ```` is a step. A block ```` ```text ```` after it, before the next step, is what it prints: line by line,
//! where `...` in a line stands for any text and a line `...` for any lines. Blanks count as one. A comment before a block says
//! what is special about it: `<!-- fails -->` that its last command does not succeed, `<!-- not run: REASON -->` that it is not run
//! here.

mod expected;
mod session;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use expected::{Difference, compare};
pub use session::Session;

/// What a page consists of, in its order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// A heading, and how deep it is.
    Heading {
        /// 1 for the page's own.
        level: usize,
        /// Its text.
        text: String,
    },
    /// A paragraph or list, as it stands there.
    Prose(String),
    /// Commands.
    Step(Step),
}

/// A block of commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Where it begins in the page.
    pub line: usize,
    /// The commands.
    pub commands: String,
    /// Whether they are run.
    pub run: Run,
    /// What the page says that they print.
    pub shown: Option<String>,
}

/// What is special about a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Run {
    /// It succeeds.
    Succeeds,
    /// Its last command does not succeed.
    Fails,
    /// It is not run, for a reason that the page gives.
    No(String),
}

/// Longest that a step may take.
pub const STEP_LIMIT: Duration = Duration::from_secs(420);

/// The parts of a page.
///
/// # Panics
/// If a block does not end, or a comment for the runner is misspelt: a test that silently skips what it was told to run is none.
#[must_use]
pub fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut note = None;
    let mut lines = page.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        if let Some(text) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
            assert!(note.replace(text.to_owned()).is_none(), "line {}: two comments", index + 1);
        } else if let Some(language) = line.strip_prefix("```") {
            let mut block = String::new();
            loop {
                let (_, line) = lines.next().unwrap_or_else(|| panic!("line {}: no end", index + 1));
                if line == "```" {
                    break;
                }
                block.push_str(line);
                block.push('\n');
            }
            add_block(&mut parts, language, block, note.take(), index + 1);
        } else if let Some(text) = heading(line) {
            parts.push(text);
        } else if !line.trim().is_empty() {
            let mut prose = line.to_owned();
            while let Some((_, next)) = lines.next_if(|(_, next)| is_prose(next)) {
                prose.push('\n');
                prose.push_str(next);
            }
            parts.push(Part::Prose(prose));
        }
    }
    assert_eq!(note, None, "a comment at the end of the page");
    parts
}

fn is_prose(line: &str) -> bool {
    !line.trim().is_empty()
        && !line.starts_with("```")
        && !line.starts_with("<!-- ")
        && heading(line).is_none()
}

fn heading(line: &str) -> Option<Part> {
    let level = line.chars().take_while(|c| *c == '#').count();
    let text = line.trim_start_matches('#').strip_prefix(' ')?;
    (level > 0).then(|| Part::Heading { level, text: text.to_owned() })
}

fn add_block(parts: &mut Vec<Part>, language: &str, block: String, note: Option<String>, line: usize) {
    match (language, note.as_deref()) {
        ("sh", note) => {
            let run = match note {
                None => Run::Succeeds,
                Some("fails") => Run::Fails,
                Some(other) => match other.strip_prefix("not run: ") {
                    Some(reason) => Run::No(reason.to_owned()),
                    None => panic!("line {line}: unknown comment `{other}`"),
                },
            };
            parts.push(Part::Step(Step { line, commands: block, run, shown: None }));
        }
        ("text", None) => {
            let last = parts.iter_mut().rev().find_map(|part| match part {
                Part::Step(step) => Some(step),
                _ => None,
            });
            let step = last.unwrap_or_else(|| panic!("line {line}: nothing printed this"));
            assert_eq!(step.shown, None, "line {line}: a second answer to the step of line {}", step.line);
            step.shown = Some(block);
        }
        // Files that are only looked at.
        (_, None) => parts.push(Part::Prose(block)),
        (_, Some(note)) => panic!("line {line}: `{note}` before a block of {language}"),
    }
}
