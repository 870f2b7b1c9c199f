//! Measures what `docs/performance.md` promises, as ratios within one run: `cargo xtask bench`.
//!
//! Absolute times depend on the machine and on who else uses it; each is set against the cost, measured
//! in the same seconds, of what cannot be avoided.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made must end the program"
)]

/// The agent and the honest node of the policies' own tests.
#[path = "../../../../policy/tests/pods/agent.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "a part of the tests")]
mod agent;
mod append;
mod appraisal;
mod attack;
mod certificates;
mod evaluation;
mod generate;
#[path = "../../../../policy/tests/pods/honest.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "a part of the tests")]
mod honest;
mod memory;
mod mesh;
mod replay;
mod table;

use std::process::ExitCode;

use contrast_tests::is_in_own_namespaces;

/// What can be measured; all of it, unless some are named as arguments. The clients of `certificates` are to be as new as
/// pods are, and the replays leave the heap of this process in pieces.
const PARTS: [&str; 9] =
    ["certificates", "append", "appraisal", "evaluation", "generate", "mesh", "attack", "replay", "memory"];

fn main() -> ExitCode {
    if is_in_own_namespaces() {
        return mesh::measure();
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !PARTS.contains(&name.as_str())) {
        eprintln!("Error: there is no measurement `{unknown}`; there are {}", PARTS.join(", "));
        return ExitCode::from(2);
    }
    let directory = tempfile::tempdir_in(contrast_tests::workspace_root().join("target"))
        .or_else(|_| tempfile::tempdir())
        .expect("there is room for temporary files");
    eprintln!("measuring; this takes a few minutes");
    let mut rows = Vec::new();
    for part in PARTS.iter().filter(|part| wanted.is_empty() || wanted.iter().any(|name| name == *part)) {
        let measured = match *part {
            "append" => vec![append::durable_append(directory.path())],
            "replay" => replay::replays(),
            "appraisal" => appraisal::appraisals(),
            "evaluation" => evaluation::rows().into(),
            "generate" => generate::rows(),
            "attack" => attack::siege(),
            "certificates" => vec![certificates::certificates()],
            "mesh" => mesh::rows(),
            _ => vec![memory::idle()],
        };
        // A later part may fail, and this took long.
        for row in &measured {
            eprintln!("{part}: {}: {}, against {}", row.what, row.measured, row.against);
        }
        rows.extend(measured);
    }
    table::print(&rows)
}
