//! `contrast attestation show`: evidence field by field, and what of its endorsements holds.
//!
//! No manifest has a part in this: what the fields should be is the business of `check`.

mod endorsements;
mod fields;
mod snp;
mod tdx;

use std::{borrow::Cow, path::PathBuf, time::SystemTime};

use contrast_attestation::{
    Check, EvidenceType, ReportData,
    simulated::is_simulated_root,
    snp::{InspectionRoot, inspect as inspect_snp},
    tdx::{TrustRoot, inspect as inspect_tdx},
};

use super::evidence::{Document, Readable, UnknownDocument};
use crate::{
    arguments::{AttestationShowOptions, Format},
    cluster::Way,
    collateral::Collateral,
    coordinator::{Presented, presented},
    failure::{Advice, Failure},
    output::{self, with_progress},
    workspace,
};
use fields::Fields;

/// Evidence cannot be shown, or it was shown and does not hold.
#[derive(thiserror::Error, Debug)]
enum ShowError {
    /// The Coordinator's certificate has no attestation extension.
    #[error("the Coordinator at {address} presents no evidence")]
    NoEvidence { address: String },
    /// It sent something else.
    #[error("the evidence of the Coordinator at {address} cannot be read: {source}")]
    Unreadable { address: String, source: UnknownDocument },
    /// At least one check failed.
    #[error("the evidence is shown, but it does not hold: {}", failed.join(", "))]
    DoesNotHold { failed: Vec<&'static str> },
}

impl Advice for ShowError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoEvidence { .. } => {
                "check that the address is that of a Coordinator's user API (port 1313)".into()
            }
            Self::Unreadable { .. } => {
                "use the release of this program that came with the Coordinator".into()
            }
            Self::DoesNotHold { .. } => {
                "the reasons are under `checks`; docs/attestation.md says what each one means".into()
            }
        })
    }
}

/// As often as something new can turn out to be missing: a certificate of either of two product lines, a list.
const ROUNDS: usize = 3;

/// Evidence, and how it came here.
struct Subject {
    document: Document,
    evidence_type: EvidenceType,
    /// Whether it is bound to the connection on which it came.
    binding: Check,
    /// Where it is from, in the first fields of what is printed.
    origin: Fields,
}

/// Prints evidence.
pub(super) async fn show(options: AttestationShowOptions) -> Result<(), Failure> {
    let AttestationShowOptions { coordinator, cluster, save, sources, output: format, file } = options;
    let subject = match (coordinator, file) {
        (Some(place), _) => {
            let way = crate::cluster::reach(place, &cluster).await?;
            Subject::of_coordinator(&way, save).await?
        }
        // The command line has one of the two.
        (None, file) => Subject::in_file(file.unwrap_or_default())?,
    };
    let collateral = Collateral::open(sources)?;
    let (fields, failed) = subject.inspect(&collateral).await;
    match format {
        Format::Table => output::result(&fields.to_string()),
        Format::Json => output::result(&format!("{}\n", fields.to_json())),
    }
    if failed.is_empty() { Ok(()) } else { Err(ShowError::DoesNotHold { failed }.into()) }
}

impl Subject {
    fn in_file(path: PathBuf) -> Result<Self, Failure> {
        let Readable { document, form } = Readable::open(&path)?;
        let evidence_type = match &document {
            Document::Snp(document) if is_simulated_root(&document.endorsements.ark) => {
                output::warning("the evidence is of SIMULATED hardware. Nothing is confidential.");
                EvidenceType::Simulated
            }
            Document::Snp(_) => EvidenceType::Snp,
            Document::Tdx(_) => EvidenceType::Tdx,
        };
        let mut origin = Fields::default();
        origin.add("file", path.display().to_string());
        origin.add("form", form);
        let reason = "only the connection that evidence came on tells what it has to be bound to";
        Ok(Self { document, evidence_type, binding: Check::NotChecked(reason.to_owned()), origin })
    }

    /// Takes the evidence of a Coordinator, and writes it down if that is asked for.
    async fn of_coordinator(way: &Way, save: Option<PathBuf>) -> Result<Self, Failure> {
        let address = way.host_port.clone();
        let Presented { evidence, report_data } = presented(&address).await?;
        let evidence = evidence.ok_or_else(|| ShowError::NoEvidence { address: address.clone() })?;
        output::warn_of_simulation(Some(evidence.evidence_type));
        if let Some(path) = save {
            workspace::write(&path, &evidence.document)?;
            output::note(&format!("The evidence is in {}", path.display()));
        }
        let readable = Readable::of(&evidence)
            .map_err(|source| ShowError::Unreadable { address: address.clone(), source })?;
        let Readable { document, form } = readable;
        let binding = binding(&document, &report_data);
        let mut origin = Fields::default();
        origin.add("coordinator", address);
        origin.add("form", form);
        Ok(Self { document, evidence_type: evidence.evidence_type, binding, origin })
    }

    /// Everything to print, and the names of the checks that failed.
    async fn inspect(self, collateral: &Collateral) -> (Fields, Vec<&'static str>) {
        let mut round = self.look(collateral);
        // What was fetched tells what else is needed: another line's certificate, or a revocation list.
        for _ in 0..ROUNDS {
            let fetch = async |_: &_| collateral.fetch_what_was_missing().await;
            if !with_progress("Fetching what AMD or Intel publish about the hardware", fetch).await {
                break;
            }
            round = self.look(collateral);
        }
        let (mut checks, described) = round;
        checks.push(("report data", self.binding));
        let reason = "there is no manifest here; that is what `contrast attestation check` is for";
        checks.push(("reference values", Check::NotChecked(reason.to_owned())));
        let failed = checks.iter().filter(|(_, check)| matches!(check, Check::Failed(_)));
        let failed = failed.map(|(name, _)| *name).collect();

        let mut fields = self.origin;
        fields.add("evidence", self.evidence_type.name());
        let mut list = Fields::default();
        checks.into_iter().for_each(|(name, check)| list.add(name, check));
        fields.add("checks", list);
        fields.append(described);
        (fields, failed)
    }

    /// One look, with the collateral that is here.
    fn look(&self, collateral: &Collateral) -> (Vec<(&'static str, Check)>, Fields) {
        let (source, now) = (collateral.source(), SystemTime::now());
        let mut fields = Fields::default();
        let checks = match &self.document {
            Document::Snp(document) => {
                let root = match self.evidence_type {
                    EvidenceType::Simulated => InspectionRoot::OfTheEvidence,
                    EvidenceType::Snp | EvidenceType::Tdx => InspectionRoot::Amd,
                };
                let inspection = inspect_snp(document, root, source.as_ref(), now);
                snp::describe(document, &inspection, now, &mut fields);
                snp::checks(&inspection)
            }
            Document::Tdx(document) => {
                let inspection = inspect_tdx(&document.quote, &TrustRoot::Intel, source.as_ref(), now);
                tdx::describe(document, &inspection, now, &mut fields);
                tdx::checks(&inspection)
            }
        };
        (checks, fields)
    }
}

/// Is the evidence bound to the key and the nonce of its connection?
fn binding(document: &Document, expected: &ReportData) -> Check {
    let found = match document {
        Document::Snp(document) => &document.report.report_data,
        Document::Tdx(document) => &document.quote.body.report_data,
    };
    if *found == expected.0 {
        Check::Verified("the SHA-512 of this connection's TLS key and nonce".to_owned())
    } else {
        let expected = hex::encode(expected.0);
        Check::Failed(format!(
            "this connection's TLS key and nonce give {expected}: the evidence is another's"
        ))
    }
}
