//! The queue before a secure processor that takes its time.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use contrast_attestation::{
    AttestError, Attester, Evidence, EvidenceType, ReportData,
    atls::{Acceptor, ClientPolicy, HandshakeError},
};
use tokio::{io::duplex, task::JoinSet};

use crate::parts::*;

/// Makes no report before it is told to.
#[derive(Default)]
struct Slow {
    told: Mutex<bool>,
    changed: Condvar,
}

struct SlowAttester(Arc<Slow>);

impl Attester for SlowAttester {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Simulated
    }

    fn attest(&self, report_data: &ReportData) -> Result<Evidence, AttestError> {
        drop(self.0.changed.wait_while(self.0.told.lock().unwrap(), |told| !*told).unwrap());
        attester().attest(report_data)
    }
}

#[tokio::test]
async fn a_flood_fills_the_queue_and_no_more_and_whoever_waits_is_served() {
    const IN_TIME: usize = 256;
    const TOO_MANY: usize = 30;
    let slow = Arc::new(Slow::default());
    let acceptor = Acceptor::new(Arc::new(SlowAttester(Arc::clone(&slow))), Duration::from_secs(600));
    let mut handshakes = JoinSet::new();
    for _ in 0..IN_TIME + TOO_MANY {
        let acceptor = acceptor.clone();
        handshakes.spawn(async move {
            let (near, far) = duplex(1 << 16);
            let stranger = Stranger::ordinary();
            tokio::join!(acceptor.accept(near, ClientPolicy::Optional), stranger.connect(far)).0
        });
    }
    // Nobody has a report yet, so whoever is done was sent away.
    for _ in 0..TOO_MANY {
        let error = handshakes.join_next().await.unwrap().unwrap().err().unwrap();
        assert!(matches!(error, HandshakeError::Busy { waiting: 240 }) && error.is_transient(), "{error}");
    }
    *slow.told.lock().unwrap() = true;
    slow.changed.notify_all();
    let mut served = 0;
    while let Some(outcome) = handshakes.join_next().await {
        outcome.unwrap().map(drop).unwrap();
        served += 1;
    }
    assert_eq!(served, IN_TIME);
}
