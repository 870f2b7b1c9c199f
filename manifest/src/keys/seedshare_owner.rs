//! The key that decrypts a seed share.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey},
    signature::RSA_PSS_SHA256,
};
use p384::pkcs8::PrivateKeyInfoRef;
use zeroize::Zeroizing;

use super::{KeyFileError, pem};
use crate::{SeedConsent, SeedShareOwner, seed_shares::OAEP_LABEL};

const LABEL: &str = "RSA PRIVATE KEY";
const WRONG_KEY: KeyFileError =
    KeyFileError::WrongKey { label: LABEL, kind: "an RSA key of 2048 to 8192 bits (PKCS#1)" };

/// A seed share owner's private key: RSA. Erased from memory when dropped.
pub struct SeedShareOwnerKey {
    pkcs1_der: Zeroizing<Vec<u8>>,
    decrypting: OaepPrivateDecryptingKey,
    owner: SeedShareOwner,
}

impl SeedShareOwnerKey {
    /// Makes a new key of 4096 bits. Takes up to a few seconds.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate() -> Result<Self, KeyFileError> {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa4096).map_err(|_| KeyFileError::Generation)?;
        let pkcs8 = key.as_der().map_err(|_| KeyFileError::Generation)?;
        let info = PrivateKeyInfoRef::try_from(pkcs8.as_ref()).map_err(|_| KeyFileError::Generation)?;
        Self::from_pkcs1_der(Zeroizing::new(info.private_key.as_bytes().to_vec()))
    }

    /// Reads a PEM file labelled `RSA PRIVATE KEY` (RFC 8017, A.1.2).
    ///
    /// # Errors
    /// When it is none, or a key of a size that is not used.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyFileError> {
        Self::from_pkcs1_der(pem::block(text, LABEL)?)
    }

    /// The PEM file that [`Self::from_pem`] reads.
    ///
    /// # Errors
    /// Not for a key that this type holds.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyFileError> {
        pem::file(LABEL, &self.pkcs1_der)
    }

    /// The key as DER RSAPrivateKey (RFC 8017, A.1.2).
    #[must_use]
    pub fn pkcs1_der(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs1_der
    }

    /// The public half, as a manifest names it.
    #[must_use]
    pub fn owner(&self) -> &SeedShareOwner {
        &self.owner
    }

    /// Consents to giving the seed to Coordinators under `policies`, which the manifest of `transition` names. They
    /// are put in order.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn consent(
        &self,
        transition: [u8; 32],
        mut policies: Vec<[u8; 32]>,
    ) -> Result<SeedConsent, KeyFileError> {
        policies.sort_unstable();
        policies.dedup();
        let text = SeedConsent::text(&transition, &policies);
        let pair = KeyPair::from_der(&self.pkcs1_der).map_err(|_| WRONG_KEY)?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| KeyFileError::NoSignature)?;
        Ok(SeedConsent { transition, policies, owner: self.owner.digest(), signature })
    }

    /// Decrypts what was encrypted for this key, or gives nothing if it was not.
    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut buffer = Zeroizing::new(vec![0; self.decrypting.min_output_size()]);
        let plaintext = self
            .decrypting
            .decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut buffer, Some(OAEP_LABEL))
            .ok()?;
        Some(Zeroizing::new(plaintext.to_vec()))
    }

    fn from_pkcs1_der(pkcs1_der: Zeroizing<Vec<u8>>) -> Result<Self, KeyFileError> {
        let pair = KeyPair::from_der(&pkcs1_der).map_err(|_| WRONG_KEY)?;
        let pkcs8 = pair.as_der().map_err(|_| WRONG_KEY)?;
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).map_err(|_| WRONG_KEY)?;
        let spki = key.public_key().as_der().map_err(|_| WRONG_KEY)?;
        let owner = SeedShareOwner::from_spki_der(spki.as_ref()).map_err(|_| WRONG_KEY)?;
        let decrypting = OaepPrivateDecryptingKey::new(key).map_err(|_| WRONG_KEY)?;
        Ok(Self { pkcs1_der, decrypting, owner })
    }
}

impl fmt::Debug for SeedShareOwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeedShareOwnerKey")
            .field("owner", &hex::encode(self.owner.digest()))
            .finish_non_exhaustive()
    }
}
