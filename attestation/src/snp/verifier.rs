//! Appraisal of SNP evidence: reads it, verifies it, and lets [`super::appraisal`] judge it.

use std::{
    rc::Rc,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use super::{
    Document, ReferenceValues, Report, Revocation, SigningKey, TrustAnchor,
    appraisal::{self, Facts, LaunchExpectation},
    claims,
    examined::{Endorsed, Endorser, Examined},
    measurement,
    revocation::RevocationError,
    tcb::TcbParts,
};
use crate::{
    Appraised, Cause, CollateralSource, EvidenceType, Examination, Finding, Findings, Missing, NoCollateral,
    Verifier, collateral::Address, examination::Same, moment,
};

/// Appraises SNP evidence against one entry of reference values.
///
/// Real and simulated evidence take the same path. Only the trust anchor differs, and with it the type of
/// evidence that is looked at.
pub struct SnpVerifier {
    name: String,
    reference: ReferenceValues,
    anchor: TrustAnchor,
    id_block: IdBlock,
    revocation: Revocation,
    collateral: Arc<dyn CollateralSource>,
    /// Launch digests by number of vCPUs, made when first needed.
    measurements: OnceLock<Vec<[u8; 48]>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IdBlock {
    Required,
    NotRequired,
}

impl SnpVerifier {
    /// A verifier called `name` in messages. Guests must have been launched with the ID block that belongs
    /// to the reference values.
    #[must_use]
    pub fn new(name: impl Into<String>, reference: ReferenceValues, anchor: TrustAnchor) -> Self {
        Self {
            name: name.into(),
            reference,
            anchor,
            id_block: IdBlock::Required,
            revocation: match anchor {
                TrustAnchor::Amd => Revocation::Required,
                TrustAnchor::Simulated { .. } => Revocation::IfSent,
            },
            collateral: Arc::new(NoCollateral),
            measurements: OnceLock::new(),
        }
    }

    /// Takes revocation lists, and certificates that the attester did not send, from `collateral`. Without it,
    /// the attester has to send both.
    #[must_use]
    pub fn with_collateral(mut self, collateral: Arc<dyn CollateralSource>) -> Self {
        self.collateral = collateral;
        self
    }

    /// Says how revocation is checked. By default a list is [`Revocation::Required`] under AMD's root keys and
    /// checked [`Revocation::IfSent`] under a simulated one.
    #[must_use]
    pub fn with_revocation(mut self, revocation: Revocation) -> Self {
        self.revocation = revocation;
        self
    }

    /// Accepts guests that were launched without an ID block, or with another one. Their measurement and
    /// policy are checked all the same; what is lost is that the host could not even launch another guest
    /// under the same ID key.
    #[must_use]
    pub fn without_id_block(mut self) -> Self {
        self.id_block = IdBlock::NotRequired;
        self
    }

    /// Puts everything against the evidence into `findings`. Nothing only if its chain and signature were verified.
    fn examine(&self, examined: &Examined, examination: &Examination<'_>, findings: &mut Findings) {
        let Document { report, product, .. } = &examined.document;
        let now = examination.now;
        let endorsed = self.endorsed(examined, findings);
        if let Some((by, endorsed)) = &endorsed {
            authenticity(endorsed, now, findings);
            let chain = &endorsed.chain;
            let at_hand = || self.collateral.snp_crl(self.reference.product, chain.endorsement.kind);
            if let Err(error) = examined.unrevoked(by, chain, self.revocation, at_hand, now) {
                findings.put(|| self.revocation_finding(&error));
            }
        }
        let (measurement, variants) = self.measurement(&report.measurement);
        let facts = Facts {
            report,
            declared_product: *product,
            endorsement: endorsed.as_ref().map(|(_, endorsed)| &endorsed.chain.endorsement),
            authentic: endorsed.as_ref().is_some_and(|(_, endorsed)| endorsed.signature.is_ok()),
            report_data: examination.report_data,
            launch: LaunchExpectation { measurement, variants, id_block: self.id_block == IdBlock::Required },
        };
        appraisal::judge(&facts, &self.reference, findings);
    }

    /// The chain that holds, and by whom; otherwise why there is none is put into `findings`.
    fn endorsed(&self, examined: &Examined, findings: &mut Findings) -> Option<(Endorser, Rc<Endorsed>)> {
        let Document { report, endorsements, .. } = &examined.document;
        let signer = match examined.signer {
            Ok(signer) => signer,
            Err(error) => {
                findings.add(Cause::NotSigned, "report field KEY_INFO", "an unmasked VCEK or VLEK", error);
                return None;
            }
        };
        let vcek = match (signer, endorsements.vcek.as_slice()) {
            (SigningKey::Vcek, []) => match self.vcek_at_hand(report) {
                Ok(vcek) => Some(Same(vcek)),
                Err(missing) => {
                    findings.put(|| self.no_vcek(report, &missing));
                    return None;
                }
            },
            _ => None,
        };
        let by = Endorser { product: self.reference.product, anchor: self.anchor, vcek };
        match examined.endorsed(signer, &by) {
            Ok(endorsed) => Some((by, endorsed)),
            Err(error) => {
                findings.put(|| error.finding());
                None
            }
        }
    }

    fn no_vcek(&self, report: &Report, missing: &Missing) -> Finding {
        let found = format_args!("none in the evidence, and {missing}");
        match self.vcek_address(report) {
            Some(address) => Finding::new(
                Cause::CertificateMissing,
                "VCEK certificate",
                format_args!("a certificate in the evidence, or that of {}", address.url()),
                found,
            ),
            None => Finding::new(
                Cause::CertificateNotSent,
                "VCEK certificate",
                "a certificate in the evidence",
                found,
            ),
        }
    }

    fn revocation_finding(&self, error: &RevocationError) -> Finding {
        let product = self.reference.product;
        let mut expected = "a list that is valid now and names none of the certificates".to_owned();
        if let RevocationError::Missing { kind, .. } = *error {
            let address = Address::AmdRevocationList { product, kind };
            expected.extend([", as at ", &address.url()]);
        }
        Finding::new(error.cause(), format_args!("revocation list of ARK-{product}"), expected, error)
    }

    /// The certificate for evidence that comes without it. Nothing of the report is verified at this point.
    fn vcek_at_hand(&self, report: &Report) -> Result<Arc<[u8]>, Missing> {
        match self.vcek_address(report) {
            Some(Address::AmdChipKey { product, chip_id, tcb }) => {
                self.collateral.snp_vcek(product, &chip_id, tcb)
            }
            _ => Err(Missing::NotCovered),
        }
    }

    /// Where AMD publishes the certificate. `None` for a masked chip, one that is not allowed, and firmware of
    /// another product line.
    fn vcek_address(&self, report: &Report) -> Option<Address> {
        let ReferenceValues { product, allowed_chip_ids, .. } = &self.reference;
        let (product, chip_id) = (*product, report.chip_id);
        let allowed = allowed_chip_ids.is_empty() || allowed_chip_ids.contains(&chip_id);
        let tcb = TcbParts::decode(product, report.reported_tcb).ok()?;
        (allowed && chip_id != [0; 64]).then_some(Address::AmdChipKey { product, chip_id, tcb })
    }

    /// The launch digest that the report should show, and how many there are.
    fn measurement(&self, found: &[u8; 48]) -> ([u8; 48], usize) {
        let ReferenceValues { measurement, ap_eip, product, .. } = self.reference;
        let measurements = self.measurements.get_or_init(|| match ap_eip {
            Some(ap_eip) => measurement::vcpu_variants(measurement, ap_eip, product),
            None => vec![measurement],
        });
        let matching = measurements.iter().find(|variant| *variant == found);
        (*matching.unwrap_or(&measurement), measurements.len())
    }
}

impl Verifier for SnpVerifier {
    fn evidence_type(&self) -> EvidenceType {
        match self.anchor {
            TrustAnchor::Amd => EvidenceType::Snp,
            TrustAnchor::Simulated { .. } => EvidenceType::Simulated,
        }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn judge(&self, examination: &Examination<'_>, findings: &mut Findings) -> Option<Appraised> {
        let examined = match examination.snp() {
            Ok(examined) => examined,
            Err(error) => {
                findings.add(Cause::Unreadable, "attestation document", "a well-formed SNP report", error);
                return None;
            }
        };
        self.examine(examined, examination, findings);
        if !findings.is_empty() {
            return None;
        }
        let report = &examined.document.report;
        match claims::collect(report, self.reference.product) {
            Ok(values) => Some(Appraised { host_data: report.host_data, values }),
            Err(error) => {
                findings.add(Cause::Unreadable, "claims", "readable fields", error);
                None
            }
        }
    }
}

/// Is the report signed by the endorsement key, and is every certificate valid now?
fn authenticity(endorsed: &Endorsed, now: SystemTime, findings: &mut Findings) {
    let Endorsed { chain, signature } = endorsed;
    for (place, not_before, not_after) in chain.out_of_date(now) {
        findings.put(|| {
            let (from, until) = (moment::text(*not_before), moment::text(*not_after));
            Finding::new(
                Cause::CertificateDates,
                format_args!("{place} certificate validity"),
                format_args!("the time from {from} to {until}"),
                moment::text(now),
            )
        });
    }
    if let Err(error) = signature {
        let expected = format_args!("a signature by the {}", chain.endorsement.kind);
        findings.add(Cause::Signature, "report field SIGNATURE", expected, error);
    }
}
