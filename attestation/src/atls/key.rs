//! The keys that certificates are made for.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use rustls::{
    Error, SignatureAlgorithm, SignatureScheme,
    crypto::aws_lc_rs::sign::{any_ecdsa_type, any_supported_type},
    pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer},
    sign::{Signer, SigningKey},
};

use super::error::IssueError;

/// Which key a client connects with.
#[derive(Clone, Debug, Default)]
pub enum Identity {
    /// A P-256 key that is made for one connection and forgotten with it.
    #[default]
    Fresh,
    /// A key that means something to the server: that of an owner, or of a workload.
    Key(ClientKey),
}

/// A private key and its public half.
///
/// The private half lives in memory of the cryptographic library, which wipes it when the last clone is
/// dropped, and does not come out again.
#[derive(Clone)]
pub struct ClientKey {
    private: Arc<dyn SigningKey>,
    spki_der: Arc<[u8]>,
}

/// Why bytes are not a usable private key. Says nothing about the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a SEC1 `ECPrivateKey` (RFC 5915) of a supported curve.
    #[error("the key is not an EC private key in SEC1 form on P-256, P-384 or P-521")]
    Sec1,
    /// Not a PKCS#8 `PrivateKeyInfo` (RFC 5208) of a supported curve.
    #[error("the key is not an EC private key in PKCS#8 form on P-256, P-384 or P-521")]
    Pkcs8,
    /// Not a PKCS#1 `RSAPrivateKey` (RFC 8017 appendix A.1.2) of a supported size.
    #[error("the key is not an RSA private key in PKCS#1 form of 2048 to 8192 bits")]
    Pkcs1,
}

impl ClientKey {
    /// Reads an EC key in DER as in PEM blocks `EC PRIVATE KEY`.
    ///
    /// # Errors
    /// [`KeyError::Sec1`].
    pub fn from_sec1_der(der: &[u8]) -> Result<Self, KeyError> {
        any_ecdsa_type(&PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)))
            .ok()
            .and_then(Self::new)
            .ok_or(KeyError::Sec1)
    }

    /// Reads an EC key in DER as in PEM blocks `PRIVATE KEY`.
    ///
    /// # Errors
    /// [`KeyError::Pkcs8`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        any_ecdsa_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)))
            .ok()
            .and_then(Self::new)
            .ok_or(KeyError::Pkcs8)
    }

    /// Reads an RSA key in DER as in PEM blocks `RSA PRIVATE KEY`.
    ///
    /// # Errors
    /// [`KeyError::Pkcs1`].
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        any_supported_type(&PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)))
            .ok()
            .and_then(Self::new)
            .ok_or(KeyError::Pkcs1)
    }

    /// A new P-256 key.
    pub(super) fn fresh() -> Result<Self, IssueError> {
        let key = FreshKey::generate().ok_or(IssueError::FreshKey)?;
        let spki_der = key.spki_der().ok_or(IssueError::FreshKey)?;
        Ok(Self { private: Arc::new(key), spki_der })
    }

    /// The SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7).
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    pub(super) fn private(&self) -> &Arc<dyn SigningKey> {
        &self.private
    }

    fn new(private: Arc<dyn SigningKey>) -> Option<Self> {
        let spki_der = private.public_key()?.as_ref().into();
        Some(Self { private, spki_der })
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("algorithm", &self.private.algorithm()).finish_non_exhaustive()
    }
}

/// A P-256 key that never was outside of the cryptographic library: writing it down and reading it back,
/// with all the checks that reading needs, would cost more than making it.
#[derive(Clone)]
struct FreshKey(Arc<EcdsaKeyPair>);

impl FreshKey {
    fn generate() -> Option<Self> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).ok().map(|pair| Self(Arc::new(pair)))
    }

    fn spki_der(&self) -> Option<Arc<[u8]>> {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().ok()?;
        Some(der.as_ref().into())
    }
}

impl SigningKey for FreshKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ECDSA_NISTP256_SHA256)
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for FreshKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        signature
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| Error::General("signing failed".into()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

impl fmt::Debug for FreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreshKey(P-256)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_key_is_another_one_each_time() {
        assert_ne!(ClientKey::fresh().unwrap().spki_der(), ClientKey::fresh().unwrap().spki_der());
    }

    #[test]
    fn sec1_and_pkcs8_forms_of_one_key_are_the_same_key() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let sec1 = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_>>::as_der(
            &pair.private_key(),
        )
        .unwrap();
        let from_sec1 = ClientKey::from_sec1_der(sec1.as_ref()).unwrap();
        let from_pkcs8 = ClientKey::from_pkcs8_der(pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
        assert_eq!(from_sec1.spki_der(), from_pkcs8.spki_der());
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        assert_eq!(from_sec1.spki_der(), der.as_ref());
    }

    #[test]
    fn what_is_not_a_key_is_refused_by_the_name_of_its_form() {
        assert_eq!(ClientKey::from_sec1_der(b"key").unwrap_err(), KeyError::Sec1);
        assert_eq!(ClientKey::from_pkcs8_der(b"key").unwrap_err(), KeyError::Pkcs8);
        assert_eq!(ClientKey::from_pkcs1_der(b"key").unwrap_err(), KeyError::Pkcs1);
    }

    #[test]
    fn debug_output_shows_no_key() {
        let shown = format!("{:?}", Identity::Key(ClientKey::fresh().unwrap()));
        assert_eq!(shown, "Key(ClientKey { algorithm: ECDSA, .. })");
    }
}
