//! TLS whose certificates carry evidence, bound to the connection by nonces.
//!
//! The client sends a nonce as the ALPN name `atls:v1:nonce:<hex>`. The server answers with a
//! self-signed certificate whose evidence is bound to its key and that nonce, and with a nonce of its
//! own as the only entry of the acceptable-CA list. The client's certificate carries evidence bound to
//! that one, if it has an attester.
//!
//! [`Acceptor`] is the server's side, [`Connector`] the client's. Both make a fresh configuration for
//! every connection, and neither ever resumes a session: a resumed one would reuse a nonce.
//!
//! Host names and certificate authorities play no role. The handshake's own signature proves that the
//! peer holds the key of its certificate; everything else that is trusted comes out of the appraisal.

mod acceptor;
mod answer;
mod appraise;
mod certificate;
mod client_certificates;
mod connector;
mod desk;
mod error;
#[cfg(feature = "grpc")]
pub mod grpc;
mod hint;
mod identity;
mod issue;
mod key;
mod nonce;
mod outcome;
mod provider;
mod server_certificates;

pub use acceptor::{Accepted, Acceptor, ClientPolicy, Greeted, HANDSHAKE_TIMEOUT, Peer};
pub use certificate::{CertificateFault, PeerCertificate, parse_peer_certificate};
pub use connector::{CONNECT_TIMEOUT, Connected, Connector};
pub use error::{HandshakeError, IssueError};
pub use hint::HintError;
pub use key::{ClientKey, Identity, KeyError};
pub use nonce::NonceError;
