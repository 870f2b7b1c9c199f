//! From a quote and collateral to the status of the platform that made the quote.
//!
//! `dcap-qvl` follows Intel's rules in full: all chains, both revocation lists, the quoting enclave, TCB levels.
//! What it looks at is the same in every quote of a TD on a platform, apart from the report data and the signature
//! over it. So its answer is remembered, and a further quote costs one signature check.

use std::{
    sync::{Arc, LazyLock},
    time::UNIX_EPOCH,
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use dcap_qvl::{PckCertFlag, QuoteClaims, QuoteCollateralV3, QuotePolicy, TcbStatus, verify::QuoteVerifier};
use sha2::{Digest, Sha256};

use super::{
    Collateral, Quote, TrustRoot,
    pck::PckChain,
    provider::AwsLc,
    tcb,
    validity::{Dated, Validity},
};
use crate::{Cause, Finding, snp::memo::Memo};

/// What is known about the platform that made a quote. All of it is signed; dates are judged at each use.
#[derive(Debug)]
pub(super) struct Platform {
    pub(super) tcb: Vec<ComponentStatus>,
    pub(super) tcb_evaluation_data_number: u32,
    /// `SGX Type` of the PCK certificate: 0 standard, 1 scalable, 2 scalable with integrity.
    pub(super) sgx_type: u64,
    /// `None` where the PCK certificate does not say.
    pub(super) smt_enabled: Option<bool>,
    /// `None` where the PCK certificate does not say.
    pub(super) dynamic_platform: Option<bool>,
    /// `PIID`, the identity of this one platform. A processor CA gives none.
    pub(super) platform_instance_id: Option<[u8; 16]>,
    /// When all of this may be believed.
    pub(super) validity: Vec<Validity>,
}

/// How current one part of a platform is.
#[derive(Debug)]
pub(super) struct ComponentStatus {
    /// What it is that this part is not up to date.
    pub(super) cause: Cause,
    /// The part, for messages.
    pub(super) of: &'static str,
    pub(super) status: TcbStatus,
    pub(super) advisory_ids: Vec<String>,
    /// What would have to be newer, as far as that is known.
    pub(super) shortfalls: Vec<String>,
}

/// Why a quote is not that of a platform that the collateral speaks of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum PlatformError {
    /// The collateral is about other platforms.
    Fmspc { expected: [u8; 6], found: [u8; 6] },
    /// The collateral is about another provisioning certification enclave.
    PceId { expected: [u8; 2], found: Vec<u8> },
    /// The collateral's PCK CA did not issue the PCK certificate.
    PckCa,
    /// A revocation list names the certificate.
    Revoked(Dated),
    /// The QE report does not vouch for the attestation key.
    QeReportData,
    /// The platform did not sign the QE report.
    QeReportSignature,
    /// There is no moment at which collateral and certificates were all valid.
    NeverValid,
    /// Intel's rules do not accept the quote: the reason as `dcap-qvl` gives it.
    Refused(String),
}

static KNOWN: LazyLock<Memo<Arc<Platform>>> = LazyLock::new(|| Memo::new(1024));

/// Finds the status of the platform that made `quote`. Its signature has to be checked by [`is_signed`] as well,
/// and the collateral by [`Collateral::verify`].
pub(super) fn appraise(
    quote: &Quote,
    chain: &PckChain,
    collateral: &Collateral,
    root: &TrustRoot,
) -> Result<Arc<Platform>, PlatformError> {
    KNOWN.get_or_try(key(quote, collateral, root), || {
        Platform::find(quote, chain, collateral, root).map(Arc::new)
    })
}

/// Did the attestation key in the quote sign the quote?
pub(super) fn is_signed(quote: &Quote) -> bool {
    let point = [&[4][..], &quote.attestation_key].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(&quote.signed_bytes(), &quote.signature)
        .is_ok()
}

/// Everything that a [`Platform`] depends on. Only the report data and the signature are left out.
fn key(quote: &Quote, collateral: &Collateral, root: &TrustRoot) -> [u8; 32] {
    let mut rest = quote.clone();
    rest.body.report_data = [0; 64];
    rest.signature = [0; 64];
    Sha256::new()
        .chain_update(root.digest())
        .chain_update(collateral.digest())
        .chain_update(rest.encode())
        .finalize()
        .into()
}

