//! What `contrast attestation check` prints.

use std::fmt;

use contrast_attestation::{Claims, EvidenceType, Finding, Rejection};
use contrast_manifest::Manifest;
use serde_json::{Value, json};

use super::{evidence::FileEvidence, remedy::remedy};

/// What one entry of the manifest has against the evidence.
pub(super) struct Entry {
    /// `ReferenceValues.snp[0]`.
    path: String,
    pub(super) findings: Vec<Finding>,
}

impl From<Rejection> for Entry {
    fn from(rejection: Rejection) -> Self {
        Self { path: path(&rejection.verifier), findings: rejection.findings }
    }
}

/// The outcome, and what it does not say.
pub(super) struct Verdict {
    form: &'static str,
    evidence_type: EvidenceType,
    outcome: Result<Accepted, Vec<Entry>>,
    /// What, and why not.
    not_checked: Vec<(&'static str, &'static str)>,
}

struct Accepted {
    path: String,
    host_data: String,
    sans: Vec<String>,
}

impl Verdict {
    pub(super) fn new(
        manifest: &Manifest,
        evidence: &FileEvidence,
        outcome: Result<Claims, Vec<Entry>>,
    ) -> Self {
        let mut not_checked = vec![(
            "REPORT_DATA",
            "only the connection that evidence came on tells what it has to be bound to",
        )];
        not_checked.push(("role of the policy", "every policy of the manifest may be in the evidence"));
        if evidence.evidence.evidence_type == EvidenceType::Simulated && !evidence.has_revocation_list {
            not_checked.push(("revocation", "the evidence has no list, and simulated hardware needs none"));
        }
        let outcome = outcome.map(|claims| {
            not_checked.extend(unconstrained(manifest, &claims.accepted_by));
            let policy = manifest.policies.get(&claims.host_data);
            Accepted {
                path: path(&claims.accepted_by),
                host_data: hex::encode(claims.host_data),
                sans: policy.map(|policy| policy.sans.clone()).unwrap_or_default(),
            }
        });
        let evidence_type = evidence.evidence.evidence_type;
        Self { form: evidence.form, evidence_type, outcome, not_checked }
    }

    pub(super) fn to_json(&self) -> Value {
        let not_checked: Vec<_> =
            self.not_checked.iter().map(|(what, why)| json!({ "what": what, "why": why })).collect();
        let mut verdict = json!({
            "form": self.form, "evidence": self.evidence_type.name(), "accepted": self.outcome.is_ok(),
            "not_checked": not_checked,
        });
        let more = match &self.outcome {
            Ok(Accepted { path, host_data, sans }) => {
                json!({ "accepted_by": path, "policy": host_data, "sans": sans })
            }
            Err(entries) => json!({ "entries": entries.iter().map(Entry::to_json).collect::<Vec<_>>() }),
        };
        if let (Some(verdict), Value::Object(more)) = (verdict.as_object_mut(), more) {
            verdict.extend(more);
        }
        verdict
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {}", self.form, self.evidence_type.name())?;
        match &self.outcome {
            Ok(Accepted { path, host_data, sans }) => {
                writeln!(f, "ACCEPTED by {path}")?;
                writeln!(f, "  policy {host_data} ({})", sans.join(", "))?;
            }
            Err(entries) => {
                writeln!(f, "REFUSED")?;
                if entries.is_empty() {
                    writeln!(f, "  the manifest has no entry for this kind of evidence")?;
                }
                entries.iter().enumerate().try_for_each(|(place, entry)| {
                    let nearest = if place == 0 && entries.len() > 1 { " (nearest)" } else { "" };
                    writeln!(f, "{}{nearest}", entry.path)?;
                    write!(f, "{entry}")
                })?;
            }
        }
        self.not_checked.iter().try_for_each(|(what, why)| writeln!(f, "not checked: {what}: {why}"))
    }
}

impl Entry {
    pub(super) fn to_json(&self) -> Value {
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|finding| {
                let (value, step) = self.remedy(finding);
                json!({
                    "field": finding.field, "expected": finding.expected, "found": finding.found,
                    "path": value, "remedy": step,
                })
            })
            .collect();
        json!({ "entry": self.path, "findings": findings })
    }

    /// The place in the manifest, if one has a say, and what to do. Policies are of the manifest, everything else of
    /// its entry.
    fn remedy(&self, finding: &Finding) -> (Option<String>, &'static str) {
        let (value, step) = remedy(finding.cause, self.path.starts_with("ReferenceValues.simulated"));
        let place = value.map(|value| match value {
            "Policies" => value.to_owned(),
            value => format!("{}.{value}", self.path),
        });
        (place, step)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| {
            let Finding { field, expected, found, .. } = finding;
            let (place, step) = self.remedy(finding);
            writeln!(f, "  {field}")?;
            if let Some(place) = place {
                writeln!(f, "    manifest: {place}")?;
            }
            writeln!(f, "    expected: {expected}\n    found:    {found}\n    remedy:   {step}")
        })
    }
}

/// What the entry leaves open, so that nobody takes it for checked.
fn unconstrained(manifest: &Manifest, verifier: &str) -> Vec<(&'static str, &'static str)> {
    let mut open = Vec::new();
    let Some((kind, index)) = place(verifier) else { return open };
    let values = &manifest.reference_values;
    let snp = match kind {
        "snp" => values.snp.get(index).map(|entry| &entry.values),
        _ => values.simulated.get(index).map(|entry| &entry.values).filter(|_| kind == "simulated"),
    };
    if let Some(snp) = snp {
        if snp.platform_info.is_none() {
            open.push(("PLATFORM_INFO", "the entry has no PlatformInfo; unknown bits were refused"));
        }
        if snp.allowed_chip_ids.is_empty() {
            open.push((
                "which chip it is",
                "the entry has no AllowedChipIDs, so any genuine chip is accepted",
            ));
        }
    }
    if values.tdx.get(index).is_some_and(|entry| kind == "tdx" && entry.allowed_piids.is_empty()) {
        open.push(("which platform it is", "the entry has no AllowedPIIDs, so any genuine one is accepted"));
    }
    open
}

/// Kind and position of the entry that a verifier is named after.
fn place(verifier: &str) -> Option<(&str, usize)> {
    let (kind, rest) = verifier.split_once('-')?;
    let index = rest.split('-').next()?.parse().ok()?;
    Some((kind, index))
}

fn path(verifier: &str) -> String {
    match place(verifier) {
        Some((kind, index)) => format!("ReferenceValues.{kind}[{index}]"),
        None => verifier.to_owned(),
    }
}
