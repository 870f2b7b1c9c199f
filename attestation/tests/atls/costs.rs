//! What strangers cost a server who have shown nothing yet: at most as much as a few clients who belong here.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use contrast_attestation::{
    Refusal,
    atls::{CertificateFault, ClientPolicy, HandshakeError, Peer},
    snp::document,
};
use rcgen::KeyPair;
use rustls::sign::CertifiedKey;
use tokio::io::duplex;

use crate::{clock::processor_time, parts::*};

const OID: &[u64] = &[1, 3, 9901, 2, 100];
/// Entries of the manifest, none of which accepts a stranger; that of the honest client comes last.
const ENTRIES: usize = 20;
/// In honest handshakes.
const MOST: u32 = 10;
/// Runs of which the cheapest counts.
const RUNS: usize = 7;

/// What one handshake takes of the server's thread, and how it ends.
async fn once(stranger: &Stranger) -> (Result<Peer, HandshakeError>, Duration) {
    // Both sides run on this thread; only the server's work is counted.
    let (near, far) = duplex(1 << 18);
    let acceptor = acceptor();
    let serve = taken_by(acceptor.accept(near, ClientPolicy::Appraise(entries(ENTRIES))));
    let ((accepted, taken), _) = tokio::join!(serve, stranger.connect(far));
    (accepted.map(|accepted| accepted.peer), taken)
}

/// The least of several runs.
async fn cost(stranger: &Stranger) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..RUNS {
        least = least.min(once(stranger).await.1);
    }
    least
}

fn presenting(answer: impl Fn(&[u8]) -> Arc<CertifiedKey> + Send + Sync + 'static) -> Stranger {
    Stranger::new(ORDINARY, rustls::ALL_VERSIONS, move |hints| Some(answer(&nonce_of(hints))))
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn honest() -> Stranger {
    let key = key();
    presenting(move |nonce| certified(&key, &[(OID, &evidence_for(&key, nonce).document)]))
}

/// A certificate with `count` extensions that nobody knows.
fn many_extensions(count: u64) -> Arc<CertifiedKey> {
    let arcs: Vec<[u64; 4]> = (0..count).map(|number| [1, 3, 7, number]).collect();
    let extensions: Vec<(&[u64], &[u8])> = arcs.iter().map(|oid| (&oid[..], &[][..])).collect();
    certified(&key(), &extensions)
}

/// Evidence with the certificates of the processor, of which one is replaced.
fn with_endorsement(change: impl Fn(&mut document::Document) + Send + Sync + 'static) -> Stranger {
    let key = key();
    presenting(move |nonce| {
        let mut read = document::parse(&evidence_for(&key, nonce).document).unwrap();
        change(&mut read);
        certified(&key, &[(OID, &read.encode())])
    })
}

/// Every limit used up, in the hope that something is done again and again. The second part says how it ends.
fn strangers() -> Vec<(&'static str, Stranger)> {
    let whole = many_extensions(6000);
    let within = many_extensions(1500);
    let sixty = many_extensions(60).cert[0].to_vec();
    let (filler, bulk) = (many_extensions(600).cert[0].to_vec(), vec![0x30; 30 << 10]);
    let chain = {
        let first = certified(&key(), &[]);
        let mut chain = first.cert.clone();
        chain.resize(5000, vec![0x30, 0].into());
        Arc::new(CertifiedKey::new(chain, Arc::clone(&first.key)))
    };
    let names: Vec<Vec<u8>> = (0..15_000_u32).map(|name| name.to_be_bytes()[1..].to_vec()).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).chain(ORDINARY.iter().copied()).collect();
    let garbage = vec![0xFF; 40 << 10];
    vec![
        ("a certificate with 6,000 extensions", presenting(move |_| Arc::clone(&whole))),
        ("a certificate with 1,500 extensions", presenting(move |_| Arc::clone(&within))),
        ("5,000 certificates", presenting(move |_| Arc::clone(&chain))),
        (
            "15,000 names of protocols, and no certificate",
            Stranger::new(&names, rustls::ALL_VERSIONS, |_| None),
        ),
        ("evidence that is garbage", presenting(move |_| certified(&key(), &[(OID, &garbage)]))),
        (
            "a VCEK certificate with 600 extensions",
            with_endorsement(move |document| document.endorsements.vcek.clone_from(&filler)),
        ),
        (
            "a VCEK certificate that nobody signed",
            with_endorsement(move |document| document.endorsements.vcek.clone_from(&sixty)),
        ),
        (
            "a revocation list of 30 KiB that nobody signed",
            with_endorsement(move |document| document.endorsements.revocation_list.clone_from(&bulk)),
        ),
        (
            "a report that nobody signed, for another ID block",
            with_endorsement(|document| {
                let mut random = [0; 4];
                getrandom::fill(&mut random).unwrap();
                document.report.guest_svn = u32::from_le_bytes(random);
                document.report.signature[0] ^= 1;
            }),
        ),
    ]
}