impl Platform {
    fn find(
        quote: &Quote,
        chain: &PckChain,
        collateral: &Collateral,
        root: &TrustRoot,
    ) -> Result<Self, PlatformError> {
        same_platform(chain, collateral)?;
        vouches_for_key(quote)?;
        // Intel's rules check it too, and many things before it. Whoever has no platform gets no further than this.
        if !chain.signed_qe_report(quote) {
            return Err(PlatformError::QeReportSignature);
        }
        let certificates =
            [chain.leaf.dated(Dated::PckCertificate), chain.intermediate.dated(Dated::PckCaCertificate)];
        let moment = collateral.common_moment(&certificates).ok_or(PlatformError::NeverValid)?;
        let moment = moment.duration_since(UNIX_EPOCH).map_err(|_| PlatformError::NeverValid)?;
        let refused = |error: &dyn std::fmt::Display| {
            let svns = (&chain.platform.cpu_svn, chain.platform.pce_svn, &quote.body.tee_tcb_svn);
            let shortfalls = tcb::shortfalls(&collateral.tcb_info, svns.0, svns.1, svns.2);
            let reason = [vec![format!("{error:#}")], shortfalls].concat();
            PlatformError::Refused(reason.join("; "))
        };
        let claims = QuoteVerifier::<AwsLc>::new_with_config(root.certificate().to_vec())
            .verify_with_policy(
                &quote.encode(),
                for_dcap_qvl(chain, collateral).map_err(|error| refused(&error))?,
                moment.as_secs(),
                // Judging is the business of `super::appraisal`.
                &QuotePolicy::claims_only(moment.as_secs()),
            )
            .map_err(|error| refused(&error))?;
        let mut validity = collateral.validity().to_vec();
        // The PCK CA's certificate is among the collateral, too.
        validity.extend(certificates.into_iter().filter(|span| !collateral.validity().contains(span)));
        Ok(Self { validity, ..Self::from_claims(claims, quote, chain, collateral) })
    }

    fn from_claims(claims: QuoteClaims, quote: &Quote, chain: &PckChain, collateral: &Collateral) -> Self {
        let pck = claims.platform.pck;
        let shortfalls = |tee_tcb_svn: &[u8; 16]| {
            tcb::shortfalls(&collateral.tcb_info, &pck.cpu_svn, pck.pce_svn, tee_tcb_svn)
        };
        let launch = claims.platform.tcb_level;
        let mut tcb = vec![ComponentStatus {
            cause: Cause::PlatformTcb,
            of: "platform TCB status",
            status: launch.tcb_status,
            advisory_ids: launch.advisory_ids,
            shortfalls: shortfalls(&quote.body.tee_tcb_svn),
        }];
        let added = quote.body.tdx_1_5.as_ref();
        if let Some((current, added)) = claims.platform.current_tcb_level.zip(added) {
            tcb.push(ComponentStatus {
                cause: Cause::PlatformTcb,
                of: "current platform TCB status",
                status: current.tcb_status,
                advisory_ids: current.advisory_ids,
                shortfalls: shortfalls(&added.tee_tcb_svn_2),
            });
        }
        tcb.push(ComponentStatus {
            cause: Cause::QuotingEnclaveTcb,
            of: "quoting enclave TCB status",
            status: claims.qe.tcb_level.tcb_status,
            advisory_ids: claims.qe.tcb_level.advisory_ids,
            shortfalls: Vec::new(),
        });
        // The verdict as a whole comes last: it never is better than its parts, unless a rule changes.
        if tcb.iter().all(|part| part.status == TcbStatus::UpToDate) {
            tcb.push(ComponentStatus {
                cause: Cause::PlatformTcb,
                of: "TCB status",
                status: claims.tcb.status,
                advisory_ids: claims.tcb.advisory_ids,
                shortfalls: Vec::new(),
            });
        }
        Self {
            tcb,
            tcb_evaluation_data_number: claims.tcb.eval_data_number,
            // `dcap-qvl` cuts it to 8 bits.
            sgx_type: chain.platform.sgx_type,
            smt_enabled: flag(pck.smt_enabled),
            dynamic_platform: flag(pck.dynamic_platform),
            platform_instance_id: pck.platform_instance_id,
            validity: Vec::new(),
        }
    }
}

