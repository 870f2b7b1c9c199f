//! Who the API server is, and how the client shows who it is, on the level of TLS.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use rustls::{
    ClientConfig, RootCertStore, SignatureScheme,
    client::ResolvesClientCert,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_cert::der::Decode as _;

use crate::{error::AccessError, settings::Source};

/// The authorities in PEM. At least one.
pub(crate) fn roots(pem: &[u8], from: &Source) -> Result<RootCertStore, AccessError> {
    let unusable = || AccessError::Unusable { what: "certificate authority", from: from.to_string() };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
    }
    if roots.is_empty() { Err(unusable()) } else { Ok(roots) }
}

/// A client's certificate with those above it, and its key. It must not be expired.
pub(crate) fn identity(
    chain: &[u8],
    chain_from: &Source,
    key: &[u8],
    key_from: &Source,
) -> Result<Arc<CertifiedKey>, AccessError> {
    let bad_chain = || AccessError::Unusable { what: "client certificate", from: chain_from.to_string() };
    let bad_key = || AccessError::Unusable { what: "private key", from: key_from.to_string() };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|_| bad_chain())?;
    let certificate = chain.first().ok_or_else(bad_chain)?;
    if let Some(since) = expired(certificate, SystemTime::now()).ok_or_else(bad_chain)? {
        return Err(AccessError::ExpiredCertificate { from: chain_from.to_string(), since });
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| bad_key())?;
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|_| bad_key())?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Arc::new(identity))
        }
        Err(_) => {
            Err(AccessError::Unusable { what: "key of the client certificate", from: key_from.to_string() })
        }
    }
}

/// Since when a certificate is expired, if it is; nothing at all if it is no certificate.
fn expired(certificate: &CertificateDer<'_>, now: SystemTime) -> Option<Option<String>> {
    let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
    let end = parsed.tbs_certificate().validity().not_after;
    Some((end.to_system_time() < now).then(|| end.to_string()))
}

/// The client's side of connections. The certificate may still come, from a credential plugin.
pub(crate) fn config(roots: RootCertStore, identity: Arc<Identity>) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    #[expect(clippy::expect_used, reason = "the provider has cipher suites for both versions")]
    let builder = builder.with_safe_default_protocol_versions().expect("versions of the default provider");
    let mut config = builder.with_root_certificates(roots).with_client_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The client's certificate, as long as there is one.
#[derive(Default, Debug)]
pub(crate) struct Identity(RwLock<Option<Arc<CertifiedKey>>>);

impl Identity {
    pub(crate) fn new(identity: Option<Arc<CertifiedKey>>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(identity)))
    }

    /// For connections from now on.
    pub(crate) fn set(&self, identity: Arc<CertifiedKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(identity);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.has_certs()
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn has_certs(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}
