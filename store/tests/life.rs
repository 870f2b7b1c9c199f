//! The life of a log on the embedded engine.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;

use common::{SALT, SEED, SHARES, blob, event, initialize, log_with, unlock};
use contrast_store::{Append, Opened, SledBackend, StoreError, UnlockError};
use sha2::{Digest, Sha256};
use std::time::Duration;

fn open(dir: &tempfile::TempDir) -> SledBackend {
    SledBackend::open(dir.path()).unwrap()
}

#[test]
fn events_and_blobs_survive_closing_and_opening() {
    let dir = tempfile::tempdir().unwrap();
    let blobs: Vec<_> = [0, 1, 4000, 60_000, 1_500_000].map(|length| blob(length, length)).into();
    let mut log = initialize(open(&dir)).unwrap();
    let mut expected = vec![event(0, 40)];
    for (number, bytes) in (1..).zip(&blobs) {
        let events = vec![event(number, 400), event(number, 5000), vec![]];
        expected.extend(events.clone());
        log.append(Append { events, blobs: vec![bytes] }).unwrap();
    }
    let head = log.reader().head();
    assert_eq!(head.events, expected.len() as u64);
    drop(log);

    let (log, events) = unlock(open(&dir), &SEED).unwrap();
    assert_eq!(events, expected);
    assert_eq!(log.reader().head(), head);
    for bytes in &blobs {
        assert_eq!(log.reader().blob(&Sha256::digest(bytes).into()).unwrap(), *bytes);
    }
    assert_eq!(log.reader().check_all(|_| ()).unwrap(), head);
}

#[test]
fn a_manifest_of_ten_megabytes_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = blob(0, 10 << 20);
    let mut log = initialize(open(&dir)).unwrap();
    log.append(Append { events: vec![event(1, 100)], blobs: vec![&bytes] }).unwrap();
    drop(log);
    let (log, _) = unlock(open(&dir), &SEED).unwrap();
    assert_eq!(log.reader().blob(&Sha256::digest(&bytes).into()).unwrap(), bytes);
}

#[test]
fn a_locked_log_shows_header_count_and_digest_without_the_seed() {
    let dir = tempfile::tempdir().unwrap();
    let head = log_with(open(&dir), 300).reader().head();
    let Opened::Locked(locked) = contrast_store::open(open(&dir)).unwrap() else { panic!("no log") };
    assert_eq!(locked.header().seed_shares, SHARES);
    assert_eq!(locked.header().salt, SALT);
    assert_eq!(locked.header().format_version, 1);
    assert_eq!(locked.events(), 300);
    assert_eq!(locked.head_digest().unwrap(), head.digest);
}

#[test]
fn unlocking_with_a_wrong_seed_changes_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    drop(log_with(open(&dir), 3));
    let Opened::Locked(locked) = contrast_store::open(open(&dir)).unwrap() else { panic!("no log") };
    let never = |_: contrast_store::Replayed<'_>| -> Result<(), ()> { panic!("no event may be handed out") };
    let (locked, error) = locked.unlock(&[1; 64], never).unwrap_err();
    assert!(matches!(error, UnlockError::Store(StoreError::WrongSeed)), "{error:?}");
    let (locked, error) = locked.unlock(&SEED[..31], never).unwrap_err();
    assert!(matches!(error, UnlockError::Store(StoreError::SeedTooShort { length: 31 })), "{error:?}");
    let (locked, error) = locked.unlock(&SEED[..63], never).unwrap_err();
    assert!(matches!(error, UnlockError::Store(StoreError::WrongSeed)), "{error:?}");
    assert_eq!(locked.unlock(&SEED, |_| Ok::<_, ()>(())).unwrap().reader().head().events, 3);
}

#[test]
fn an_event_that_the_reader_refuses_leaves_the_log_locked() {
    let dir = tempfile::tempdir().unwrap();
    drop(log_with(open(&dir), 100));
    let Opened::Locked(locked) = contrast_store::open(open(&dir)).unwrap() else { panic!("no log") };
    let (locked, error) = locked
        .unlock(&SEED, |replayed| if replayed.position == 70 { Err("not this one") } else { Ok(()) })
        .unwrap_err();
    assert!(matches!(error, UnlockError::Event { position: 70, reason: "not this one" }), "{error:?}");
    assert!(locked.unlock(&SEED, |_| Ok::<_, ()>(())).is_ok());
}

