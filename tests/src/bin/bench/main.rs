//! Measures what `docs/performance.md` promises, as ratios within one run: `cargo xtask bench`.
//!
//! Absolute times depend on the machine and on who else uses it; each is set against the cost, measured
//! in the same seconds, of what cannot be avoided.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made must end the program"
)]

mod append;
mod appraisal;
mod attack;
mod generate;
mod memory;
mod mesh;
mod replay;
mod table;

use std::process::ExitCode;

/// What can be measured; all of it, unless some are named as arguments. The clients of `mesh` are to be as new as pods
/// are, and the replays leave the heap of this process in pieces.
const PARTS: [&str; 7] = ["mesh", "append", "appraisal", "generate", "attack", "replay", "memory"];

fn main() -> ExitCode {
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
            "generate" => generate::rows(),
            "attack" => attack::siege(),
            "mesh" => vec![mesh::certificates()],
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
