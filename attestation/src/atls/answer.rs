//! The client's answer to a request for its certificate.

use std::{fmt, sync::Arc};

use rustls::{
    Error, SignatureAlgorithm, SignatureScheme,
    client::ResolvesClientCert,
    sign::{CertifiedKey, Signer, SigningKey},
};

use super::{error::HandshakeError, hint, identity::present, key::Identity, outcome::Outcome};
use crate::Attester;

/// Learns the server's nonce from the request and makes the certificate for it. Blocks while the attester
/// does.
pub(super) struct Answer {
    identity: Identity,
    attester: Option<Arc<dyn Attester>>,
    failure: Outcome<HandshakeError>,
}

impl Answer {
    pub(super) fn new(
        identity: Identity,
        attester: Option<Arc<dyn Attester>>,
        failure: Outcome<HandshakeError>,
    ) -> Self {
        Self { identity, attester, failure }
    }

    fn certificate(&self, hints: &[&[u8]]) -> Result<Arc<CertifiedKey>, HandshakeError> {
        // A request that breaks the rules ends the handshake also where no evidence is to be made.
        let nonce = hint::decode(hints)?;
        Ok(present(&self.identity, self.attester.as_deref(), &nonce)?)
    }
}

impl ResolvesClientCert for Answer {
    fn resolve(&self, hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        match self.certificate(hints) {
            Ok(certificate) => Some(certificate),
            Err(error) => {
                self.failure.leave(error);
                // No certificate would mean to go on without one. A key that cannot sign ends it.
                Some(Arc::new(CertifiedKey::new(Vec::new(), Arc::new(Stop))))
            }
        }
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A key that agrees to every scheme and then refuses to sign: the way to end a handshake from here.
#[derive(Clone, Copy, Debug)]
struct Stop;

impl SigningKey for Stop {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.first().map(|scheme| Box::new(StopAt(*scheme)) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Anonymous
    }
}

#[derive(Debug)]
struct StopAt(SignatureScheme);

impl Signer for StopAt {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, Error> {
        Err(Error::HandshakeNotComplete)
    }

    fn scheme(&self) -> SignatureScheme {
        self.0
    }
}
