//! What Intel signs. Certificates, lists and JSON are all signed with ECDSA P-256 and SHA-256.

use std::time::SystemTime;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::value::RawValue;
use x509_cert::{
    Certificate,
    crl::CertificateList,
    der::{DateTime, Decode, Encode},
};

use super::{Address, ContentError, Covers, Item, Roots};
use crate::{tdx::PckCa, x509::signed_part};

const NOT_SIGNED: ContentError = ContentError::NotSigned("Intel");

pub(super) fn check(item: &Item, roots: &Roots) -> Result<Covers, ContentError> {
    match &item.address {
        Address::IntelTcbInfo(fmspc) => {
            let signed = SignedJson::of_tcb_info(&item.body)?;
            let tcb_info: TcbInfo = signed.verify(&issuer(item, roots, "Intel SGX TCB Signing")?)?;
            let matches = tcb_info.id == "TDX" && tcb_info.fmspc.eq_ignore_ascii_case(&hex::encode(fmspc));
            if matches { tcb_info.dates.covers() } else { Err(ContentError::OffTopic) }
        }
        Address::IntelQeIdentity => {
            let signed = SignedJson::of_qe_identity(&item.body)?;
            let identity: QeIdentity = signed.verify(&issuer(item, roots, "Intel SGX TCB Signing")?)?;
            if identity.id == "TD_QE" { identity.dates.covers() } else { Err(ContentError::OffTopic) }
        }
        Address::IntelPckRevocationList(ca) => {
            let name = match ca {
                PckCa::Platform => "Intel SGX PCK Platform CA",
                PckCa::Processor => "Intel SGX PCK Processor CA",
            };
            revocation_list(&item.body, &issuer(item, roots, name)?)
        }
        _ => revocation_list(&item.body, &certificate(roots.intel().certificate())?),
    }
}

/// The parts of an answer in JSON: an object, and a signature over its bytes.
pub(in crate::collateral) struct SignedJson<'a> {
    pub(in crate::collateral) object: &'a str,
    /// In hexadecimal: r and s, 32 bytes each.
    pub(in crate::collateral) signature: String,
}

impl<'a> SignedJson<'a> {
    pub(in crate::collateral) fn of_tcb_info(body: &'a [u8]) -> Result<Self, ContentError> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow, rename = "tcbInfo")]
            object: &'a RawValue,
            signature: String,
        }
        let answer: Answer<'_> =
            serde_json::from_slice(body).map_err(|_| ContentError::Malformed("signed TCB info"))?;
        Ok(Self { object: answer.object.get(), signature: answer.signature })
    }

    pub(in crate::collateral) fn of_qe_identity(body: &'a [u8]) -> Result<Self, ContentError> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow, rename = "enclaveIdentity")]
            object: &'a RawValue,
            signature: String,
        }
        let answer: Answer<'_> =
            serde_json::from_slice(body).map_err(|_| ContentError::Malformed("a signed QE identity"))?;
        Ok(Self { object: answer.object.get(), signature: answer.signature })
    }

    fn verify<T: Deserialize<'a>>(&self, issuer: &Certificate) -> Result<T, ContentError> {
        let signature = hex::decode(&self.signature).map_err(|_| NOT_SIGNED)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public_key(issuer)?)
            .verify(self.object.as_bytes(), &signature)
            .map_err(|_| NOT_SIGNED)?;
        serde_json::from_str(self.object).map_err(|_| ContentError::Malformed("of the known form"))
    }
}

#[derive(Deserialize)]
struct TcbInfo {
    id: String,
    fmspc: String,
    #[serde(flatten)]
    dates: Dates,
}

#[derive(Deserialize)]
struct QeIdentity {
    id: String,
    #[serde(flatten)]
    dates: Dates,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dates {
    issue_date: String,
    next_update: String,
}

impl Dates {
    fn covers(&self) -> Result<Covers, ContentError> {
        let moment = |text: &str| -> Result<SystemTime, ContentError> {
            let date: DateTime = text.parse().map_err(|_| ContentError::Malformed("dated"))?;
            Ok(date.to_system_time())
        };
        Ok(Covers { since: moment(&self.issue_date)?, until: moment(&self.next_update)? })
    }
}

/// The certificate that signs the item: first of the chain that came with it, below the root.
fn issuer(item: &Item, roots: &Roots, name: &str) -> Result<Certificate, ContentError> {
    let pem = item.issuer_chain.as_deref().unwrap_or_default();
    let chain = Certificate::load_pem_chain(pem.as_bytes()).map_err(|_| NOT_SIGNED)?;
    // The root may be part of the chain; what counts is the one that is known.
    let leaf = chain.into_iter().next().ok_or(NOT_SIGNED)?;
    let root = certificate(roots.intel().certificate())?;
    let subject = leaf.tbs_certificate().subject();
    if !matches!(subject.common_name(), Ok(Some(found)) if found.value() == name) {
        return Err(NOT_SIGNED);
    }
    let signed = leaf.to_der().map_err(|_| NOT_SIGNED)?;
    verify(&signed, leaf.signature().as_bytes(), &root)?;
    Ok(leaf)
}

fn revocation_list(der: &[u8], issuer: &Certificate) -> Result<Covers, ContentError> {
    const LIST: ContentError = ContentError::Malformed("a revocation list that says until when it is valid");
    let list: CertificateList = CertificateList::from_der(der).map_err(|_| LIST)?;
    let body = &list.tbs_cert_list;
    if body.issuer != *issuer.tbs_certificate().subject() {
        return Err(ContentError::OffTopic);
    }
    verify(der, list.signature.as_bytes(), issuer)?;
    let until = body.next_update.ok_or(LIST)?.to_system_time();
    Ok(Covers { since: body.this_update.to_system_time(), until })
}

/// Did `issuer` sign the first part of the structure `der`?
fn verify(der: &[u8], signature: Option<&[u8]>, issuer: &Certificate) -> Result<(), ContentError> {
    let (signed, signature) = signed_part(der).zip(signature).ok_or(NOT_SIGNED)?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key(issuer)?);
    key.verify(signed, signature).map_err(|_| NOT_SIGNED)
}

fn certificate(der: &[u8]) -> Result<Certificate, ContentError> {
    Certificate::from_der(der).map_err(|_| NOT_SIGNED)
}

fn public_key(certificate: &Certificate) -> Result<Vec<u8>, ContentError> {
    let key = certificate.tbs_certificate().subject_public_key_info();
    key.subject_public_key.as_bytes().map(<[u8]>::to_vec).ok_or(NOT_SIGNED)
}
