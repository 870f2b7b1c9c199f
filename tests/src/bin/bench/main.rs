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
mod memory;
mod mesh;
mod replay;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let directory = tempfile::tempdir_in(contrast_tests::workspace_root().join("target"))
        .or_else(|_| tempfile::tempdir())
        .expect("there is room for temporary files");
    eprintln!("measuring; this takes a few minutes");
    let mut rows = vec![append::durable_append(directory.path())];
    for events in [10_000, 100_000] {
        rows.extend(replay::replay(events));
    }
    rows.push(mesh::certificates());
    rows.push(memory::idle());
    table::print(&rows)
}
