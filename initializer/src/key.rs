//! The key of the pod.

use aws_lc_rs::{
    pkcs8::Document,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contrast_attestation::atls::ClientKey;
use zeroize::Zeroizing;

/// A P-256 key that the mesh certificate is issued for. Made anew by every run, and wiped from memory at its
/// end.
pub(crate) struct PodKey {
    pkcs8: Document,
    /// The same key as TLS uses it.
    pub(crate) client_key: ClientKey,
}

/// The cryptographic library could not make a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the cryptographic library could not make a P-256 key; start the pod again")]
pub(crate) struct NoKey;

impl PodKey {
    /// A new key.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub(crate) fn generate() -> Result<Self, NoKey> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
            .map_err(|_| NoKey)?;
        let client_key = ClientKey::from_pkcs8_der(pkcs8.as_ref()).map_err(|_| NoKey)?;
        Ok(Self { pkcs8, client_key })
    }

    /// The key as a PEM block `PRIVATE KEY` (RFC 7468 section 10).
    pub(crate) fn pem(&self) -> Zeroizing<String> {
        let body = Zeroizing::new(STANDARD.encode(self.pkcs8.as_ref()));
        let mut pem = Zeroizing::new(String::with_capacity(2 * body.len() + 64));
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        let mut rest = body.as_str();
        while let Some((line, tail)) = rest.split_at_checked(64) {
            pem.push_str(line);
            pem.push('\n');
            rest = tail;
        }
        if !rest.is_empty() {
            pem.push_str(rest);
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        pem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pem_form_is_the_key_that_tls_uses() {
        let key = PodKey::generate().unwrap();
        let read = rcgen::KeyPair::from_pem(&key.pem()).unwrap();
        assert_eq!(rcgen::PublicKeyData::subject_public_key_info(&read), key.client_key.spki_der());
        assert!(key.pem().lines().all(|line| line.len() <= 64));
    }
}
