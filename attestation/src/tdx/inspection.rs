//! Evidence looked at without reference values: what endorses it, and what of that holds.
//!
//! The same parsing and the same checks of signatures, names, dates, revocation and Intel's rules as in an
//! appraisal. What only reference values can say is left out, whether a TCB status is good enough among it.

use std::{sync::Arc, time::SystemTime};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use dcap_qvl::intel::{PckExtension, parse_pck_extension_with};
use sha2::{Digest, Sha256};

use super::{
    Collateral, Dated, PckCa, Quote, TrustRoot, Validity,
    certificate::Certificate,
    pck::{self, PckChain, PckChainError, PckLink},
    platform::{self, Platform},
    provider::AwsLc,
};
use crate::{CertificateFacts, Check, CollateralSource, Finding, Missing, Origin};

/// What endorses a quote, and what of that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspection {
    /// The certificates in the quote as far as they are readable: PCK first, root last.
    pub certificates: Vec<CertificateFacts>,
    /// What the certificate of the PCK says about the platform.
    pub pck: Option<PckFacts>,
    /// What Intel publishes about this kind of platform, if it is at hand.
    pub collateral: Option<CollateralFacts>,
    /// How current the parts of the platform are. Empty if the collateral does not tell. No judgement: that is for
    /// reference values.
    pub tcb: Vec<TcbFacts>,
    /// Names and signatures from the PCK up to the root.
    pub chain: Check,
    /// The signature of the quote, by the attestation key in it.
    pub signature: Check,
    /// Whether the PCK signed the report of the quoting enclave, and that names the attestation key.
    pub quoting_enclave: Check,
    /// Whether Intel signed the collateral, and it is about TDX.
    pub collateral_signatures: Check,
    /// Whether revocation lists name the PCK or its issuer.
    pub revocation: Check,
    /// Whether quote and collateral fit each other by Intel's rules, so that there is a TCB status.
    pub platform: Check,
    /// Whether all certificates in the quote are valid now.
    pub certificate_validity: Check,
    /// Whether every part of the collateral is valid now.
    pub collateral_validity: Check,
}

/// The SGX extension of a PCK certificate, OID 1.2.840.113741.1.13.1 (Intel "SGX PCK Certificate and Certificate
/// Revocation List Profile Specification").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PckFacts {
    /// `PPID`, the identity of the processor package.
    pub ppid: Vec<u8>,
    /// `CPUSVN`: the TCB that the certificate is for.
    pub cpu_svn: [u8; 16],
    /// `PCESVN`.
    pub pce_svn: u16,
    /// `PCE-ID`.
    pub pce_id: Vec<u8>,
    /// `FMSPC`, the kind of platform.
    pub fmspc: [u8; 6],
    /// `SGX Type`: 0 standard, 1 scalable, 2 scalable with integrity.
    pub sgx_type: u64,
    /// `Platform Instance ID`. A processor CA gives none.
    pub platform_instance_id: Option<Vec<u8>>,
    /// `Dynamic Platform`: packages can be added. `None` where the certificate does not say.
    pub dynamic_platform: Option<bool>,
    /// `Cached Keys`: Intel keeps the platform's root keys. `None` where the certificate does not say.
    pub cached_keys: Option<bool>,
    /// `SMT Enabled`. `None` where the certificate does not say.
    pub smt_enabled: Option<bool>,
}

/// Dates and numbers of collateral.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CollateralFacts {
    /// See [`Collateral::tcb_evaluation_data_number`].
    pub tcb_evaluation_data_number: u32,
    /// From when until when each part may be used.
    pub validity: Vec<Validity>,
}

/// How current one part of a platform is, as Intel says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcbFacts {
    /// The part: `platform TCB status`, `current platform TCB status`, `quoting enclave TCB status`; if those are all
    /// up to date, also `TCB status`, that of the whole.
    pub of: &'static str,
    /// `UpToDate`, `OutOfDate`, … (Intel "PCS API", `tcbStatus`).
    pub status: String,
    /// Security advisories that apply, for example `INTEL-SA-00837`.
    pub advisory_ids: Vec<String>,
    /// What would have to be newer, as far as that is known.
    pub shortfalls: Vec<String>,
}

