//! The one source of cryptography for TLS.

use std::sync::{Arc, LazyLock};

use rustls::{
    CipherSuite, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::CertificateDer,
};

/// The provider, passed to every configuration: nothing relies on a default of the process.
///
/// Clients offer AES-128 first, as present clients do: a longer key would be no stronger than the key exchange, and
/// processors hash with its SHA-256 five times as fast, which counts with certificates of several KiB.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
        Arc::new(provider)
    });
    Arc::clone(&PROVIDER)
}

/// The signatures that a peer may prove possession of its key with: RSA, P-256, P-384, P-521, Ed25519.
pub(super) fn signature_schemes() -> Vec<SignatureScheme> {
    algorithms().supported_schemes()
}

/// Checks the signature of a TLS 1.2 handshake.
pub(super) fn verify_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms())
}

/// Checks the signature of a TLS 1.3 handshake.
pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms())
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}
