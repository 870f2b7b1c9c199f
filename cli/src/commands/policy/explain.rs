//! `contrast policy explain` and `contrast policy diff`: what policies allow, in plain words.

use contrast_policy::{Change, Section, diff as changes, explain as sections};

use super::{
    options::{DiffOptions, ExplainOptions},
    source,
};
use crate::{failure::Failure, output};

/// Says what each policy of a file allows.
pub(super) fn explain(options: &ExplainOptions) -> Result<(), Failure> {
    for found in source::all(&options.file, options.workload.as_deref())? {
        output::result(&format!("Policy of {}\n", one_line(&found.name)));
        for Section { title, lines } in sections(&found.expectations()?) {
            output::result(&format!("\n{}:\n{}", one_line(&title), listed("-", &lines)));
        }
    }
    Ok(())
}

/// Says what changed from one policy to another.
pub(super) fn diff(options: &DiffOptions) -> Result<(), Failure> {
    let workload = options.workload.as_deref();
    let before = source::one(&options.before, workload)?.expectations()?;
    let after = source::one(&options.after, workload)?.expectations()?;
    let changes = changes(&before, &after);
    if changes.is_empty() {
        output::success("Both policies allow the same.");
    }
    for Change { title, removed, added } in changes {
        output::result(&format!("{}:\n{}{}", one_line(&title), listed("-", &removed), listed("+", &added)));
    }
    Ok(())
}

fn listed(mark: &str, lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {mark} {}\n", one_line(line))).collect()
}

/// Text from elsewhere, on the one line that it belongs to.
pub(super) fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}
