//! Owners by a key file: their private key, or the public half of it.

use super::{KeyFileError, SeedShareOwnerKey, WorkloadOwnerKey, pem};
use crate::{SeedShareOwner, WorkloadOwner};

/// RFC 7468, 13: a SubjectPublicKeyInfo.
const PUBLIC: &str = "PUBLIC KEY";
/// OpenSSL's label of an RSAPublicKey (RFC 8017, A.1.1).
const RSA_PUBLIC: &str = "RSA PUBLIC KEY";

impl WorkloadOwner {
    /// The owner whose key is in a PEM file labelled `EC PRIVATE KEY` or `PUBLIC KEY`.
    ///
    /// # Errors
    /// When it is none of the two, or no ECDSA key on a curve that is used.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyFileError> {
        let Ok(der) = pem::block(text, PUBLIC) else { return Ok(WorkloadOwnerKey::from_pem(text)?.owner()) };
        let wrong = |_| KeyFileError::WrongKey {
            label: PUBLIC,
            kind: "an ECDSA key on the curve P-256, P-384 or P-521",
        };
        Self::from_spki_der(der.to_vec()).map_err(wrong)
    }
}

impl SeedShareOwner {
    /// The owner whose key is in a PEM file labelled `RSA PRIVATE KEY`, `RSA PUBLIC KEY` or `PUBLIC KEY`. The latter may
    /// hold an RSAPublicKey instead of a SubjectPublicKeyInfo: other programs write it so.
    ///
    /// # Errors
    /// When it is none of these, or no RSA key of 2048 to 8192 bits.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyFileError> {
        for label in [PUBLIC, RSA_PUBLIC] {
            if let Ok(der) = pem::block(text, label) {
                let wrong = |_| KeyFileError::WrongKey { label, kind: "an RSA key of 2048 to 8192 bits" };
                return Self::from_spki_der(&der)
                    .or_else(|_| Self::from_pkcs1_der(der.to_vec()))
                    .map_err(wrong);
            }
        }
        Ok(SeedShareOwnerKey::from_pem(text)?.owner().clone())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer, PublicKeyX509Der},
        signature::KeyPair,
    };

    use super::*;

    #[test]
    fn an_owner_is_the_same_by_either_half_of_the_key() {
        let key = WorkloadOwnerKey::generate().unwrap();
        let public = pem::file(PUBLIC, key.spki_der()).unwrap();
        for text in [key.to_pem().unwrap(), public] {
            assert_eq!(WorkloadOwner::from_pem(text.as_bytes()).unwrap(), key.owner());
        }
        let key = SeedShareOwnerKey::generate().unwrap();
        let pair = aws_lc_rs::rsa::KeyPair::from_der(key.pkcs1_der()).unwrap();
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let pkcs1 = key.owner().pkcs1_der();
        for (label, der) in [(PUBLIC, spki.as_ref()), (PUBLIC, pkcs1), (RSA_PUBLIC, pkcs1)] {
            let text = pem::file(label, der).unwrap();
            assert_eq!(&SeedShareOwner::from_pem(text.as_bytes()).unwrap(), key.owner());
        }
        assert_eq!(&SeedShareOwner::from_pem(key.to_pem().unwrap().as_bytes()).unwrap(), key.owner());
    }

    #[test]
    fn another_kind_of_key_is_refused() {
        let (ec, rsa) = (WorkloadOwnerKey::generate().unwrap(), SeedShareOwnerKey::generate().unwrap());
        let public = pem::file(PUBLIC, ec.spki_der()).unwrap();
        assert!(matches!(
            WorkloadOwner::from_pem(rsa.to_pem().unwrap().as_bytes()),
            Err(KeyFileError::WrongLabel { .. })
        ));
        assert!(matches!(
            SeedShareOwner::from_pem(ec.to_pem().unwrap().as_bytes()),
            Err(KeyFileError::WrongLabel { .. })
        ));
        assert!(matches!(SeedShareOwner::from_pem(public.as_bytes()), Err(KeyFileError::WrongKey { .. })));
        assert!(matches!(WorkloadOwner::from_pem(b""), Err(KeyFileError::NoPem { .. })));
    }
}
