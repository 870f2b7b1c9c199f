//! The key that allows to replace a manifest.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsBigEndian, EcPrivateKeyBin},
    signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair},
};
use p384::{
    SecretKey,
    ecdsa::{DerSignature, Signature, SigningKey, signature::hazmat::PrehashSigner},
    pkcs8::EncodePublicKey,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KeyFileError, pem};
use crate::{WorkloadOwner, transition::signed_form};

const LABEL: &str = "EC PRIVATE KEY";
const WRONG_KEY: KeyFileError =
    KeyFileError::WrongKey { label: LABEL, kind: "an ECDSA key on the curve P-384" };

/// A workload owner's private key: ECDSA on P-384. Erased from memory when dropped.
pub struct WorkloadOwnerKey {
    secret: SecretKey,
    spki_der: Vec<u8>,
}

impl WorkloadOwnerKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate() -> Result<Self, KeyFileError> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map_err(|_| KeyFileError::Generation)?;
        let scalar: EcPrivateKeyBin<'_> =
            pair.private_key().as_be_bytes().map_err(|_| KeyFileError::Generation)?;
        Self::new(SecretKey::from_slice(scalar.as_ref()).map_err(|_| KeyFileError::Generation)?)
    }

    /// Reads a PEM file labelled `EC PRIVATE KEY` (SEC 1, C.4).
    ///
    /// # Errors
    /// When it is none, or a key on another curve.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyFileError> {
        let der = pem::block(text, LABEL)?;
        Self::new(SecretKey::from_sec1_der(&der).map_err(|_| WRONG_KEY)?)
    }

    /// The PEM file that [`Self::from_pem`] reads.
    ///
    /// # Errors
    /// Not for a key that this type holds.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyFileError> {
        pem::file(LABEL, &self.to_sec1_der()?)
    }

    /// The key as DER ECPrivateKey (SEC 1, C.4).
    ///
    /// # Errors
    /// Not for a key that this type holds.
    pub fn to_sec1_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        self.secret.to_sec1_der().map_err(|_| WRONG_KEY)
    }

    /// The DER SubjectPublicKeyInfo of the public half.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The public half, as a manifest names it.
    #[must_use]
    pub fn owner(&self) -> WorkloadOwner {
        WorkloadOwner::of_valid_spki(self.spki_der.clone())
    }

    /// Signs a transition for `set --signature`: ASN.1 DER ECDSA with SHA-256 over the 64 characters of
    /// the transition's lower-case hexadecimal form.
    ///
    /// # Errors
    /// Not for a key that this type holds.
    pub fn sign_transition(&self, transition: &[u8; 32]) -> Result<Vec<u8>, KeyFileError> {
        let digest = Sha256::digest(signed_form(transition));
        let signature: Signature =
            SigningKey::from(&self.secret).sign_prehash(&digest).map_err(|_| WRONG_KEY)?;
        let der: DerSignature = signature.to_der();
        Ok(der.as_bytes().to_vec())
    }

    fn new(secret: SecretKey) -> Result<Self, KeyFileError> {
        let spki_der = secret.public_key().to_public_key_der().map_err(|_| WRONG_KEY)?.into_vec();
        Ok(Self { secret, spki_der })
    }
}

impl fmt::Debug for WorkloadOwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadOwnerKey").finish_non_exhaustive()
    }
}
