//! The table of faults in the documentation.

use std::{env, fs, path::Path};

use contrast_policy::{
    Engine, Expectations, Mismatch, Verdict, judge,
    request::{Kind, Request},
};

use crate::support::{
    expected,
    faults::{self, Fault},
    honest, policy,
};

const HEAD: &str = "\
# What is said about a request with a fault

Each row is an honest request of a host for a container, with one thing wrong, and what `contrast policy check` says about it. The
container has something of everything, and its policy fixes all of it; every member that is compared was changed, every
item dropped and repeated, and everything swapped that another container of the pod has otherwise. All are denied. The tests make
this table, and hold it to be current: `CONTRAST_WRITE_TABLE=1 cargo test -p contrast-policy table` writes it anew.

| fault | member | comparisons that fail |
|---|---|---|
";

/// Longest text of a cell.
const LONGEST: usize = 160;

#[test]
fn the_table_of_faults_is_current() {
    let (one, other) = (honest::request(), honest::other_request());
    let mut engine = Engine::load(&policy::text(&expected::exactly(&[&one, &other]))).unwrap();
    let expectations = Expectations::of(&mut engine).unwrap();
    let mut table = HEAD.to_owned();
    for Fault { what, path, members } in
        faults::single_faults(&one).into_iter().chain(faults::swapped(&one, &other))
    {
        let mut engine = engine.clone();
        let request = Request::read(Kind::CreateContainer, &members).unwrap();
        let judgement = judge(&mut engine, Some(&expectations), &request);
        if judgement.answer.verdict == Verdict::Denied {
            let mismatches: Vec<_> = judgement.explanation.unwrap().mismatches.iter().map(cell).collect();
            table.push_str(&format!("| {what} | {} | {} |\n", code(&path), mismatches.join("<br>")));
        }
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
