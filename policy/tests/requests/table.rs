//! The table of faults in the documentation.

use std::{env, fs, path::Path};

use contrast_policy::{Mismatch, Verdict, request::Kind};

use crate::{
    agreement::{engine, explained},
    support::{
        faults::{self, Fault},
        honest,
        open::OPEN,
    },
};

const HEAD: &str = "\
# What is said about a request with a fault

Each row is an honest request of a host for a container, with one thing wrong, and what `contrast policy check` says about it. The
container has something of everything, and its policy fixes all of it; every member that is compared was changed, every
item dropped and repeated, and everything swapped that another container of the pod has otherwise. All of these are denied;
what passes is [below](#faults-that-pass). The tests make this table, and hold it to be current: `CONTRAST_WRITE_TABLE=1 cargo test -p contrast-policy table` writes it anew.

| fault | member | comparisons that fail |
|---|---|---|
";

const TAIL: &str = "
## Faults that pass

| fault | member | why |
|---|---|---|
";

/// Longest text of a cell.
const LONGEST: usize = 160;

#[test]
fn the_table_of_faults_is_current() {
    let (one, other) = (honest::request(), honest::other_request());
    let engine = engine();
    let mut table = HEAD.to_owned();
    for Fault { what, path, members } in
        faults::single_faults(&one).into_iter().chain(faults::swapped(&one, &other))
    {
        if let (Verdict::Denied, Some(explanation)) = explained(&engine, Kind::CreateContainer, &members) {
            let mismatches: Vec<_> = explanation.mismatches.iter().map(cell).collect();
            table.push_str(&format!("| {what} | {} | {} |\n", code(&path), mismatches.join("<br>")));
        }
    }
    table.push_str(TAIL);
    for (fault, reason) in OPEN {
        let (what, path) = fault.rsplit_once(' ').unwrap();
        table.push_str(&format!("| {what} | {} | {reason} |\n", code(path)));
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy-cases.md");
    if env::var_os("CONTRAST_WRITE_TABLE").is_some() {
        fs::write(&file, &table).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == table, "docs/policy-cases.md is not current: see its head");
}

fn cell(mismatch: &Mismatch) -> String {
    let Mismatch { path, expected, found, .. } = mismatch;
    format!("{}: expected {}, found {}", code(path), code(expected), code(found))
}

/// Text as it is, short enough for a table, whose cells it does not end.
fn code(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.replace('|', "\\|"))
}
