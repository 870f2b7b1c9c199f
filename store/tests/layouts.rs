//! Stores of every released format, kept for ever.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;

use common::{blob, copy_directory, event, unlock};
use contrast_store::{Append, SledBackend};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The seed of the store in `fixtures/v1`: twelve events, appended one to three at a time, each with one of three blobs.
const V1_SEED: [u8; 64] = [0x11; 64];
const V1_SALT: [u8; 32] = [0x22; 32];
const V1_HEAD: &str = "e874724643f017f7502066735980b3142303adf0380488c2c39f5a7aa643abc4";

fn fixture() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

#[test]
fn a_store_of_format_1_opens_verifies_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    copy_directory(&fixture(), dir.path());
    let (mut log, events) = unlock(SledBackend::open(dir.path()).unwrap(), &V1_SEED).unwrap();
    assert_eq!(events, (0..12).map(|number| event(number, 100 * number)).collect::<Vec<_>>());
    let reader = log.reader();
    assert_eq!(reader.header().seed_shares, b"shares of format 1");
    assert_eq!(reader.header().salt, V1_SALT);
    assert_eq!(hex::encode(reader.head().digest), V1_HEAD);
    for number in 0..3 {
        let blob = blob(number, 3000 * number);
        assert_eq!(reader.blob(&Sha256::digest(&blob).into()).unwrap(), blob);
    }
    reader.check_all(|_| ()).unwrap();
    assert_eq!(log.append(Append::event(event(12, 5))).unwrap().events, 13);
}
