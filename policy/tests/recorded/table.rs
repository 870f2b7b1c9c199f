//! The table of faults in the documentation.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

use contrast_policy::Mismatch;

use crate::{
    case,
    variants::{Outcome, Tried, try_faults},
};

const HEAD: &str = "\
# What is said about a request with a fault

What a real kubelet and a real containerd sent for a Coordinator and a shop of three services, as requests for the agent, with one thing wrong in each: every
member changed and dropped, every item dropped and repeated, something added to each map, and everything swapped that another
container of the same pod has otherwise. Each kind of fault was tried once; where items of a list are told apart (variables, mounts,
hidden paths), once for each item. The example is one of the comparisons that fail for the first fault of its kind, as `contrast policy check` prints them.
All of these are denied; what passes is [below](#faults-that-pass). The tests make this table, and hold it to be current:
`CONTRAST_WRITE_TABLE=1 cargo test -p contrast-policy --test recorded table` writes it anew.

| request | fault | tried | example |
|---|---|---|---|
";

const TAIL: &str = "
## Faults that pass

| request | fault | items | why |
|---|---|---|---|
";

/// Longest text of a cell.
const LONGEST: usize = 120;

/// Faults of one kind: how many, and what is said about the first.
struct Row {
    tried: usize,
    example: String,
}

#[test]
fn every_kind_of_fault_in_the_demo_s_requests_is_denied_and_the_table_of_them_is_current() {
    let known = RefCell::new(BTreeSet::new());
    let (mut outcome, mut denied, mut passed) = (Outcome::default(), BTreeMap::new(), BTreeMap::new());
    for recorded in case::all().iter().filter(|recorded| recorded.name.starts_with("containerd-2.4/demo/")) {
        let is_new = |kind| known.borrow_mut().insert(kind);
        try_faults(recorded, is_new, |tried| {
            outcome.note(&tried, &recorded.name);
            let example = tried.mismatch().map(cell).unwrap_or_default();
            let Tried { kind, fault, item, told, why, .. } = tried;
            let kind = kind.name().trim_end_matches("Request");
            if told.is_some() {
                denied.entry((kind, fault)).or_insert(Row { tried: 0, example }).tried += 1;
            } else {
                let items: &mut BTreeSet<_> = passed.entry((kind, fault, why.unwrap_or("–"))).or_default();
                items.extend(item);
            }
        });
    }
    outcome.assert_all_denied_named_or_listed();

    let mut table = HEAD.to_owned();
    for ((kind, fault), Row { tried, example }) in &denied {
        table.push_str(&format!("| {kind} | {} | {tried} | {example} |\n", code(fault)));
    }
    table.push_str(TAIL);
    for ((kind, fault, why), items) in &passed {
        let items: Vec<_> = items.iter().map(|item| code(item)).collect();
        table.push_str(&format!("| {kind} | {} | {} | {why} |\n", code(fault), items.join(", ")));
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
