//! What a host can do to stored bytes, and what becomes of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;

use common::{SEED, blob, event, log_with, unlock};
use contrast_store::faults::{Content, Medium};
use contrast_store::{Append, BackendError, HeaderDefect, LogReader, Opened, StoreError};
use sha2::{Digest, Sha256};

const EVENTS: u64 = 9;

fn medium() -> Medium {
    let medium = Medium::new();
    let mut log = log_with(medium.open(), 8);
    log.append(Append { events: vec![event(8, 40)], blobs: vec![&blob(0, 500), &blob(1, 500)] }).unwrap();
    medium
}

fn unlocked(medium: &Medium) -> Result<LogReader, StoreError> {
    unlock(medium.open(), &SEED).map(|(log, _)| log.reader())
}

/// The error of unlocking after a change.
fn after(change: impl FnOnce(&mut Content)) -> StoreError {
    let medium = medium();
    medium.edit(change);
    unlocked(&medium).unwrap_err()
}

#[test]
fn a_changed_record_is_found_at_its_position_wherever_it_was_changed() {
    for position in 0..EVENTS {
        for at in [0, 23, 24, 30, 79] {
            let error = after(|content| content.records.get_mut(&position).unwrap()[at] ^= 1);
            assert!(
                matches!(error, StoreError::Unverified { position: found } if found == position),
                "{error}"
            );
        }
        let error = after(|content| content.records.get_mut(&position).unwrap().truncate(70));
        assert!(matches!(error, StoreError::Unverified { position: found } if found == position), "{error}");
        let error = after(|content| content.records.get_mut(&position).unwrap().clear());
        assert!(matches!(error, StoreError::Unverified { position: found } if found == position), "{error}");
    }
}

#[test]
fn swapped_repeated_and_moved_records_are_found() {
    let error = after(|content| {
        let (three, four) = (content.records[&3].clone(), content.records[&4].clone());
        content.records.extend([(3, four), (4, three)]);
    });
    assert!(matches!(error, StoreError::Unverified { position: 3 }), "{error}");
    let error = after(|content| drop(content.records.insert(5, content.records[&4].clone())));
    assert!(matches!(error, StoreError::Unverified { position: 5 }), "{error}");
    // One record dropped, all later ones moved up.
    let error = after(|content| {
        let records: Vec<_> = content.records.values().cloned().collect();
        content.records =
            (0..).zip(records.into_iter().enumerate().filter(|(at, _)| *at != 6).map(|(_, r)| r)).collect();
    });
    assert!(matches!(error, StoreError::Unverified { position: 6 }), "{error}");
}

#[test]
fn a_record_missing_from_the_middle_is_found_after_those_before_it_were_read() {
    for missing in 0..EVENTS - 1 {
        let medium = medium();
        medium.edit(|content| content.records.remove(&missing));
        let Opened::Locked(locked) = contrast_store::open(medium.open()).unwrap() else { panic!("no log") };
        let mut read = 0;
        let (_, error) = locked
            .unlock(&SEED, |_| {
                read += 1;
                Ok::<_, ()>(())
            })
            .unwrap_err();
        assert_eq!(read, missing);
        let contrast_store::UnlockError::Store(StoreError::Backend(BackendError::Missing { position })) =
            error
        else {
            panic!("{error:?}")
        };
        assert_eq!(position, missing);
    }
}

#[test]
fn records_and_blobs_of_another_deployment_are_not_accepted_even_with_the_same_seed() {
    let other = medium().content();
    for position in 0..EVENTS {
        let error = after(|content| drop(content.records.insert(position, other.records[&position].clone())));
        assert!(matches!(error, StoreError::Unverified { position: found } if found == position), "{error}");
    }
    let error = after(|content| content.records = other.records.clone());
    assert!(matches!(error, StoreError::Unverified { position: 0 }), "{error}");
    let error = after(|content| content.header = other.header.clone());
    assert!(matches!(error, StoreError::Unverified { position: 0 }), "{error}");

    let medium = medium();
    medium.edit(|content| {
        let foreign = other.blobs.values().next().unwrap();
        content.blobs.values_mut().for_each(|bytes| bytes.clone_from(foreign));
    });
    let error = unlocked(&medium).unwrap().check_all(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::BlobUnverified { .. }), "{error}");
}

