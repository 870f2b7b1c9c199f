//! What another policy allows more, or less, in the words of the explanation.

use std::collections::BTreeSet;

use crate::{
    expectation::Expectations,
    explain::{Section, explain},
};

/// What changed in a section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Title of the section.
    pub title: String,
    /// What is no longer said.
    pub removed: Vec<String>,
    /// What is said now.
    pub added: Vec<String>,
}

/// What changed, in the order of the explanations. Empty if both allow the same.
#[must_use]
pub fn diff(before: &Expectations, after: &Expectations) -> Vec<Change> {
    let (before, after) = (explain(before), explain(after));
    let titles = before.iter().chain(after.iter().filter(|new| find(&before, &new.title).is_none()));
    let changes = titles.map(|section| {
        let old = find(&before, &section.title).map_or(&[][..], |section| &section.lines);
        let new = find(&after, &section.title).map_or(&[][..], |section| &section.lines);
        Change { title: section.title.clone(), removed: without(old, new), added: without(new, old) }
    });
    changes.filter(|change| !change.removed.is_empty() || !change.added.is_empty()).collect()
}

fn find<'a>(sections: &'a [Section], title: &str) -> Option<&'a Section> {
    sections.iter().find(|section| section.title == title)
}

fn without(lines: &[String], others: &[String]) -> Vec<String> {
    let others: BTreeSet<&String> = others.iter().collect();
    lines.iter().filter(|line| !others.contains(line)).cloned().collect()
}
