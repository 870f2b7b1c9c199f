//! Measures append and replay on this machine: `cargo run --release --example measure -p contrast-store [EVENTS]`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a measuring program")]

use aes_gcm::aead::{Aead, AeadInOut, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use contrast_store::{Append, Opened, SealedLog, SledBackend};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const SEED: [u8; 64] = [1; 64];
const EVENT_BYTES: usize = 930;
const REPETITIONS: usize = 7;
/// Events of one append: as many as a `set` leads to.
const TOGETHER: usize = 2;

fn main() {
    let events: usize = std::env::args().nth(1).map_or(100_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();

    let (append, raw) = appends(&dir.path().join("append"));
    println!("append p50 {append:?}, write and fdatasync of the same bytes {raw:?}");

    for events in [events / 10, events] {
        let store = dir.path().join(events.to_string());
        make(&store, events);
        let before = resident();
        let (opened, opening) = timed(|| contrast_store::open(SledBackend::open(&store).unwrap()).unwrap());
        let Opened::Locked(locked) = opened else { panic!("no log") };
        let idle = resident();
        let (_, chaining) = timed(|| locked.head_digest().unwrap());
        let (mut locked, mut replays, mut alones) = (locked, Vec::new(), Vec::new());
        let mut bytes = 0;
        for _ in 0..REPETITIONS {
            bytes = 0;
            let (log, replay) = timed(|| {
                locked
                    .unlock(&SEED, |replayed| {
                        bytes += replayed.event.len();
                        Ok::<_, ()>(())
                    })
                    .unwrap()
            });
            locked = log.lock();
            replays.push(replay);
            alones.push(crypto_alone(events));
        }
        let (replay, alone) = (median(replays), median(alones));
        let peak = peak();
        println!(
            "{events} events, {bytes} bytes: open {opening:?}, chaining {chaining:?}, replay {replay:?}, decrypting and hashing alone {alone:?}, \
             ratio {:.2}; resident {before} KiB before, {idle} open, {} replayed, peak {peak}; db {} KiB",
            replay.as_secs_f64() / alone.as_secs_f64(),
            resident(),
            std::fs::metadata(store.join("log/db")).unwrap().len() / 1024,
        );
    }
}

/// Median of single durable appends, and of plain writes of as many bytes.
fn appends(store: &Path) -> (Duration, Duration) {
    let mut log = begin(store);
    let mut file = File::create(store.join("raw")).unwrap();
    let (mut appends, mut raws) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        appends.push(timed(|| log.append(Append::event(vec![7; EVENT_BYTES])).unwrap()).1);
        raws.push(
            timed(|| {
                file.write_all(&[7; EVENT_BYTES + 40]).unwrap();
                file.sync_data().unwrap();
            })
            .1,
        );
    }
    (median(appends), median(raws))
}

fn begin(store: &Path) -> SealedLog {
    let Opened::Empty(empty) = contrast_store::open(SledBackend::open(store).unwrap()).unwrap() else {
        panic!("not empty")
    };
    empty.initialize(&SEED, [2; 32], Vec::new(), Append::event(vec![7; EVENT_BYTES])).unwrap()
}

fn make(store: &Path, events: usize) {
    let mut log = begin(store);
    for from in (1..events).step_by(TOGETHER) {
        let events = (from..events.min(from + TOGETHER)).map(|_| vec![7; EVENT_BYTES]).collect();
        log.append(Append { events, blobs: Vec::new() }).unwrap();
    }
}

/// What the same records cost when they lie ready in memory, each with a key of its own.
fn crypto_alone(events: usize) -> Duration {
    let key = [3; 32].into();
    // The associated data is as long as what the store binds a record to.
    let message = Payload { msg: &[7; EVENT_BYTES], aad: &[5; 82] };
    let sealed = Aes256Gcm::new(&key).encrypt(&[0; 12].into(), message).unwrap();
    let mut buffer = Vec::new();
    timed(|| {
        let mut digest = [0u8; 32];
        for _ in 0..events {
            buffer.clear();
            buffer.extend_from_slice(&sealed);
            Aes256Gcm::new(&key).decrypt_in_place(&[0; 12].into(), &[5; 82], &mut buffer).unwrap();
            assert_eq!(buffer.len(), EVENT_BYTES);
            digest = Sha256::new()
                .chain_update(digest)
                .chain_update(&sealed)
                .chain_update([0; 24])
                .finalize()
                .into();
        }
        assert_ne!(digest, [0; 32]);
    })
    .1
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn resident() -> u64 {
    status("VmRSS:")
}

fn peak() -> u64 {
    status("VmHWM:")
}

fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap()
        .trim()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}