/// Looks at a quote as it is at `now`. What `collateral` lacks it is asked for, so that it can be fetched; another
/// inspection then says more.
#[must_use]
pub fn inspect(
    quote: &Quote,
    root: &TrustRoot,
    collateral: &dyn CollateralSource,
    now: SystemTime,
) -> Inspection {
    let chain = pck::verify(&quote.pck_chain, root);
    let sent = Certificate::parse_chain(&quote.pck_chain).unwrap_or_default();
    let links = Links { quote, root, collateral: published(&chain, collateral, root), chain: &chain };
    let platform = links.platform();
    Inspection {
        certificates: certificate_facts(&sent),
        pck: sent.first().and_then(pck_facts),
        collateral: links.collateral.at_hand().map(|collateral| CollateralFacts {
            tcb_evaluation_data_number: collateral.tcb_evaluation_data_number(),
            validity: collateral.validity().to_vec(),
        }),
        tcb: platform.as_ref().map(|platform| tcb_facts(platform)).unwrap_or_default(),
        chain: links.chain_check(),
        signature: signature_check(quote),
        quoting_enclave: links.quoting_enclave_check(),
        collateral_signatures: links.collateral.check(),
        revocation: links.revocation_check(),
        platform: match platform {
            Ok(_) => {
                Check::Verified("quote and collateral fit each other; the TCB status is below".to_owned())
            }
            Err(check) => check,
        },
        certificate_validity: links.certificate_validity_check(now),
        collateral_validity: match links.collateral.signed() {
            Ok(collateral) => validity_check("the collateral is valid now", collateral.validity(), now),
            Err(check) => check,
        },
    }
}

/// What Intel publishes about the platform.
enum Published {
    Signed(Arc<Collateral>),
    /// Intel did not sign it, or not as collateral for TDX.
    Faulty(Arc<Collateral>, Finding),
    Missing(Missing),
    /// Nobody knows which kind of platform it is.
    NotAsked,
}

fn published(
    chain: &Result<Arc<PckChain>, PckChainError>,
    source: &dyn CollateralSource,
    root: &TrustRoot,
) -> Published {
    let Ok(chain) = chain else { return Published::NotAsked };
    match source.tdx_collateral(chain.platform.fmspc, chain.ca) {
        Ok(collateral) => match collateral.verify(root) {
            Ok(()) => Published::Signed(collateral),
            Err(fault) => Published::Faulty(collateral, fault.finding()),
        },
        Err(missing) => Published::Missing(missing),
    }
}

impl Published {
    fn at_hand(&self) -> Option<&Collateral> {
        match self {
            Self::Signed(collateral) | Self::Faulty(collateral, _) => Some(collateral),
            Self::Missing(_) | Self::NotAsked => None,
        }
    }

    /// The collateral, if Intel signed it; or what that means for what hangs on it.
    fn signed(&self) -> Result<&Collateral, Check> {
        Err(Check::NotChecked(match self {
            Self::Signed(collateral) => return Ok(collateral),
            Self::Faulty(..) => "the collateral does not hold".to_owned(),
            Self::Missing(_) => "there is no collateral".to_owned(),
            Self::NotAsked => CHAIN.to_owned(),
        }))
    }

    fn check(&self) -> Check {
        match self {
            Self::Signed(_) => {
                Check::Verified("TCB info, QE identity and revocation lists under that root".to_owned())
            }
            Self::Faulty(_, finding) => Check::Failed(finding.to_string()),
            Self::Missing(missing) => Check::NotChecked(missing.to_string()),
            Self::NotAsked => Check::NotChecked(CHAIN.to_owned()),
        }
    }
}

/// What is above a broken link has no meaning.
const CHAIN: &str = "the certificate chain does not hold";

/// What endorses a quote, link by link.
struct Links<'a> {
    quote: &'a Quote,
    root: &'a TrustRoot,
    chain: &'a Result<Arc<PckChain>, PckChainError>,
    collateral: Published,
}

