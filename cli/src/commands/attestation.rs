//! `contrast attestation`: evidence in a file, and what is to be thought of it.

mod evidence;
mod remedy;
mod verdict;

use std::{borrow::Cow, path::PathBuf, time::SystemTime};

use contrast_attestation::{Claims, Rejection, Verifier};
use contrast_manifest::{Audience, Manifest};

use crate::{
    arguments::{AttestationCheckOptions, AttestationCommand, AttestationOptions, Format},
    collateral::Collateral,
    failure::{Advice, Failure},
    inputs, output,
    workspace::{self, Workspace},
};
use evidence::{FileEvidence, UnknownFormat};
use verdict::{Entry, Verdict};

/// Evidence in a file is not accepted.
#[derive(thiserror::Error, Debug)]
enum CheckError {
    /// It cannot be read.
    #[error("{} holds no evidence: {source}", path.display())]
    Format { path: PathBuf, source: UnknownFormat },
    /// No entry accepts it.
    #[error("no entry of the manifest accepts the evidence in {}", path.display())]
    Refused { path: PathBuf },
}

impl Advice for CheckError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Format { .. } => {
                "give an SNP report (1184 bytes), a TDX quote, or the document from a certificate's attestation \
                 extension"
                    .into()
            }
            Self::Refused { .. } => {
                "every mismatch is listed above; docs/attestation.md says what each one means".into()
            }
        })
    }
}

/// Runs a subcommand.
pub(crate) async fn attestation(workspace: &Workspace, options: AttestationOptions) -> Result<(), Failure> {
    let AttestationCommand::Check(options) = options.command;
    check(workspace, options).await
}

async fn check(workspace: &Workspace, options: AttestationCheckOptions) -> Result<(), Failure> {
    let AttestationCheckOptions { manifest, sources, output: format, file } = options;
    let document = inputs::manifest(workspace, manifest.as_deref())?;
    let manifest = document.manifest();
    let bytes = workspace::read(&file)?;
    let evidence = FileEvidence::read(&bytes, !manifest.reference_values.simulated.is_empty())
        .map_err(|source| CheckError::Format { path: file.clone(), source })?;
    output::warn_of_simulated_manifest(manifest);
    let collateral = Collateral::prepare(sources, manifest).await?;
    let mut outcome = appraise(manifest, &evidence, &collateral);
    if outcome.is_err() && collateral.fetch_what_was_missing().await {
        outcome = appraise(manifest, &evidence, &collateral);
    }
    let accepted = outcome.is_ok();
    let verdict = Verdict::new(manifest, &evidence, outcome);
    match format {
        Format::Table => output::result(&output::printable(&verdict.to_string())),
        Format::Json => output::result(&format!("{}\n", verdict.to_json())),
    }
    if accepted { Ok(()) } else { Err(CheckError::Refused { path: file }.into()) }
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
