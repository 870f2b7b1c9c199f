//! What is said of the resources, beside the result.

use std::collections::BTreeSet;

use super::options::FindingFormat;
use crate::{
    generate::{
        finding::{Excerpts, Finding, Severity},
        resources::Resources,
    },
    output,
};

/// Shows findings: as machines want them, with their places in the texts at a terminal, or as sentences.
pub(super) fn show<'f>(
    resources: &Resources,
    findings: impl Iterator<Item = &'f Finding>,
    format: FindingFormat,
) {
    let excerpts = match format {
        FindingFormat::Json => {
            return findings.for_each(|finding| output::note(&finding.to_json().to_string()));
        }
        FindingFormat::Text if output::is_terminal() => {
            let files = resources.files().iter().map(|source| (source.file.name(), source.file.text()));
            Excerpts::new(files)
        }
        FindingFormat::Text => Excerpts::default(),
    };
    for finding in findings {
        let text = excerpts.show(finding);
        match finding.severity {
            Severity::Note | Severity::Error => output::note(&text),
            Severity::Warning => output::warning(&text),
        }
    }
}

/// Shows what is worth knowing after everything was written. What could be said of almost every pod is said once.
pub(super) fn after_success(resources: &Resources, findings: &[Finding], format: FindingFormat) {
    if format == FindingFormat::Json {
        return show(resources, findings.iter(), format);
    }
    let is_special = |finding: &&Finding| finding.place.is_none() || finding.severity > Severity::Note;
    show(resources, findings.iter().filter(is_special), format);
    if let Some(note) = of_cluster(findings) {
        output::note(&note);
    }
}

/// One line for what the same could be said of each workload.
fn of_cluster(findings: &[Finding]) -> Option<String> {
    let of_workloads = findings.iter().filter(|finding| finding.severity == Severity::Note);
    let workloads: BTreeSet<_> = of_workloads.filter_map(|finding| finding.workload.as_deref()).collect();
    (!workloads.is_empty()).then(|| {
        format!(
            "The cluster adds to pods of {} what their YAML does not show; docs/policies.md says what, and how to switch it off (--output-format json lists it).",
            workloads.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}
