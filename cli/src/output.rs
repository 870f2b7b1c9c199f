//! What the user sees: results on stdout, everything else on stderr.

mod progress;

use std::{
    io::{self, IsTerminal, Write},
    sync::Once,
};

use contrast_attestation::EvidenceType;
use contrast_manifest::Manifest;

pub(crate) use progress::{Progress, Step, with_progress};

use crate::failure::Failure;

/// A line that says what was achieved. Printed whether or not stdout is a terminal.
pub(crate) fn success(line: &str) {
    result(&format!("✔ {line}\n"));
}

/// A result of whole lines.
pub(crate) fn result(text: &str) {
    // A reader that went away (`| head`) is no failure of the command.
    let _ = io::stdout().lock().write_all(printable(text).as_bytes());
}

/// Whether a person is looking at what is said beside the result.
pub(crate) fn is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// A document for other programs, as it is.
pub(crate) fn document(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// A line beside the result. Whatever it quotes may have more lines; they are set in, so that none looks like a line of
/// this program's own.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", set_in(line));
}

/// A line that the user should not miss.
pub(crate) fn warning(line: &str) {
    note(&format!("WARNING: {line}"));
}

/// Says so in plain sight, once, if the Coordinator is not confidential.
pub(crate) fn warn_of_simulation(evidence: Option<EvidenceType>) {
    static SAID: Once = Once::new();
    if evidence == Some(EvidenceType::Simulated) {
        SAID.call_once(|| warning("the Coordinator runs on SIMULATED hardware. Nothing is confidential."));
    }
}

/// Says so in plain sight if a manifest trusts hardware that is not confidential.
pub(crate) fn warn_of_simulated_manifest(manifest: &Manifest) {
    if !manifest.reference_values.simulated.is_empty() {
        warning("the manifest lists SIMULATED hardware. Nothing is confidential in its deployment.");
    }
}

/// Why a command failed.
pub(crate) fn failure(failure: &Failure) {
    note(&format!("Error: {}", failure.sentence()));
    for cause in failure.causes() {
        note(&format!("  caused by: {cause}"));
    }
    if let Some(advice) = failure.advice() {
        note(&format!("help: {advice}"));
    }
}

/// What a person may see of a text that may quote others: nothing in it moves the cursor, changes colours, turns the
/// direction of writing, or hides. Everything that is shown passes through here.
///
/// Only line feeds stay. What else is not plain is written as in JSON (`\u202e`), so that JSON means the same after it.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_hidden(c) {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    shown
}

fn set_in(line: &str) -> String {
    printable(line.trim_end_matches('\n')).replace('\n', "\n    ")
}

/// Characters that act instead of showing: controls (C0, C1, DEL), marks and embeddings of direction, what has no width,
/// separators of lines and paragraphs, tags.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_control_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc\r"), "a\\u001b[31mb\nc\\u000d");
        assert_eq!(printable("web\u{202e}\u{9b}\u{200b}\u{e0041}"), "web\\u202e\\u009b\\u200b\\udb40\\udc41");
        assert_eq!(printable("Ä → ✔ 漢"), "Ä → ✔ 漢");
    }

    #[test]
    fn a_quoted_line_does_not_look_like_one_of_this_program() {
        assert_eq!(set_in("it says: no\n✔ verified\n"), "it says: no\n    ✔ verified");
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_acts(text: String, hidden in "[\\x00-\\x1f\\x7f-\u{9f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}]*") {
            let shown = printable(&format!("{hidden}{text}{hidden}"));
            prop_assert!(shown.chars().all(|c| c == '\n' || !is_hidden(c)), "{shown:?}");
            prop_assert!(set_in(&text).lines().skip(1).all(|line| line.starts_with("    ")));
        }

        #[test]
        fn json_means_the_same_when_it_is_shown(text: String, hidden in "[\u{7f}-\u{9f}\u{200b}-\u{202e}\u{e0001}-\u{e007f}]*") {
            let value = serde_json::json!({ (text.clone() + &hidden): hidden + &text });
            let shown = printable(&value.to_string());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
