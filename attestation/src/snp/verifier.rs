//! Appraisal of SNP evidence: reads it, verifies it, and lets [`super::appraisal`] judge it.

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use super::{
    ReferenceValues, Report, Revocation, SignerInfo, SigningKey, TrustAnchor,
    appraisal::{self, Facts, LaunchExpectation},
    chain::{self, VerifiedChain},
    claims,
    document::{self, Document, Endorsements},
    id_block, measurement,
    revocation::{self, RevocationError},
    signature,
    tcb::TcbParts,
};
use crate::{
    Appraised, Cause, CollateralSource, EvidenceType, Finding, Missing, NoCollateral, ReportData, Verifier,
    collateral::Address, moment,
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

    /// Everything against the evidence. Empty only if its chain and signature were verified.
    fn findings(&self, document: &Document, report_data: &ReportData, now: SystemTime) -> Vec<Finding> {
        let report = &document.report;
        let (chain, mut findings) = match self.verify_chain(document) {
            Ok(chain) => {
                let mut findings = authenticity(report, &chain, now);
                findings.extend(self.check_revocation(document, &chain, now).err().map(|error| {
                    let product = self.reference.product;
                    let mut expected =
                        "a list that is valid now and names none of the certificates".to_owned();
                    if let RevocationError::Missing { kind, .. } = error {
                        let address = Address::AmdRevocationList { product, kind };
                        expected.extend([", as at ", &address.url()]);
                    }
                    Finding::new(error.cause(), format!("revocation list of ARK-{product}"), expected, error)
                }));
                (Some(chain), findings)
            }
            Err(finding) => (None, vec![finding]),
        };
        let facts = Facts {
            report,
            declared_product: document.product,
            endorsement: chain.as_ref().map(|chain| &chain.endorsement),
            report_data,
            launch: self.launch_expectation(report),
        };
        findings.extend(appraisal::judge(&facts, &self.reference));
        findings
    }

    fn verify_chain(&self, document: &Document) -> Result<Arc<VerifiedChain>, Finding> {
        let report = &document.report;
        let signer = SignerInfo::from_bits(report.signer_info).map_err(|error| {
            Finding::new(Cause::NotSigned, "report field KEY_INFO", "an unmasked VCEK or VLEK", error)
        })?;
        let verify = |endorsements: &Endorsements| {
            chain::verify(endorsements, signer.signing_key, self.reference.product, self.anchor)
                .map_err(|error| error.finding())
        };
        if signer.signing_key != SigningKey::Vcek || !document.endorsements.vcek.is_empty() {
            return verify(&document.endorsements);
        }
        let vcek = self.vcek_at_hand(report).map_err(|missing| {
            let found = format!("none in the evidence, and {missing}");
            let (cause, expected) = match self.vcek_address(report) {
                Some(address) => (
                    Cause::CertificateMissing,
                    format!("a certificate in the evidence, or that of {}", address.url()),
                ),
                None => (Cause::CertificateNotSent, "a certificate in the evidence".to_owned()),
            };
            Finding::new(cause, "VCEK certificate", expected, found)
        })?;
        verify(&Endorsements { vcek: vcek.to_vec(), ..document.endorsements.clone() })
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

    fn check_revocation(
        &self,
        document: &Document,
        chain: &VerifiedChain,
        now: SystemTime,
    ) -> Result<(), RevocationError> {
        let sent = Some(document.endorsements.revocation_list.as_slice()).filter(|list| !list.is_empty());
        match self.revocation {
            Revocation::NotChecked => Ok(()),
            Revocation::IfSent => revocation::check(sent, chain, now).map(|_| ()),
            Revocation::Required => {
                let at_hand = self.collateral.snp_crl(self.reference.product, chain.endorsement.kind);
                revocation::require(&at_hand, sent, chain, now)
            }
        }
    }

    fn launch_expectation(&self, report: &Report) -> LaunchExpectation {
        let ReferenceValues { measurement, ap_eip, product, guest_policy, .. } = self.reference;
        let measurements = self.measurements.get_or_init(|| match ap_eip {
            Some(ap_eip) => measurement::vcpu_variants(measurement, ap_eip, product),
            None => vec![measurement],
        });
        let matching = measurements.iter().find(|variant| **variant == report.measurement);
        let measurement = *matching.unwrap_or(&measurement);
        let id_key_digest = match self.id_block {
            IdBlock::NotRequired => None,
            // A key that cannot be derived has a digest that no report shows.
            IdBlock::Required => {
                Some(id_block::key_digest(&measurement, guest_policy, report.guest_svn).unwrap_or([0xFF; 48]))
            }
        };
        LaunchExpectation { measurement, variants: measurements.len(), id_key_digest }
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

    fn judge(
        &self,
        document: &[u8],
        report_data: &ReportData,
        now: SystemTime,
    ) -> Result<Appraised, Vec<Finding>> {
        let document = document::parse(document).map_err(|error| {
            vec![Finding::new(Cause::Unreadable, "attestation document", "a well-formed SNP report", error)]
        })?;
        let findings = self.findings(&document, report_data, now);
        if !findings.is_empty() {
            return Err(findings);
        }
        let values = claims::collect(&document.report, self.reference.product)
            .map_err(|error| vec![Finding::new(Cause::Unreadable, "claims", "readable fields", error)])?;
        Ok(Appraised { host_data: document.report.host_data, values })
    }
}

/// Is the report signed by the endorsement key, and is every certificate valid now?
fn authenticity(report: &Report, chain: &VerifiedChain, now: SystemTime) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, not_before, not_after) in chain.out_of_date(now) {
        let expected = format!("the time from {} to {}", moment::text(*not_before), moment::text(*not_after));
        findings.push(Finding::new(
            Cause::CertificateDates,
            format!("{place} certificate validity"),
            expected,
            moment::text(now),
        ));
    }
    if let Err(error) = signature::verify(report, &chain.endorsement.public_key) {
        let expected = format!("a signature by the {}", chain.endorsement.kind);
        findings.push(Finding::new(Cause::Signature, "report field SIGNATURE", expected, error));
    }
    findings
}
