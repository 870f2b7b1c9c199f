//! Evidence looked at without reference values: what endorses it, and what of that holds.
//!
//! The same parsing and the same checks of signatures, names, dates and revocation as in an appraisal. What only
//! reference values can say is left out.

use std::{fmt::Display, sync::Arc, time::SystemTime};

use sha2::{Digest, Sha256};

use super::{
    Document, Endorsements, Product, Report, SignerInfo, SigningKey, TcbParts, TrustAnchor,
    candidates::candidates,
    certificate::Certificate,
    chain::{self, ChainError, Place, VerifiedChain},
    crl,
    endorsement::{EndorsementKey, names_chip},
    revocation::{self, RevocationError},
    roots, signature,
};
use crate::{CertificateFacts, Check, CollateralSource, Missing, Origin, moment};

/// Whose root key ends the chain of evidence that is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InspectionRoot {
    /// The root key that AMD published for the product line. Its digest is pinned.
    Amd,
    /// The one that the evidence brings itself, for which nobody vouches: that of a simulated processor.
    OfTheEvidence,
}

/// What endorses a report, and what of that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspection {
    /// Product lines that the report may come from. More than one if neither it nor what came with it says so, and
    /// its TCB versions fit several; none if they fit no line.
    pub products: Vec<Product>,
    /// The chain as far as it is here and readable: endorsement key first, root last.
    pub certificates: Vec<CertificateFacts>,
    /// What the certificate of the endorsement key says about chip and firmware.
    pub endorsement: Option<EndorsementFacts>,
    /// Revocation lists of the root that are here and readable, valid or not.
    pub revocation_lists: Vec<RevocationListFacts>,
    /// Names and signatures from the endorsement key up to the root.
    pub chain: Check,
    /// The signature of the report, by the endorsement key of a chain that holds.
    pub signature: Check,
    /// Whether the endorsement key is that of the report's chip and reported TCB.
    pub belonging: Check,
    /// Whether all certificates of the chain are valid now.
    pub certificate_validity: Check,
    /// Whether a revocation list that is valid now names none of the certificates.
    pub revocation: Check,
}

/// What the certificate of a VCEK or VLEK says (AMD document 57230, "Certificate extensions").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndorsementFacts {
    /// Which key it is.
    pub kind: SigningKey,
    /// `productName`, for example `Milan-B0`.
    pub product_name: String,
    /// The firmware that the key was derived for.
    pub tcb: TcbParts,
    /// `hwID`: 64 bytes, 8 on Turin. A VLEK has none.
    pub hardware_id: Option<Vec<u8>>,
}

/// Dates and size of a revocation list, as it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RevocationListFacts {
    /// Where it comes from.
    pub origin: Origin,
    /// When it was made.
    pub this_update: SystemTime,
    /// When the next one is due; a list without this is never accepted.
    pub next_update: Option<SystemTime>,
    /// How many certificates it names.
    pub revoked: usize,
}

/// Looks at evidence as it is at `now`. What `collateral` lacks it is asked for, so that it can be fetched; another
/// inspection then says more.
#[must_use]
pub fn inspect(
    document: &Document,
    root: InspectionRoot,
    collateral: &dyn CollateralSource,
    now: SystemTime,
) -> Inspection {
    let products = candidates(document);
    let signer = match SignerInfo::from_bits(document.report.signer_info) {
        Ok(signer) => signer,
        Err(error) => return Inspection::of_unsigned(products, &error),
    };
    let kind = signer.signing_key;
    if products.is_empty() {
        let reason = "neither the report nor what came with it tells the product line";
        return Inspection::without_chain(products, reason);
    }
    let (subject, endorsements) = match endorsed(document, kind, &products, root, collateral) {
        Ok(endorsed) => endorsed,
        Err(reason) => {
            // Those above are shown all the same.
            let certificates = match products[..] {
                [product] => Subject { kind, product, root, origin: Origin::Evidence }
                    .certificates(&document.endorsements),
                _ => Vec::new(),
            };
            return Inspection { certificates, ..Inspection::without_chain(products, &reason) };
        }
    };
    let product = subject.product;
    let verified = subject.verify(&endorsements);
    let lists = Lists::of(&endorsements, &subject, collateral);
    Inspection {
        // A chain that holds settles which line it is.
        products: if verified.is_ok() { vec![product] } else { products },
        certificates: subject.certificates(&endorsements),
        endorsement: subject.endorsement_facts(&endorsements),
        revocation_lists: lists.facts(),
        chain: subject.chain_check(&verified),
        signature: after(&verified, |chain| signature_check(&document.report, chain)),
        belonging: after(&verified, |chain| belonging_check(&document.report, &chain.endorsement, product)),
        certificate_validity: after(&verified, |chain| validity_check(chain, now)),
        revocation: after(&verified, |chain| lists.check(chain, now)),
    }
}

impl Inspection {
    /// The host switched the key off, so that there is nothing to verify and nothing to believe.
    fn of_unsigned(products: Vec<Product>, reason: &dyn Display) -> Self {
        let signature = Check::Failed(reason.to_string());
        Self { signature, ..Self::without_chain(products, "the report is not signed by an endorsement key") }
    }

