//! What `contrast attestation check` prints.

use std::fmt;

use contrast_attestation::{Claims, EvidenceType, Finding, Rejection, snp::ReferenceValues};
use contrast_manifest::{Manifest, TdxEntry};
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

/// What an entry leaves open, or no entry can say, so that nobody takes it for checked: what, and why not.
fn unconstrained(manifest: &Manifest, verifier: &str) -> Vec<(&'static str, &'static str)> {
    let Some((kind, index)) = place(verifier) else { return Vec::new() };
    let values = &manifest.reference_values;
    let snp = match kind {
        "snp" => values.snp.get(index).map(|entry| &entry.values),
        _ => values.simulated.get(index).map(|entry| &entry.values).filter(|_| kind == "simulated"),
    };
    let tdx = values.tdx.get(index).filter(|_| kind == "tdx");
    snp.map(unconstrained_snp).into_iter().chain(tdx.map(unconstrained_tdx)).flatten().collect()
}

fn unconstrained_snp(entry: &ReferenceValues) -> Vec<(&'static str, &'static str)> {
    let always = [
        ("AUTHOR_KEY_DIGEST", "no entry can have a value for it: anyone may have vouched for the ID key"),
        ("GUEST_SVN", "no entry can have a value for it: the ID block may have any"),
        (
            "REPORT_ID and REPORT_ID_MA",
            "they tell one guest from another, and any guest that fits is accepted",
        ),
    ];
    let optional = [
        (entry.platform_info.is_none())
            .then_some(("PLATFORM_INFO", "the entry has no PlatformInfo; unknown bits were refused")),
        (entry.minimum_mitigation_vector == 0).then_some((
            "LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR",
            "MinimumMitigationVector of the entry is 0, so no mitigation is asked for",
        )),
        (entry.allowed_chip_ids.is_empty()).then_some((
            "which chip it is",
            "the entry has no AllowedChipIDs, so any genuine chip is accepted",
        )),
    ];
    optional.into_iter().flatten().chain(always).collect()
}

fn unconstrained_tdx(entry: &TdxEntry) -> Vec<(&'static str, &'static str)> {
    let always = [
        ("MROWNER", "no entry can have a value for it: the host may have declared any owner"),
        ("MROWNERCONFIG", "no entry can have a value for it: the host may have declared anything there"),
        ("user data of the quote's header", "no entry can have a value for it: the quoting enclave fills it"),
    ];
    let optional = [
        (entry.minimum_tcb_evaluation_data_number.is_none()).then_some((
            "how recent the collateral is",
            "the entry has no MinTCBEvaluationDataNumber, or 0, so any that is valid now is accepted",
        )),
        (!entry.memory_integrity).then_some((
            "integrity of memory",
            "MemoryIntegrity of the entry is false, so memory without cryptographic integrity is accepted",
        )),
        (!entry.smt_disabled)
            .then_some(("simultaneous multithreading", "SMTDisabled of the entry is false, so it may be on")),
        (!entry.static_platform).then_some((
            "dynamic platform",
            "StaticPlatform of the entry is false, so processors may be added to the platform",
        )),
        (entry.allowed_piids.is_empty()).then_some((
            "which platform it is",
            "the entry has no AllowedPIIDs, so any genuine one is accepted",
        )),
    ];
    optional.into_iter().flatten().chain(always).collect()
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

#[cfg(test)]
mod tests {
    use contrast_attestation::snp::{GuestPolicy, PlatformInfo, Product, TcbParts};

    use super::*;

    fn names(open: Vec<(&'static str, &'static str)>) -> Vec<&'static str> {
        open.into_iter().map(|(what, _)| what).collect()
    }

    #[test]
    fn what_an_snp_entry_leaves_open_is_named_and_so_is_what_none_can_say() {
        let open = ReferenceValues {
            product: Product::Genoa,
            measurement: [0; 48],
            ap_eip: None,
            minimum_tcb: TcbParts { bootloader: 1, tee: 0, snp: 2, microcode: 3, fmc: None },
            guest_policy: GuestPolicy::default(),
            platform_info: None,
            minimum_mitigation_vector: 0,
            allowed_chip_ids: Vec::new(),
            allowed_host_data: Default::default(),
        };
        let always = ["AUTHOR_KEY_DIGEST", "GUEST_SVN", "REPORT_ID and REPORT_ID_MA"];
        let optional = ["PLATFORM_INFO", "LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR", "which chip it is"];
        assert_eq!(names(unconstrained_snp(&open)), [optional, always].concat());
        let closed = ReferenceValues {
            platform_info: Some(PlatformInfo::default()),
            minimum_mitigation_vector: 1,
            allowed_chip_ids: vec![[1; 64]],
            ..open
        };
        assert_eq!(names(unconstrained_snp(&closed)), always);
    }

    #[test]
    fn what_a_tdx_entry_leaves_open_is_named_and_so_is_what_none_can_say() {
        let open = TdxEntry {
            platform: None,
            minimum_tcb_evaluation_data_number: None,
            mr_td: [0; 48],
            mr_seam: [0; 48],
            rtmrs: [[0; 48]; 4],
            xfam: [0; 8],
            allowed_piids: Vec::new(),
            memory_integrity: false,
            smt_disabled: false,
            static_platform: false,
        };
        let always = ["MROWNER", "MROWNERCONFIG", "user data of the quote's header"];
        let optional = [
            "how recent the collateral is",
            "integrity of memory",
            "simultaneous multithreading",
            "dynamic platform",
            "which platform it is",
        ];
        assert_eq!(names(unconstrained_tdx(&open)), [&optional[..], &always].concat());
        let closed = TdxEntry {
            minimum_tcb_evaluation_data_number: Some(17),
            allowed_piids: vec![[1; 16]],
            memory_integrity: true,
            smt_disabled: true,
            static_platform: true,
            ..open
        };
        assert_eq!(names(unconstrained_tdx(&closed)), always);
    }
}