impl PlatformError {
    pub(super) fn finding(&self) -> Finding {
        match self {
            Self::Fmspc { expected, found } => Finding::new(
                Cause::CollateralFaulty,
                "collateral for FMSPC",
                format!("{} of the PCK certificate", hex::encode(expected)),
                hex::encode(found),
            ),
            Self::PceId { expected, found } => Finding::new(
                Cause::CollateralFaulty,
                "collateral for PCE ID",
                format!("{} of the PCK certificate", hex::encode(found)),
                hex::encode(expected),
            ),
            Self::PckCa => Finding::new(
                Cause::CollateralFaulty,
                "PCK certificate issuer",
                "the PCK CA whose revocation list is in the collateral",
                "another one",
            ),
            Self::Revoked(of) => Finding::new(
                Cause::Revoked,
                of.to_string(),
                "one that is not revoked",
                "a revocation list names it",
            ),
            Self::QeReportData => Finding::new(
                Cause::ForeignAttestationKey,
                "QE report field REPORTDATA",
                "the SHA-256 of attestation key and QE authentication data, then zeros",
                "other bytes: the quoting enclave did not make the attestation key",
            ),
            Self::QeReportSignature => Finding::new(
                Cause::QuoteRules,
                "quote",
                "one that Intel's rules accept",
                "a signature of qe_report that does not verify with the key of the PCK certificate",
            ),
            Self::NeverValid => Finding::new(
                Cause::CollateralFaulty,
                "collateral",
                "parts that are valid at the same time as the PCK certificate",
                "parts that never were",
            ),
            Self::Refused(reason) => {
                Finding::new(Cause::QuoteRules, "quote", "one that Intel's rules accept", reason)
            }
        }
    }
}

/// `dcap-qvl` compares the FMSPC only.
pub(super) fn same_platform(chain: &PckChain, collateral: &Collateral) -> Result<(), PlatformError> {
    let (expected, found) = (chain.platform.fmspc, collateral.fmspc());
    if expected != found {
        return Err(PlatformError::Fmspc { expected, found });
    }
    if chain.platform.pce_id != collateral.pce_id {
        let (expected, found) = (collateral.pce_id, chain.platform.pce_id.clone());
        return Err(PlatformError::PceId { expected, found });
    }
    let signer = &collateral.pck_crl_issuers.signer;
    if chain.leaf.issuer() != signer.subject() || !chain.leaf.is_signed_by(signer) {
        return Err(PlatformError::PckCa);
    }
    if collateral.root_crl.names(&chain.intermediate) {
        return Err(PlatformError::Revoked(Dated::PckCaCertificate));
    }
    if collateral.pck_crl.names(&chain.leaf) {
        return Err(PlatformError::Revoked(Dated::PckCertificate));
    }
    Ok(())
}

/// `dcap-qvl` does not look at the second half of the report data.
pub(super) fn vouches_for_key(quote: &Quote) -> Result<(), PlatformError> {
    let hash = Sha256::new().chain_update(quote.attestation_key).chain_update(&quote.qe_auth_data).finalize();
    let expected = [&hash[..], &[0; 32]].concat();
    if expected == quote.qe_report.report_data { Ok(()) } else { Err(PlatformError::QeReportData) }
}

/// Collateral in the form that `dcap-qvl` takes. The chain of the quote is among it: it then reads the certificates
/// that we read, and not the text in the quote once more.
fn for_dcap_qvl(
    chain: &PckChain,
    collateral: &Collateral,
) -> Result<QuoteCollateralV3, super::CertificateError> {
    let parts = collateral.parts().clone();
    Ok(QuoteCollateralV3 {
        pck_crl_issuer_chain: parts.pck_crl_issuer_chain,
        root_ca_crl: parts.root_ca_crl,
        pck_crl: parts.pck_crl,
        tcb_info_issuer_chain: collateral.tcb_info_issuers.pem()?,
        tcb_info: parts.tcb_info,
        tcb_info_signature: parts.tcb_info_signature,
        qe_identity_issuer_chain: collateral.qe_identity_issuers.pem()?,
        qe_identity: parts.qe_identity,
        qe_identity_signature: parts.qe_identity_signature,
        pck_certificate_chain: Some(chain.pem()?),
    })
}

impl PckChain {
    /// Did the platform's key sign the report of the quoting enclave?
    fn signed_qe_report(&self, quote: &Quote) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.leaf.point())
            .verify(&quote.qe_report.encode(), &quote.qe_report_signature)
            .is_ok()
    }
}

fn flag(flag: PckCertFlag) -> Option<bool> {
    match flag {
        PckCertFlag::True => Some(true),
        PckCertFlag::False => Some(false),
        PckCertFlag::Undefined => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_platform_is_not_taken_for_faulty_collateral() {
        let cause = |error: PlatformError| error.finding().cause;
        for of in [Dated::PckCertificate, Dated::PckCaCertificate] {
            assert_eq!(cause(PlatformError::Revoked(of)), Cause::Revoked);
        }
        let pce_id = PlatformError::PceId { expected: [0; 2], found: vec![1; 2] };
        let fmspc = PlatformError::Fmspc { expected: [0; 6], found: [1; 6] };
        for error in [fmspc, pce_id, PlatformError::PckCa, PlatformError::NeverValid] {
            assert_eq!(cause(error), Cause::CollateralFaulty);
        }
    }
}