    fn without_chain(products: Vec<Product>, reason: &str) -> Self {
        let not_checked = || Check::NotChecked("there is no certificate chain".to_owned());
        Self {
            products,
            certificates: Vec::new(),
            endorsement: None,
            revocation_lists: Vec::new(),
            chain: Check::NotChecked(reason.to_owned()),
            signature: not_checked(),
            belonging: not_checked(),
            certificate_validity: not_checked(),
            revocation: not_checked(),
        }
    }
}

type Verified = Result<Arc<VerifiedChain>, ChainError>;

/// What hangs on the chain is checked only if that holds: what is above a broken link has no meaning.
fn after(verified: &Verified, check: impl FnOnce(&VerifiedChain) -> Check) -> Check {
    match verified {
        Ok(chain) => check(chain),
        Err(_) => Check::NotChecked("the certificate chain does not hold".to_owned()),
    }
}

/// The chain to look at, and its certificates with that of the endorsement key among them; or why there is none.
fn endorsed(
    document: &Document,
    kind: SigningKey,
    products: &[Product],
    root: InspectionRoot,
    collateral: &dyn CollateralSource,
) -> Result<(Subject, Endorsements), String> {
    let sent = &document.endorsements;
    let none = |more: &dyn Display| format!("no {kind} certificate in the evidence, {more}");
    match products.first() {
        Some(&product) if !sent.of(kind).is_empty() => {
            return Ok((Subject { kind, product, root, origin: Origin::Evidence }, sent.clone()));
        }
        _ => {}
    }
    if kind == SigningKey::Vlek {
        return Err(none(&"and nobody publishes that of a VLEK"));
    }
    if root == InspectionRoot::OfTheEvidence {
        return Err(none(&"and nobody publishes those of simulated hardware"));
    }
    let report = &document.report;
    if report.chip_id == [0; 64] {
        return Err(none(&"and the host masks CHIP_ID, so that it cannot be found elsewhere"));
    }
    let mut missing = Missing::NotCovered;
    for &product in products {
        let Ok(tcb) = TcbParts::decode(product, report.reported_tcb) else { continue };
        match collateral.snp_vcek(product, &report.chip_id, tcb) {
            Ok(vcek) => {
                let subject = Subject { kind, product, root, origin: Origin::Collateral };
                return Ok((subject, Endorsements { vcek: vcek.to_vec(), ..sent.clone() }));
            }
            // Another line's turn comes when this one has none: vendors are asked for as little as possible.
            Err(Missing::BeingFetched) => {
                missing = Missing::BeingFetched;
                break;
            }
            Err(reason) => missing = reason,
        }
    }
    Err(none(&format_args!("and {missing}")))
}

/// What kind of chain is looked at.
struct Subject {
    kind: SigningKey,
    product: Product,
    root: InspectionRoot,
    /// Of the endorsement key's certificate.
    origin: Origin,
}

impl Subject {
    fn verify(&self, endorsements: &Endorsements) -> Verified {
        let anchor = match self.root {
            InspectionRoot::Amd => TrustAnchor::Amd,
            InspectionRoot::OfTheEvidence => {
                TrustAnchor::Simulated { root_digest: Sha256::digest(&endorsements.ark).into() }
            }
        };
        chain::verify(endorsements, self.kind, self.product, anchor)
    }

    fn chain_check(&self, verified: &Verified) -> Check {
        let Self { kind, product, .. } = self;
        let intermediate = Place::Endorsement(*kind).above();
        match (verified, self.root) {
            (Ok(_), InspectionRoot::Amd) => Check::Verified(format!(
                "{kind} under {intermediate} under ARK-{product}, AMD's root that is part of this program"
            )),
            (Ok(_), InspectionRoot::OfTheEvidence) => Check::NotChecked(format!(
                "{kind} is under {intermediate} under ARK, but that root came with the evidence: only the Root of a \
                 manifest's entry can vouch for it"
            )),
            (Err(ChainError::Missing(place)), _) => {
                Check::NotChecked(format!("no {place} certificate in the evidence"))
            }
            (Err(error), _) => Check::Failed(error.finding().to_string()),
        }
    }

    /// Those that are here and readable, from the endorsement key to the root.
    fn certificates(&self, sent: &Endorsements) -> Vec<CertificateFacts> {
        let amd = roots::amd(self.product);
        // What was sent is what is verified, as in an appraisal.
        let above = |place, sent: &[u8], known: &[u8]| match (sent, self.root) {
            ([], InspectionRoot::Amd) => certificate_facts(place, Origin::Program, known),
            (sent, _) => certificate_facts(place, Origin::Evidence, sent),
        };
        let place = Place::Endorsement(self.kind);
        let chain = [
            certificate_facts(place, self.origin, sent.of(self.kind)),
            above(place.above(), &sent.ask, amd.above(self.kind)),
            above(Place::Root, &sent.ark, amd.ark),
        ];
        chain.into_iter().flatten().collect()
    }