#[tokio::test]
async fn a_stranger_costs_at_most_ten_honest_handshakes() {
    let honest = honest();
    assert!(once(&honest).await.0.unwrap().appraisal.unwrap().is_ok());
    let affordable = cost(&honest).await * MOST;
    for (what, stranger) in strangers() {
        let cost = cost(&stranger).await;
        assert!(cost <= affordable, "{what}: {cost:?}, where {affordable:?} are ten handshakes");
        let (outcome, _) = once(&stranger).await;
        let accepted = outcome.is_ok_and(|peer| peer.appraisal.is_some_and(|verdict| verdict.is_ok()));
        assert!(!accepted, "{what}");
    }
}

#[tokio::test]
async fn certificates_beyond_the_limits_end_the_handshake_and_say_so() {
    let fault = async |certificate: Arc<CertifiedKey>| {
        let outcome = once(&presenting(move |_| Arc::clone(&certificate))).await.0;
        let Err(HandshakeError::Certificate(fault)) = outcome else { panic!("{:?}", outcome.is_ok()) };
        fault
    };
    let found = 65;
    assert_eq!(fault(many_extensions(65)).await, CertificateFault::TooManyExtensions { found });
    let long = certified(&key(), &[(OID, &vec![0; 48 << 10])]);
    assert!(matches!(fault(long).await, CertificateFault::TooLong { .. }));
    let first = certified(&key(), &[]);
    let five = Arc::new(CertifiedKey::new(vec![first.cert[0].clone(); 5], Arc::clone(&first.key)));
    assert_eq!(fault(five).await, CertificateFault::TooMany { found: 5 });
}

#[tokio::test]
async fn a_refusal_explains_the_nearest_entries_and_counts_the_others() {
    let (outcome, _) = once(&with_endorsement(|document| document.report.signature[0] ^= 1)).await;
    let Some(Err(Refusal::Rejected { nearest, others })) = outcome.unwrap().appraisal else { panic!() };
    assert_eq!((nearest.len(), others), (8, ENTRIES - 8));
    // The only entry with the right policy, which comes last in the manifest.
    assert_eq!(nearest[0].verifier, format!("simulated-{}", ENTRIES - 1));
    let told = Refusal::Rejected { nearest, others }.to_string();
    assert!(told.contains("of which these 8 come nearest, and 12 others do not"), "{told}");
}

/// Drives `work` on a thread that does other things as well, and adds up what `work` takes.
async fn taken_by<F: Future>(work: F) -> (F::Output, Duration) {
    struct Counted<'a, F>(Pin<&'a mut F>, Duration);

    impl<F: Future> Future for Counted<'_, F> {
        type Output = (F::Output, Duration);

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            let before = processor_time();
            let polled = self.0.as_mut().poll(context);
            self.1 += processor_time() - before;
            polled.map(|output| (output, self.1))
        }
    }

    Counted(pin!(work), Duration::ZERO).await
}
