//! From real findings to the place in the manifest and the next step: a test for every row of the table of refusals in
//! docs/attestation.md.

use std::fs;

use contrast_attestation::Rejection;

use super::super::verdict::Entry;

mod snp;
mod snp_endorsement;
mod tdx;

/// What `check` says about the finding in `field`: the place in the manifest, or nothing, and the remedy. The field
/// must be in the documentation's table.
#[track_caller]
fn advice(rejection: Rejection, field: &str) -> (String, String) {
    assert!(is_documented(field), "docs/attestation.md has no row for {field}");
    let entry = Entry::from(rejection).to_json();
    let mut findings = entry["findings"].as_array().unwrap().iter();
    let finding = findings.find(|finding| finding["field"] == field).unwrap_or_else(|| panic!("{entry}"));
    let path = finding["path"].as_str().unwrap_or_default();
    (path.to_owned(), finding["remedy"].as_str().unwrap().to_owned())
}

#[track_caller]
fn advises(rejection: Rejection, field: &str, path: &str, step: &str) {
    let (place, remedy) = advice(rejection, field);
    assert_eq!(place, path, "{field}");
    assert!(remedy.contains(step), "{field}: {remedy}");
}

/// Does the first column of a row name the field? Three dots stand for anything, and `report field` and the like may
/// be left out.
fn is_documented(field: &str) -> bool {
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/attestation.md")).unwrap();
    let (_, table) = docs.split_once("## What a refusal means").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let mut names = rows.flat_map(|(what, _)| what.split('`').skip(1).step_by(2));
    names.any(|name| {
        fits(field, name) || field.split_once(" field ").is_some_and(|(_, field)| fits(field, name))
    })
}

fn fits(field: &str, name: &str) -> bool {
    match name.split_once("...") {
        None => field == name,
        Some((start, rest)) => field.strip_prefix(start).is_some_and(|field| {
            rest.is_empty() || field.match_indices(|_| true).any(|(at, _)| fits(&field[at..], rest))
        }),
    }
}

#[test]
fn a_field_that_no_row_names_is_noticed() {
    assert!(is_documented("report field IMAGE_ID") && is_documented("ASK certificate common name"));
    assert!(!is_documented("report field SOMETHING") && !is_documented("certificates"));
}