    fn endorsement_facts(&self, endorsements: &Endorsements) -> Option<EndorsementFacts> {
        let certificate = Certificate::parse(endorsements.of(self.kind)).ok()?;
        let key = EndorsementKey::read(&certificate, self.kind, self.product).ok()?;
        let EndorsementKey { kind, product_name, tcb, hardware_id, .. } = key;
        Some(EndorsementFacts { kind, product_name, tcb, hardware_id })
    }
}

fn certificate_facts(place: Place, origin: Origin, der: &[u8]) -> Option<CertificateFacts> {
    let certificate = Certificate::parse(der).ok()?;
    let (not_before, not_after) = certificate.validity();
    Some(CertificateFacts {
        place: place.to_string(),
        origin,
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        serial: certificate.serial().to_vec(),
        not_before,
        not_after,
        digest: Sha256::digest(der).into(),
    })
}

fn signature_check(report: &Report, chain: &VerifiedChain) -> Check {
    match signature::verify(report, &chain.endorsement.public_key) {
        Ok(()) => Check::Verified(format!("by the key of the {} certificate", chain.endorsement.kind)),
        Err(error) => Check::Failed(error.to_string()),
    }
}

fn belonging_check(report: &Report, key: &EndorsementKey, product: Product) -> Check {
    let EndorsementKey { kind, product_name, tcb, hardware_id, .. } = key;
    let mut faults = Vec::new();
    if key.product() != Some(product) {
        faults.push(format!("productName of the {kind} is {product_name}, and the report is of {product}"));
    }
    match TcbParts::decode(product, report.reported_tcb) {
        Ok(reported) if reported == *tcb => {}
        Ok(reported) => faults.push(format!("REPORTED_TCB is {reported}, that of the {kind} {tcb}")),
        Err(error) => faults.push(format!("REPORTED_TCB: {error}")),
    }
    let masked = report.chip_id == [0; 64];
    match hardware_id {
        Some(id) if !masked && !names_chip(&report.chip_id, id) => {
            faults.push(format!("CHIP_ID is not hwID of the {kind}, {}", hex::encode(id)));
        }
        _ => {}
    }
    if !faults.is_empty() {
        return Check::Failed(faults.join("; "));
    }
    Check::Verified(match hardware_id {
        Some(_) if !masked => format!("{kind} of this chip and of its reported TCB"),
        Some(_) => format!("{kind} of the reported TCB; the host masks CHIP_ID"),
        None => format!("{kind} of the reported TCB; it is not of one chip"),
    })
}

fn validity_check(chain: &VerifiedChain, now: SystemTime) -> Check {
    let faults: Vec<_> = chain
        .out_of_date(now)
        .map(|(place, not_before, not_after)| {
            let (from, until) = (moment::text(*not_before), moment::text(*not_after));
            format!(
                "the {place} certificate is valid from {from} to {until}, and it is {}",
                moment::text(now)
            )
        })
        .collect();
    match faults.as_slice() {
        [] => Check::Verified("all three certificates are valid now".to_owned()),
        faults => Check::Failed(faults.join("; ")),
    }
}

/// The revocation lists that are here.
struct Lists<'a> {
    sent: Option<&'a [u8]>,
    /// The one for the key that signed; `None` where nobody publishes any.
    at_hand: Option<Result<Arc<[u8]>, Missing>>,
}

impl<'a> Lists<'a> {
    fn of(endorsements: &'a Endorsements, subject: &Subject, collateral: &dyn CollateralSource) -> Self {
        let Subject { kind, product, root, .. } = *subject;
        Self {
            sent: Some(endorsements.revocation_list.as_slice()).filter(|list| !list.is_empty()),
            at_hand: (root == InspectionRoot::Amd).then(|| collateral.snp_crl(product, kind)),
        }
    }

    /// The one at hand first, as in an appraisal.
    fn all(&self) -> impl Iterator<Item = (Origin, &[u8])> {
        let at_hand = self.at_hand.as_ref().and_then(|list| list.as_deref().ok());
        let at_hand = at_hand.map(|list| (Origin::Collateral, list));
        at_hand.into_iter().chain(self.sent.map(|list| (Origin::Evidence, list)))
    }

    fn facts(&self) -> Vec<RevocationListFacts> {
        let read = |(origin, der)| {
            let list = crl::parse(der).ok()?;
            let (this_update, next_update) = (list.this_update(), list.next_update());
            Some(RevocationListFacts { origin, this_update, next_update, revoked: list.serials().len() })
        };
        self.all().filter_map(read).collect()
    }

    fn check(&self, chain: &VerifiedChain, now: SystemTime) -> Check {
        let shown = match &self.at_hand {
            Some(at_hand) => revocation::require(at_hand, self.sent, chain, now).map(|()| true),
            None => revocation::check(self.sent, chain, now),
        };
        match shown {
            Ok(true) => {
                Check::Verified("a list that is valid now names none of the three certificates".to_owned())
            }
            Ok(false) => Check::NotChecked(
                "no revocation list in the evidence, and nobody publishes one of simulated hardware"
                    .to_owned(),
            ),
            Err(missing @ RevocationError::Missing { .. }) => {
                Check::NotChecked(format!("no revocation list: {missing}"))
            }
            Err(error) => Check::Failed(format!("there is {error}")),
        }
    }
}
