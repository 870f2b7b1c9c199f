//! The public keys of a deployment's owners, in the forms that a manifest has.

use aws_lc_rs::{
    rsa::PublicEncryptingKey,
    signature::{self, EcdsaVerificationAlgorithm, ParsedPublicKey},
};
use sha2::{Digest, Sha256};
use x509_cert::{
    der::{Decode, Encode, asn1::BitString, oid::ObjectIdentifier},
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
};

use crate::transition::signed_form;

const ID_EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ID_RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The curves of workload owner keys, each with the algorithm of detached signatures (SHA-256 on all).
const CURVES: [(ObjectIdentifier, &EcdsaVerificationAlgorithm); 3] = [
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), &signature::ECDSA_P384_SHA256_ASN1),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), &signature::ECDSA_P256_SHA256_ASN1),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), &signature::ECDSA_P521_SHA256_ASN1),
];

/// What is wrong with an owner's public key.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerKeyFault {
    /// Not a DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) of an ECDSA key.
    #[error("must be the SubjectPublicKeyInfo (DER) of an ECDSA key on the curve P-256, P-384 or P-521")]
    NotEcdsa,
    /// Not a DER RSAPublicKey (RFC 8017, A.1.1).
    #[error("must be the PKCS#1 RSAPublicKey (DER) of an RSA key of 2048 to 8192 bits")]
    NotRsa,
    /// A SubjectPublicKeyInfo stands where an RSAPublicKey belongs.
    #[error(
        "is a SubjectPublicKeyInfo, but must be the PKCS#1 RSAPublicKey inside of it; `openssl rsa -pubin -RSAPublicKey_out` converts it"
    )]
    SpkiInsteadOfPkcs1,
}

/// Who may replace a manifest: the holder of an ECDSA key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkloadOwner {
    digest: [u8; 32],
    spki_der: Option<Vec<u8>>,
}

impl WorkloadOwner {
    /// An owner by the DER SubjectPublicKeyInfo of the key.
    ///
    /// # Errors
    /// When it is none, or no ECDSA key on a curve that is used.
    pub fn from_spki_der(spki_der: Vec<u8>) -> Result<Self, OwnerKeyFault> {
        verification_key(&spki_der).ok_or(OwnerKeyFault::NotEcdsa)?;
        Ok(Self::of_valid_spki(spki_der))
    }

    /// An owner by a DER SubjectPublicKeyInfo that is known to be right.
    pub(crate) fn of_valid_spki(spki_der: Vec<u8>) -> Self {
        Self { digest: Sha256::digest(&spki_der).into(), spki_der: Some(spki_der) }
    }

    /// An owner as older manifests name one, by the SHA-256 of the DER SubjectPublicKeyInfo. Signatures
    /// of such an owner cannot be checked.
    #[must_use]
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self { digest, spki_der: None }
    }

    /// SHA-256 of the DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The DER SubjectPublicKeyInfo, if the manifest has the whole key.
    #[must_use]
    pub fn spki_der(&self) -> Option<&[u8]> {
        self.spki_der.as_deref()
    }

    fn signed(&self, transition: &[u8; 32], signature_der: &[u8]) -> bool {
        let key = self.spki_der.as_deref().and_then(verification_key);
        key.is_some_and(|key| key.verify_sig(&signed_form(transition), signature_der).is_ok())
    }
}

/// Everybody who may replace a manifest. Nobody, if empty: then it is there for good.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct WorkloadOwners(Vec<WorkloadOwner>);

impl WorkloadOwners {
    /// These owners.
    #[must_use]
    pub fn new(owners: Vec<WorkloadOwner>) -> Self {
        Self(owners)
    }

    /// Whether nobody may replace the manifest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The owners in the order of the manifest: whole keys, then digests.
    pub fn iter(&self) -> impl Iterator<Item = &WorkloadOwner> {
        self.0.iter()
    }

    /// Whether `key_der` belongs to an owner (ECDSA: DER SubjectPublicKeyInfo; RSA: DER RSAPublicKey).
    #[must_use]
    pub fn contains_key(&self, key_der: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(key_der).into();
        self.0.iter().any(|owner| owner.digest == digest)
    }

    /// The owner that made `signature_der` (ASN.1 DER ECDSA with SHA-256) over the 64 characters of the
    /// lower-case hexadecimal form of `transition`.
    #[must_use]
    pub fn signer(&self, transition: &[u8; 32], signature_der: &[u8]) -> Option<&WorkloadOwner> {
        self.0.iter().find(|owner| owner.signed(transition, signature_der))
    }
}

/// Who receives the encrypted seed: the holder of an RSA key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SeedShareOwner {
    pkcs1_der: Vec<u8>,
}

impl SeedShareOwner {
    /// An owner by the DER RSAPublicKey of the key (RFC 8017, A.1.1).
    ///
    /// # Errors
    /// When it is none, or the key has fewer than 2048 or more than 8192 bits.
    pub fn from_pkcs1_der(pkcs1_der: Vec<u8>) -> Result<Self, OwnerKeyFault> {
        if rsa_key_in_spki(&pkcs1_der).is_some() {
            return Err(OwnerKeyFault::SpkiInsteadOfPkcs1);
        }
        let owner = Self { pkcs1_der };
        owner.encrypting_key().ok_or(OwnerKeyFault::NotRsa)?;
        Ok(owner)
    }

    /// An owner by the DER SubjectPublicKeyInfo of the key, as PEM files labelled `PUBLIC KEY` hold it.
    ///
    /// # Errors
    /// When it is none, or no RSA key of 2048 to 8192 bits.
    pub fn from_spki_der(spki_der: &[u8]) -> Result<Self, OwnerKeyFault> {
        Self::from_pkcs1_der(rsa_key_in_spki(spki_der).ok_or(OwnerKeyFault::NotRsa)?)
    }

    /// The DER RSAPublicKey.
    #[must_use]
    pub fn pkcs1_der(&self) -> &[u8] {
        &self.pkcs1_der
    }

    /// The lower-case hexadecimal form of the DER, as manifests and seed shares have it.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(&self.pkcs1_der)
    }

    /// SHA-256 of the DER RSAPublicKey.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.pkcs1_der).into()
    }

    /// The key for the only use that it has.
    pub(crate) fn encrypting_key(&self) -> Option<PublicEncryptingKey> {
        let spki = SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: ID_RSA_ENCRYPTION,
                parameters: Some(x509_cert::der::asn1::Null.into()),
            },
            subject_public_key: BitString::from_bytes(&self.pkcs1_der).ok()?,
        };
        PublicEncryptingKey::from_der(&spki.to_der().ok()?).ok()
    }
}

fn verification_key(spki_der: &[u8]) -> Option<ParsedPublicKey> {
    let spki = SubjectPublicKeyInfoOwned::from_der(spki_der).ok()?;
    let curve: ObjectIdentifier = spki.algorithm.parameters.as_ref()?.decode_as().ok()?;
    let (_, algorithm) = CURVES.iter().find(|(oid, _)| *oid == curve)?;
    if spki.algorithm.oid != ID_EC_PUBLIC_KEY {
        return None;
    }
    ParsedPublicKey::new(*algorithm, spki_der).ok()
}

fn rsa_key_in_spki(spki_der: &[u8]) -> Option<Vec<u8>> {
    let spki = SubjectPublicKeyInfoOwned::from_der(spki_der).ok()?;
    let rsa = spki.algorithm.oid == ID_RSA_ENCRYPTION;
    rsa.then(|| spki.subject_public_key.as_bytes().map(<[u8]>::to_vec))?
}