#[test]
fn changed_and_swapped_blobs_are_found_when_they_are_read_and_when_all_is_checked() {
    let digest = Sha256::digest(blob(0, 500)).into();
    let changes: [fn(&mut Content); 3] = [
        |content| content.blobs.values_mut().for_each(|bytes| bytes[100] ^= 1),
        |content| content.blobs.values_mut().for_each(Vec::clear),
        |content| {
            let (keys, values): (Vec<_>, Vec<_>) = content.blobs.clone().into_iter().unzip();
            content.blobs = keys.into_iter().zip(values.into_iter().rev()).collect();
        },
    ];
    for change in changes {
        let medium = medium();
        medium.edit(change);
        let reader = unlocked(&medium).unwrap();
        let error = reader.blob(&digest).unwrap_err();
        assert!(matches!(error, StoreError::BlobUnverified { .. }), "{error}");
        let error = reader.check_all(|_| ()).unwrap_err();
        assert!(matches!(error, StoreError::BlobUnverified { .. }), "{error}");
    }
    let medium = medium();
    medium.edit(|content| content.blobs.clear());
    let error = unlocked(&medium).unwrap().blob(&digest).unwrap_err();
    assert!(matches!(error, StoreError::BlobMissing { .. }), "{error}");
}

/// The header is plain, so that a host can write another one that is right in itself.
#[test]
fn other_seed_shares_in_a_well_formed_header_are_found_at_the_first_record() {
    let medium = medium();
    let Opened::Locked(locked) = contrast_store::open(medium.open()).unwrap() else { panic!("no log") };
    let shares = locked.header().seed_shares.clone();
    medium.edit(|content| {
        let header = content.header.as_mut().unwrap();
        let at = header.windows(shares.len()).position(|window| window == shares).unwrap();
        header[at] ^= 1;
        let body = header.len() - 32;
        let digest = Sha256::new()
            .chain_update(b"contrast store v1 header\0")
            .chain_update(&header[..body])
            .finalize();
        header[body..].copy_from_slice(&digest);
    });
    let error = unlocked(&medium).unwrap_err();
    assert!(matches!(error, StoreError::Unverified { position: 0 }), "{error}");
}

#[test]
fn a_damaged_header_and_one_of_a_newer_format_are_two_different_errors() {
    let error = |change: fn(&mut Vec<u8>)| {
        let medium = medium();
        medium.edit(|content| change(content.header.as_mut().unwrap()));
        contrast_store::open(medium.open()).unwrap_err()
    };
    let damaged = error(|header| header[40] ^= 1);
    assert!(matches!(damaged, StoreError::Header(HeaderDefect::Digest)), "{damaged}");
    let newer = error(|header| header[8] = 2);
    assert!(matches!(newer, StoreError::NewerFormat { found: 2 }), "{newer}");
    assert!(newer.to_string().contains("use a newer program"), "{newer}");
}

/// Cutting the tail off and restoring an old copy are the same thing, and no store can know: clients do, by the
/// digest that they remember.
#[test]
fn a_log_without_its_tail_opens_but_has_another_head() {
    let medium = medium();
    let before = unlocked(&medium).unwrap().head();
    medium.edit(|content| content.records.remove(&(EVENTS - 1)));
    let after = unlocked(&medium).unwrap().head();
    assert_eq!(after.events, EVENTS - 1);
    assert_ne!(after.digest, before.digest);
}

/// After a restored copy the same position is written a second time, with another event.
#[test]
fn no_nonce_is_used_twice_when_a_position_is_written_again() {
    let medium = medium();
    let old = medium.content();
    let append = |medium: &Medium, number| {
        unlock(medium.open(), &SEED).unwrap().0.append(Append::event(event(number, 40))).unwrap();
        medium.content().records[&EVENTS].clone()
    };
    let first = append(&medium, 100);
    medium.edit(|content| *content = old);
    let second = append(&medium, 101);
    assert_ne!(first[..24], second[..24]);
}

#[test]
fn nothing_of_an_event_or_a_blob_is_stored_in_plain() {
    let content = medium().content();
    let digest: [u8; 32] = Sha256::digest(blob(0, 500)).into();
    for bytes in content.records.values().chain(content.blobs.values()) {
        for plain in [b"event ".as_slice(), b"blob ", &digest] {
            assert!(!bytes.windows(plain.len()).any(|window| window == plain));
        }
    }
    assert!(!content.blobs.contains_key(&digest));
}
