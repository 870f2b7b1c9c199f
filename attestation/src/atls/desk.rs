//! The queue before the secure processor.
//!
//! A stranger gets a report for some hundred bytes, and hardware makes reports one by one, in milliseconds each. So the
//! queue has an end: whoever finds it full is told to come back, instead of waiting until his time is over.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{error::HandshakeError, identity::present, key::Identity, nonce::Nonce};
use crate::Attester;

/// How many pieces of evidence are made at the same time. Platforms make them one by one; a queue here,
/// where a connection that times out leaves it, is better than one in threads.
const AT_ONCE: usize = 16;
/// How many may wait besides. Intel's quotes take up to 50 ms each: whoever waits behind so many still has his evidence
/// within half of [`super::HANDSHAKE_TIMEOUT`].
pub(super) const WAITING: usize = 240;

/// Makes certificates with evidence. Cheap to clone; all clones share one queue.
#[derive(Clone)]
pub(super) struct Desk {
    attester: Arc<dyn Attester>,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn new(attester: Arc<dyn Attester>) -> Self {
        Self {
            attester,
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Makes the certificate for one connection; on a thread that may block, and in its turn, if the attester waits for
    /// something. Dropping the future leaves the queue.
    pub(super) async fn certificate(&self, nonce: Nonce) -> Result<Arc<CertifiedKey>, HandshakeError> {
        if !self.attester.waits() {
            return Ok(present(&Identity::Fresh, Some(self.attester.as_ref()), &nonce)?);
        }
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| HandshakeError::Busy { waiting: WAITING })?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| HandshakeError::Abandoned)?;
        let attester = Arc::clone(&self.attester);
        let presented = spawn_blocking(move || {
            let _until_it_is_made = (place, turn);
            present(&Identity::Fresh, Some(attester.as_ref()), &nonce)
        });
        Ok(presented.await.map_err(|_| HandshakeError::Abandoned)??)
    }
}
