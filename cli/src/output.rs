//! What the user sees: results on stdout, everything else on stderr.

mod progress;

use std::{
    io::{self, Write},
    sync::Once,
};

use contrast_attestation::EvidenceType;
use contrast_manifest::Manifest;

pub(crate) use progress::{Progress, with_progress};

use crate::failure::Failure;

/// A line that says what was achieved. Printed whether or not stdout is a terminal.
pub(crate) fn success(line: &str) {
    result(&format!("✔ {line}\n"));
}

/// A result, as it is.
pub(crate) fn result(text: &str) {
    // A reader that went away (`| head`) is no failure of the command.
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// A line beside the result.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(line));
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

/// Text from elsewhere must not be able to move the cursor or to change colours.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_control_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc"), "a\u{fffd}[31mb\nc");
    }
}
