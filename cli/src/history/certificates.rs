//! The certificates that a history hangs on.

use std::time::SystemTime;

use aws_lc_rs::{
    digest::{Digest, SHA256},
    signature::{ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ParsedPublicKey},
};
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate,
    der::{DecodePem, Encode, oid::ObjectIdentifier},
    ext::pkix::{BasicConstraints, ExtendedKeyUsage},
};

/// The whole subject name (RFC 4514) of the certificate of the key that signs transitions.
const TRANSITION_SIGNER: &str = "CN=system:coordinator:transitions";

/// The only purpose of that certificate, where it names any: those of older deployments do not.
const TRANSITION_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.9901.3.100");

const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// Why a certificate cannot be trusted.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CertificateError {
    /// Not one certificate in PEM.
    #[error("it is not a certificate in PEM form")]
    NotACertificate,
    /// Not a key on the curve P-384.
    #[error("its key is not an ECDSA key on the curve P-384")]
    NotP384,
    /// The signature is wrong, or of another algorithm.
    #[error("it is not signed by {by}")]
    NotSigned {
        /// Who should have signed it.
        by: &'static str,
    },
    /// It may sign certificates, and must not.
    #[error("it is the certificate of an authority, and must not be")]
    Authority,
    /// It may serve another purpose, and must not.
    #[error("it is for other purposes than signing transitions")]
    Purpose,
    /// Its name is another one.
    #[error("its name is not {expected}")]
    Name {
        /// What it must be.
        expected: &'static str,
    },
    /// An intermediate CA uses its key.
    #[error("its key is also that of an intermediate CA")]
    SharedKey,
    /// It may not sign certificates.
    #[error("it is not the certificate of an authority")]
    NotAnAuthority,
    /// The clock is outside of its validity.
    #[error("it is expired or not valid yet")]
    Expired,
    /// Its name or key is not that of its counterpart.
    #[error("its name and key are not those of the intermediate CA")]
    OtherSubject,
}

/// SHA-256 of the DER SubjectPublicKeyInfo in a certificate (PEM): it stays when a certificate is made anew.
pub(crate) fn key_fingerprint(pem: &[u8]) -> Result<[u8; 32], CertificateError> {
    let certificate = Certificate::from_pem(pem).map_err(|_| CertificateError::NotACertificate)?;
    let key = certificate.tbs_certificate().subject_public_key_info().to_der();
    key.map(|der| Sha256::digest(der).into()).map_err(|_| CertificateError::NotACertificate)
}

/// A certificate with an ECDSA key on P-384.
pub(super) struct P384Certificate {
    certificate: Certificate,
    key: Vec<u8>,
}

impl P384Certificate {
    /// Reads a certificate that must be valid at `now`.
    pub(super) fn read(pem: &[u8], now: SystemTime) -> Result<Self, CertificateError> {
        let certificate = Certificate::from_pem(pem).map_err(|_| CertificateError::NotACertificate)?;
        let tbs = certificate.tbs_certificate();
        let key = tbs.subject_public_key_info().to_der().map_err(|_| CertificateError::NotACertificate)?;
        ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, &key).map_err(|_| CertificateError::NotP384)?;
        let validity = tbs.validity();
        if now < validity.not_before.to_system_time() || now > validity.not_after.to_system_time() {
            return Err(CertificateError::Expired);
        }
        Ok(Self { certificate, key })
    }

    /// Checks that it is the certificate of an authority.
    pub(super) fn must_be_authority(&self) -> Result<(), CertificateError> {
        let constraints = self.certificate.tbs_certificate().get_extension::<BasicConstraints>();
        match constraints {
            Ok(Some((_, BasicConstraints { ca: true, .. }))) => Ok(()),
            _ => Err(CertificateError::NotAnAuthority),
        }
    }

    /// Checks that it is the certificate of the key that signs transitions, and cannot serve as anything else.
    pub(super) fn must_be_transition_signer(&self) -> Result<(), CertificateError> {
        let tbs = self.certificate.tbs_certificate();
        if tbs.subject().to_string() != TRANSITION_SIGNER {
            return Err(CertificateError::Name { expected: TRANSITION_SIGNER });
        }
        match tbs.get_extension::<BasicConstraints>() {
            Ok(None | Some((_, BasicConstraints { ca: false, .. }))) => {}
            _ => return Err(CertificateError::Authority),
        }
        match tbs.get_extension::<ExtendedKeyUsage>() {
            Ok(None) => Ok(()),
            Ok(Some((_, purposes))) if purposes.0 == [TRANSITION_SIGNING] => Ok(()),
            _ => Err(CertificateError::Purpose),
        }
    }

    /// Checks that `other` has another key.
    pub(super) fn must_not_share_its_key_with(&self, other: &Self) -> Result<(), CertificateError> {
        if self.key == other.key { Err(CertificateError::SharedKey) } else { Ok(()) }
    }

    /// SHA-256 of the key.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.key).into()
    }

    /// Checks that `issuer` signed it (RFC 5280, 4.1.1.3), and that it names that issuer.
    pub(super) fn must_be_signed_by(&self, issuer: &Self, by: &'static str) -> Result<(), CertificateError> {
        let refused = CertificateError::NotSigned { by };
        let tbs = self.certificate.tbs_certificate();
        let named = tbs.issuer() == issuer.certificate.tbs_certificate().subject();
        if !named || self.certificate.signature_algorithm().oid != ECDSA_WITH_SHA384 {
            return Err(refused);
        }
        let message = tbs.to_der().map_err(|_| refused)?;
        let signature = self.certificate.signature().as_bytes().ok_or(refused)?;
        let key = ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, &issuer.key).map_err(|_| refused)?;
        key.verify_sig(&message, signature).map_err(|_| refused)
    }

    /// Checks that both certify the same key under the same name.
    pub(super) fn must_match(&self, other: &Self) -> Result<(), CertificateError> {
        let [own, others] = [self, other].map(|one| one.certificate.tbs_certificate().subject());
        if own == others && self.key == other.key { Ok(()) } else { Err(CertificateError::OtherSubject) }
    }

    /// The key, to check signatures over digests.
    pub(super) fn digest_key(&self) -> Result<DigestKey, CertificateError> {
        ParsedPublicKey::new(&ECDSA_P384_SHA256_ASN1, &self.key)
            .map(DigestKey)
            .map_err(|_| CertificateError::NotP384)
    }
}

/// A key on P-384 for signatures whose message digest is 32 bytes that were made elsewhere.
pub(super) struct DigestKey(ParsedPublicKey);

impl DigestKey {
    /// Whether the key's owner signed `digest` (ASN.1 DER ECDSA).
    pub(super) fn has_signed(&self, digest: &[u8; 32], signature_der: &[u8]) -> bool {
        let digest = Digest::import_less_safe(digest, &SHA256);
        digest.is_ok_and(|digest| self.0.verify_digest_sig(&digest, signature_der).is_ok())
    }
}
