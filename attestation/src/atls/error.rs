//! Why there is no attested connection.

use std::{
    io,
    time::{Duration, SystemTime},
};

use rustls::AlertDescription;

use super::{CertificateFault, HintError, NonceError};
use crate::{AttestError, EvidenceType, Refusal};

/// Why a handshake failed, told apart by who has to do something about it.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The transport failed, or the peer hung up.
    #[error("the connection broke during the TLS handshake: {0}")]
    Connection(io::Error),
    /// The handshake took too long.
    #[error("the TLS handshake did not finish within {} seconds; the peer is silent, or slow to attest", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The peer ended the handshake and said why, as far as TLS has words for it (RFC 8446 section 6).
    #[error("the peer refused the connection with the TLS alert {0:?}")]
    RefusedByPeer(AlertDescription),
    /// What the peer sent is not TLS, or not a TLS that both sides know.
    #[error("the peer broke the TLS protocol, or shares no version or algorithm with this side: {0}")]
    Tls(rustls::Error),
    /// A client broke the rules of the nonce in ALPN.
    #[error(transparent)]
    ClientNonce(#[from] NonceError),
    /// A server broke the rules of the nonce in the acceptable-CA list.
    #[error(transparent)]
    ServerNonce(#[from] HintError),
    /// A client has no certificate where one is required.
    #[error("the client sent no certificate, and only attested clients are served here")]
    NoCertificate,
    /// The peer's certificate cannot be looked at, or is not valid now.
    #[error(transparent)]
    Certificate(#[from] CertificateFault),
    /// A server did not select HTTP/2, which every Coordinator speaks.
    #[error("the server did not select HTTP/2; it is not a Contrast Coordinator")]
    NoHttp2,
    /// The peer's evidence was appraised, and does not fit.
    #[error("attestation failed: {0}")]
    Refused(Refusal),
    /// This side could not make its own certificate.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// More clients wait for evidence than can have it in time.
    #[error(
        "{waiting} other clients wait for a report of the secure processor already; try again in a moment"
    )]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// The attester or a verifier crashed, or the program is shutting down.
    #[error("the handshake was given up, because the program is stopping or a part of it crashed")]
    Abandoned,
}

/// Why a certificate could not be made for a connection.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The platform gave no evidence.
    #[error(transparent)]
    Attest(#[from] AttestError),
    /// The cryptographic library could not make a key.
    #[error("the cryptographic library could not make a fresh P-256 key")]
    FreshKey,
    /// The key cannot sign a certificate.
    #[error("the key cannot sign a certificate; use an EC key on P-256, P-384 or P-521, or an RSA key")]
    Signature,
    /// The operating system has no randomness.
    #[error("the operating system gave no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// No certificate can say a time like this.
    #[error("the system clock shows {0:?}, a time that no certificate can state; set the clock")]
    Clock(SystemTime),
    /// The attester names its evidence in a way that certificates cannot.
    #[error("{} evidence has no object identifier that a certificate can carry", .0.name())]
    EvidenceType(EvidenceType),
}

impl HandshakeError {
    /// Whether the same attempt may succeed a little later, without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::TimedOut(_) | Self::Busy { .. })
    }

    /// Tells what happened from the error that a TLS stream gave.
    pub(super) fn from_stream(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => Self::RefusedByPeer(*alert),
            Some(rustls::Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(other) => Self::Tls(other.clone()),
            None => Self::Connection(error),
        }
    }
}
