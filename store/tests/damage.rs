//! Damaged files: every byte flipped, every length cut. Either nothing is lost, or the store says what is wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;

use common::{SEED, blob, copy_directory, event, initialize, unlock};
use contrast_store::{Append, BackendError, Damage, Opened, SledBackend, StoreError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const EVENTS: usize = 4;

#[test]
fn each_flipped_byte_of_each_file_is_harmless_or_reported() {
    quiet_engine();
    for dir in [small_store(), reopened(small_store())] {
        for file in files(dir.path()) {
            let intact = std::fs::read(dir.path().join(&file)).unwrap();
            let reported = for_each(&positions(&intact), |at| {
                let mut bytes = intact.clone();
                bytes[at] ^= 1 << (at % 8);
                outcome_with(dir.path(), &file, &bytes)
                    .unwrap_or_else(|lost| panic!("byte {at} of {}: {lost}", file.display()))
            });
            assert!(
                reported > 0 || file.ends_with("acknowledged"),
                "no flip in {} was reported",
                file.display()
            );
        }
    }
}

#[test]
fn each_cut_of_each_file_is_harmless_or_reported() {
    quiet_engine();
    for dir in [small_store(), reopened(small_store())] {
        for file in files(dir.path()) {
            let intact = std::fs::read(dir.path().join(&file)).unwrap();
            for_each(&positions(&intact), |at| {
                outcome_with(dir.path(), &file, &intact[..at])
                    .unwrap_or_else(|lost| panic!("{} cut to {at} bytes: {lost}", file.display()))
            });
        }
    }
}

#[test]
fn a_missing_file_is_reported_and_nothing_is_made_anew() {
    let dir = small_store();
    for (file, hopeless) in [("log/db", true), ("log/conf", true), ("acknowledged", false), ("lock", false)] {
        let copy = tempfile::tempdir().unwrap();
        copy_directory(dir.path(), copy.path());
        std::fs::remove_file(copy.path().join(file)).unwrap();
        match SledBackend::open(copy.path()) {
            Err(BackendError::Damaged(Damage::FileMissing(path))) => {
                assert!(hopeless && path.ends_with(file))
            }
            other => assert!(!hopeless && other.is_ok(), "{file}"),
        }
        assert_eq!(copy.path().join(file).exists(), !hopeless, "{file}");
    }
}

#[test]
fn a_log_that_has_vanished_is_not_taken_for_a_new_one() {
    let dir = small_store();
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    let error = SledBackend::open(dir.path()).err().unwrap();
    assert!(matches!(error, BackendError::Damaged(Damage::FileMissing(_))), "{error}");
    assert!(error.to_string().contains("restore it"), "{error}");
}

#[test]
fn an_older_database_beside_a_newer_witness_is_reported_as_shorter() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = initialize(SledBackend::open(dir.path()).unwrap()).unwrap();
    let before = tempfile::tempdir().unwrap();
    copy_directory(&dir.path().join("log"), before.path());
    log.append(Append::event(event(1, 40))).unwrap();
    drop(log);
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    copy_directory(before.path(), &dir.path().join("log"));
    let error = SledBackend::open(dir.path()).err().unwrap();
    assert!(matches!(error, BackendError::Damaged(Damage::Shorter { acknowledged: 2, found: 1 })), "{error}");
}

/// A few short events and a blob.
fn small_store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut log = initialize(SledBackend::open(dir.path()).unwrap()).unwrap();
    for number in 1..EVENTS {
        log.append(Append { events: vec![event(number, 10)], blobs: vec![&blob(0, 10)] }).unwrap();
    }
    dir
}

/// Opened once more: the engine writes a snapshot, and fills up its file.
fn reopened(dir: tempfile::TempDir) -> tempfile::TempDir {
    drop(unlock(SledBackend::open(dir.path()).unwrap(), &SEED).unwrap());
    dir
}

/// Every position that is in use, and some in the zeros that follow: opening a copy for each of half a million would
/// take an hour. They are all alike. Sled reads on from the last message that its snapshot knows, until it finds one
/// that is none: in the zeros, the first. The header of a message has at most 32 bytes, and what lies behind the
/// first of them is not read, except at the beginning of each segment of 512 KiB.
fn positions(bytes: &[u8]) -> Vec<usize> {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    (0..bytes.len()).filter(|at| *at < used + 40 || at % 8192 == 100).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("acknowledged")];
    for entry in std::fs::read_dir(dir.join("log")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            files.push(Path::new("log").join(entry.file_name()));
        }
    }
    files.sort();
    assert_eq!(files.len(), 4, "{files:?}");
    files
}

/// Opens the store with one file changed: whether an error was reported, or what was silently lost.
fn outcome_with(store: &Path, file: &Path, bytes: &[u8]) -> Result<bool, String> {
    let memory = Path::new("/dev/shm");
    let copy = tempfile::tempdir_in(if memory.is_dir() { memory } else { store.parent().unwrap() }).unwrap();
    copy_directory(store, copy.path());
    std::fs::write(copy.path().join(file), bytes).unwrap();
    let read = || -> Result<(Vec<Vec<u8>>, u64), StoreError> {
        let backend = SledBackend::open(copy.path())?;
        let Opened::Locked(locked) = contrast_store::open(backend)? else { return Ok((Vec::new(), 0)) };
        let mut events = Vec::new();
        let log = locked
            .unlock(&SEED, |replayed| -> Result<(), ()> {
                events.push(replayed.event.to_vec());
                Ok(())
            })
            .map_err(|(_, error)| match error {
                contrast_store::UnlockError::Store(error) => error,
                contrast_store::UnlockError::Event { .. } => unreachable!("no event is refused"),
            })?;
        log.reader().check_all(|_| ())?;
        let stored = log.reader().blob(&sha256(&blob(0, 10)))?;
        Ok((events, stored.len() as u64))
    };
    match read() {
        Err(_) => Ok(true),
        Ok((events, blob_length)) => {
            let length = |number| if number == 0 { 40 } else { 10 };
            let expected: Vec<_> = (0..EVENTS).map(|number| event(number, length(number))).collect();
            if events != expected {
                return Err(format!("{} of {EVENTS} events", events.len()));
            }
            if blob_length != blob(0, 10).len() as u64 { Err("another blob".to_owned()) } else { Ok(false) }
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

/// Runs `test` for each position on two threads; returns for how many it was true.
fn for_each(positions: &[usize], test: impl Fn(usize) -> bool + Sync) -> usize {
    let (next, hits) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(at) = positions.get(next.fetch_add(1, Relaxed)) {
            hits.fetch_add(usize::from(test(*at)), Relaxed);
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    hits.into_inner()
}

/// The engine's own panics are caught at its border and need not be printed.
fn quiet_engine() {
    std::panic::set_hook(Box::new(|info| {
        if !info.location().is_some_and(|location| location.file().contains("sled-")) {
            eprintln!("{info}");
        }
    }));
}
