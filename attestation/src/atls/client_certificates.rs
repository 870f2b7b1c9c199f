//! The server's view of client certificates.

use std::time::{Duration, SystemTime};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use super::{
    certificate::{CertificateFault, PeerCertificate, parse_first},
    hint,
    nonce::Nonce,
    outcome::Outcome,
    provider::{signature_schemes, verify_tls12, verify_tls13},
};

/// Asks for a client certificate and names the server's nonce. Reads the certificate and has TLS check that
/// the client holds its key; does not appraise, because the verdict is the caller's to explain.
#[derive(Debug)]
pub(super) struct ClientCertificates {
    hint: [DistinguishedName; 1],
    required: bool,
    seen: Outcome<Result<PeerCertificate, CertificateFault>>,
}

impl ClientCertificates {
    /// With `required`, a client without a certificate is refused, and the certificate must be valid now.
    /// Without, any certificate whose key the client holds will do.
    pub(super) fn new(
        nonce: &Nonce,
        required: bool,
        seen: Outcome<Result<PeerCertificate, CertificateFault>>,
    ) -> Self {
        Self { hint: [hint::encode(nonce)], required, seen }
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hint
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let read = parse_first(end_entity, intermediates.len()).and_then(|certificate| {
            if self.required {
                certificate.check(system_time(now))?;
            }
            Ok(certificate)
        });
        let verdict = match &read {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(fault) => Err(alert_for(fault)),
        };
        self.seen.leave(read);
        verdict
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

/// The clock of TLS as one of the standard library.
pub(super) fn system_time(now: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs())
}

/// The error of the TLS library whose alert says the most about `fault`.
pub(super) fn alert_for(fault: &CertificateFault) -> Error {
    Error::InvalidCertificate(match fault {
        CertificateFault::Malformed
        | CertificateFault::TooLong { .. }
        | CertificateFault::TooMany { .. }
        | CertificateFault::TooManyExtensions { .. }
        | CertificateFault::DuplicateExtension(_)
        | CertificateFault::EvidenceCount(_) => CertificateError::BadEncoding,
        CertificateFault::CriticalExtension(_) => CertificateError::UnhandledCriticalExtension,
        CertificateFault::KeyUsage => CertificateError::InvalidPurpose,
        CertificateFault::NotYetValid { .. } => CertificateError::NotValidYet,
        CertificateFault::Expired { .. } => CertificateError::Expired,
    })
}