impl Links<'_> {
    fn chain(&self) -> Result<&PckChain, Check> {
        self.chain.as_deref().map_err(|_| Check::NotChecked(CHAIN.to_owned()))
    }

    fn chain_check(&self) -> Check {
        match self.chain {
            Ok(chain) => {
                let ca = match chain.ca {
                    PckCa::Processor => "PCK Processor CA",
                    PckCa::Platform => "PCK Platform CA",
                };
                let root = match self.root {
                    TrustRoot::Intel => "Intel's root that is part of this program",
                    TrustRoot::Other(_) => "a root that is not Intel's",
                };
                Check::Verified(format!("PCK under {ca} under {root}"))
            }
            Err(error) => Check::Failed(error.finding().to_string()),
        }
    }

    fn quoting_enclave_check(&self) -> Check {
        let chain = match self.chain() {
            Ok(chain) => chain,
            Err(check) => return check,
        };
        let signed = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, chain.leaf.point())
            .verify(&self.quote.qe_report.encode(), &self.quote.qe_report_signature);
        if signed.is_err() {
            return Check::Failed("the PCK did not sign the report of the quoting enclave".to_owned());
        }
        match platform::vouches_for_key(self.quote) {
            Ok(()) => {
                Check::Verified("the PCK signed its report, which names the attestation key".to_owned())
            }
            Err(error) => Check::Failed(error.finding().to_string()),
        }
    }

    fn revocation_check(&self) -> Check {
        match (self.chain(), self.collateral.signed()) {
            (Ok(chain), Ok(collateral)) => match platform::same_platform(chain, collateral) {
                Ok(()) => Check::Verified("Intel's lists name neither the PCK nor its issuer".to_owned()),
                Err(error) => Check::Failed(error.finding().to_string()),
            },
            (Err(check), _) | (_, Err(check)) => check,
        }
    }

    fn platform(&self) -> Result<Arc<Platform>, Check> {
        let (chain, collateral) = (self.chain()?, self.collateral.signed()?);
        platform::appraise(self.quote, chain, collateral, self.root)
            .map_err(|error| Check::Failed(error.finding().to_string()))
    }

    fn certificate_validity_check(&self, now: SystemTime) -> Check {
        let chain = match self.chain() {
            Ok(chain) => chain,
            Err(check) => return check,
        };
        let spans = [
            chain.leaf.dated(Dated::PckCertificate),
            chain.intermediate.dated(Dated::PckCaCertificate),
            chain.root.dated(Dated::RootCertificate),
        ];
        validity_check("all three certificates are valid now", &spans, now)
    }
}

fn validity_check(holds: &str, spans: &[Validity], now: SystemTime) -> Check {
    let faults: Vec<_> =
        spans.iter().filter(|span| !span.covers(now)).map(|span| span.finding(now).to_string()).collect();
    match faults.as_slice() {
        [] => Check::Verified(holds.to_owned()),
        faults => Check::Failed(faults.join("; ")),
    }
}

fn signature_check(quote: &Quote) -> Check {
    if platform::is_signed(quote) {
        Check::Verified("by the attestation key in the quote".to_owned())
    } else {
        Check::Failed("the attestation key in the quote did not sign it".to_owned())
    }
}

fn certificate_facts(chain: &[Certificate]) -> Vec<CertificateFacts> {
    let links = [PckLink::Pck, PckLink::PckCa, PckLink::Root];
    let facts = |(certificate, link): (&Certificate, PckLink)| {
        let (not_before, not_after) = certificate.validity();
        CertificateFacts {
            place: link.to_string(),
            origin: Origin::Evidence,
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.serial().to_vec(),
            not_before,
            not_after,
            digest: Sha256::digest(certificate.der()).into(),
        }
    };
    chain.iter().zip(links).map(facts).collect()
}

fn pck_facts(certificate: &Certificate) -> Option<PckFacts> {
    let PckExtension {
        ppid,
        cpu_svn,
        pce_svn,
        pce_id,
        fmspc,
        sgx_type,
        platform_instance_id,
        dynamic_platform,
        cached_keys,
        smt_enabled,
        raw_extension: _,
    } = parse_pck_extension_with::<AwsLc>(certificate.der()).ok()?;
    Some(PckFacts {
        ppid,
        cpu_svn,
        pce_svn,
        pce_id,
        fmspc,
        sgx_type,
        platform_instance_id,
        dynamic_platform,
        cached_keys,
        smt_enabled,
    })
}

fn tcb_facts(platform: &Platform) -> Vec<TcbFacts> {
    let facts = |part: &platform::ComponentStatus| TcbFacts {
        of: part.of,
        status: part.status.to_string(),
        advisory_ids: part.advisory_ids.clone(),
        shortfalls: part.shortfalls.clone(),
    };
    platform.tcb.iter().map(facts).collect()
}