#[test]
fn a_blob_is_stored_once_however_many_events_name_it() {
    let dir = tempfile::tempdir().unwrap();
    let policy = blob(1, 60_000);
    let mut log = initialize(open(&dir)).unwrap();
    let name = |number| Append { events: vec![event(number, 40)], blobs: vec![&policy, &policy] };
    log.append(name(1)).unwrap();
    let size = || std::fs::metadata(dir.path().join("log/db")).unwrap().len();
    let once = size();
    for number in 2..12 {
        log.append(name(number)).unwrap();
    }
    assert!(size() - once < 60_000, "{} bytes for ten more events", size() - once);
    drop(log);
    let summary = contrast_store::check::inspect(dir.path(), Some(&SEED), |_| None).unwrap();
    assert_eq!(summary.blobs, Some(1));
}

#[test]
fn a_blob_that_was_never_stored_is_reported_as_missing() {
    let dir = tempfile::tempdir().unwrap();
    let log = initialize(open(&dir)).unwrap();
    let error = log.reader().blob(&[9; 32]).unwrap_err();
    assert!(matches!(error, StoreError::BlobMissing { digest: [9, ..] }), "{error:?}");
    assert!(error.to_string().contains("0909"), "{error}");
}

#[test]
fn any_range_of_events_can_be_read_while_the_log_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_with(open(&dir), 600);
    let reader = log.reader();
    for (from, to) in [(0, 600), (0, 1), (255, 257), (256, 300), (511, 513), (599, 600), (600, 900), (5, 3)] {
        let read: Vec<_> = reader.read(from..to).map(Result::unwrap).collect();
        let expected = usize::try_from(to.min(600).saturating_sub(from)).unwrap();
        assert_eq!(read.len(), expected, "{from}..{to}");
        for (position, replayed) in (from..).zip(read) {
            assert_eq!(replayed.position, position);
            assert_eq!(replayed.event, event(usize::try_from(position).unwrap(), 40));
        }
    }
    let last = log.append(Append::event(event(600, 40))).unwrap();
    assert_eq!(reader.head(), last);
    assert_eq!(reader.read(600..601).next().unwrap().unwrap().digest, last.digest);
}

#[test]
fn a_watcher_wakes_up_when_the_log_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = initialize(open(&dir)).unwrap();
    let reader = log.reader();
    assert_eq!(reader.watch(1, Duration::from_millis(1)).unwrap().events, 1);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| reader.watch(1, Duration::from_secs(60)));
        log.append(Append::event(event(1, 40))).unwrap();
        watcher.join().unwrap().unwrap();
    });
    assert_eq!(reader.head().events, 2);
}

#[test]
fn the_engine_never_writes_to_the_folder_that_it_does_not_sync() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = blob(3, 300_000);
    let mut log = initialize(open(&dir)).unwrap();
    for number in 1..40 {
        let events = vec![event(number, 20_000), event(number, 300)];
        log.append(Append { events, blobs: vec![&bytes, &blob(number, 9000)] }).unwrap();
    }
    assert_eq!(std::fs::read_dir(dir.path().join("log/blobs")).unwrap().count(), 0);
}

#[test]
fn a_log_cannot_begin_without_an_event() {
    let dir = tempfile::tempdir().unwrap();
    let Opened::Empty(empty) = contrast_store::open(open(&dir)).unwrap() else { panic!("not empty") };
    let (empty, error) = empty.initialize(&SEED, SALT, vec![], Append::default()).unwrap_err();
    assert!(matches!(error, StoreError::NoEvents), "{error:?}");
    assert!(empty.initialize(&SEED, SALT, vec![], Append::event(vec![1])).is_ok());
}

#[test]
fn a_log_that_is_opened_anew_goes_on_with_its_readers() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = common::log_with(SledBackend::open(dir.path()).unwrap(), 5);
    let reader = log.reader();
    for events in 5..8 {
        let head = log.reopen().unwrap();
        assert_eq!(head.events, events as u64);
        assert_eq!(reader.head(), head);
        assert_eq!(reader.read(0..99).filter_map(Result::ok).count(), events);
        log.append(Append::event(common::event(events, 40))).unwrap();
    }
    // The disk has changed meanwhile: the log is not taken for an empty one, and nothing is appended.
    let db = dir.path().join("log/db");
    std::fs::rename(&db, dir.path().join("log/elsewhere")).unwrap();
    log.reopen().unwrap_err();
    assert!(log.append(Append::event(common::event(8, 40))).is_err());
    assert!(reader.read(0..1).next().is_none_or(|read| read.is_err()));
    std::fs::rename(dir.path().join("log/elsewhere"), &db).unwrap();
    assert_eq!(log.reopen().unwrap().events, 8);
    log.append(Append::event(common::event(8, 40))).unwrap();
}
