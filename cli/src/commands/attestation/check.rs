//! `contrast attestation check`: does a manifest accept evidence, and if not, what does not fit?

use std::{borrow::Cow, path::PathBuf, time::SystemTime};

use contrast_attestation::{Claims, Rejection, Verifier};
use contrast_manifest::{Audience, Manifest};

use super::{
    evidence::{FileEvidence, Readable},
    verdict::{Entry, Verdict},
};
use crate::{
    arguments::{AttestationCheckOptions, Format},
    collateral::Collateral,
    failure::{Advice, Failure},
    inputs, output,
    workspace::Workspace,
};

/// No entry of the manifest accepts the evidence.
#[derive(thiserror::Error, Debug)]
#[error("no entry of the manifest accepts the evidence in {}", path.display())]
struct Refused {
    path: PathBuf,
}

impl Advice for Refused {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some("every mismatch is listed above; docs/attestation.md says what each one means".into())
    }
}

pub(super) async fn check(workspace: &Workspace, options: AttestationCheckOptions) -> Result<(), Failure> {
    let AttestationCheckOptions { manifest, sources, output: format, file } = options;
    let document = inputs::manifest(workspace, manifest.as_deref())?;
    let manifest = document.manifest();
    let simulated = !manifest.reference_values.simulated.is_empty();
    let evidence = FileEvidence::new(Readable::open(&file)?, simulated);
    output::warn_of_simulated_manifest(manifest);
    let collateral = Collateral::prepare(sources, manifest).await?;
    let mut outcome = appraise(manifest, &evidence, &collateral);
    if outcome.is_err() && collateral.fetch_what_was_missing().await {
        outcome = appraise(manifest, &evidence, &collateral);
    }
    let accepted = outcome.is_ok();
    let verdict = Verdict::new(manifest, &evidence, outcome);
    match format {
        Format::Table => output::result(&verdict.to_string()),
        Format::Json => output::result(&format!("{}\n", verdict.to_json())),
    }
    if accepted { Ok(()) } else { Err(Refused { path: file }.into()) }
}

/// The claims of the first entry that accepts, or what every entry has against the evidence.
fn appraise(
    manifest: &Manifest,
    evidence: &FileEvidence,
    collateral: &Collateral,
) -> Result<Claims, Vec<Entry>> {
    let verifiers = manifest.verifiers_with(Audience::AnyPod, &collateral.source());
    let mut entries = Vec::new();
    for verifier in verifiers.iter().filter(|one| one.evidence_type() == evidence.evidence.evidence_type) {
        match one(verifier.as_ref(), evidence) {
            Ok(claims) => return Ok(claims),
            Err(rejection) => entries.push(Entry::from(rejection)),
        }
    }
    // The nearest one first: its mismatches are the likeliest to be of interest.
    entries.sort_by_key(|entry| entry.findings.len());
    Err(entries)
}

/// Only the connection on which evidence came can tell what it has to be bound to, so it is held against itself.
fn one(verifier: &dyn Verifier, evidence: &FileEvidence) -> Result<Claims, Rejection> {
    verifier.appraise(&evidence.evidence, &evidence.report_data, SystemTime::now())
}
