//! The client's view of the server's certificate.

use std::{fmt, sync::Arc, time::SystemTime};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{
    appraise::appraise,
    certificate::{PeerCertificate, parse_first},
    client_certificates::{alert_for, system_time},
    error::HandshakeError,
    nonce::Nonce,
    outcome::Outcome,
    provider::{signature_schemes, verify_tls12, verify_tls13},
};
use crate::{Claims, Verifier};

/// Appraises the server's certificate against the client's nonce, inside the handshake: a server that does
/// not pass learns nothing more than that.
pub(super) struct ServerCertificates {
    nonce: Nonce,
    /// Empty: any certificate that is valid now.
    verifiers: Arc<[Box<dyn Verifier>]>,
    verdict: Outcome<Result<Judged, HandshakeError>>,
}

/// A server's certificate that nothing speaks against.
pub(super) struct Judged {
    /// `None` where there were no verifiers.
    pub(super) claims: Option<Claims>,
    pub(super) certificate: PeerCertificate,
}

impl ServerCertificates {
    pub(super) fn new(
        nonce: Nonce,
        verifiers: Arc<[Box<dyn Verifier>]>,
        verdict: Outcome<Result<Judged, HandshakeError>>,
    ) -> Self {
        Self { nonce, verifiers, verdict }
    }

    fn judge(&self, end_entity: &[u8], above: usize, now: SystemTime) -> Result<Judged, HandshakeError> {
        let certificate = parse_first(end_entity, above)?;
        certificate.check(now)?;
        if self.verifiers.is_empty() {
            return Ok(Judged { claims: None, certificate });
        }
        appraise(&certificate, &self.nonce, &self.verifiers, now)
            .map(|claims| Judged { claims: Some(claims), certificate })
            .map_err(HandshakeError::Refused)
    }
}

impl ServerCertVerifier for ServerCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.judge(end_entity, intermediates.len(), system_time(now));
        let alert = match &verdict {
            Ok(_) => None,
            Err(HandshakeError::Certificate(fault)) => Some(alert_for(fault)),
            Err(_) => Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        };
        self.verdict.leave(verdict);
        alert.map_or(Ok(ServerCertVerified::assertion()), Err)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature_schemes()
    }
}

impl fmt::Debug for ServerCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificates").field("verifiers", &self.verifiers.len()).finish_non_exhaustive()
    }
}
