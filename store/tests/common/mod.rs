//! What the tests of the store share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program, which uses its part of this"
)]

use contrast_store::{Append, Backend, Opened, SealedLog, StoreError, UnlockError};
use std::convert::Infallible;
use std::path::Path;

/// The seed of the tests' logs.
pub(crate) const SEED: [u8; 64] = [0x5a; 64];
/// Their salt.
pub(crate) const SALT: [u8; 32] = [0xa5; 32];
/// Their seed shares.
pub(crate) const SHARES: &[u8] = b"seed shares of nobody";

/// An event that tells its number, of about `length` bytes.
pub(crate) fn event(number: usize, length: usize) -> Vec<u8> {
    let mut bytes = format!("event {number} ").into_bytes();
    bytes.resize(bytes.len().max(length), u8::try_from(number % 251).unwrap());
    bytes
}

/// A blob that tells its number.
pub(crate) fn blob(number: usize, length: usize) -> Vec<u8> {
    let mut bytes = format!("blob {number} ").into_bytes();
    bytes.extend((0..length).map(|at| u8::try_from((at * 31 + number) % 256).unwrap()));
    bytes
}

/// Begins a log with event 0.
pub(crate) fn initialize(backend: impl Backend) -> Result<SealedLog, StoreError> {
    match contrast_store::open(backend)? {
        Opened::Empty(empty) => empty
            .initialize(&SEED, SALT, SHARES.to_vec(), Append::event(event(0, 40)))
            .map_err(|(_, error)| error),
        Opened::Locked(_) => panic!("there is a log already"),
    }
}

/// A log with this many events.
pub(crate) fn log_with(backend: impl Backend, events: usize) -> SealedLog {
    let mut log = initialize(backend).unwrap();
    for number in 1..events {
        log.append(Append::event(event(number, 40))).unwrap();
    }
    log
}

/// Unlocks an existing log and returns its events too.
pub(crate) fn unlock(backend: impl Backend, seed: &[u8]) -> Result<(SealedLog, Vec<Vec<u8>>), StoreError> {
    let Opened::Locked(locked) = contrast_store::open(backend)? else { panic!("there is no log") };
    let mut events = Vec::new();
    let announced = locked.events();
    let log = locked
        .unlock(seed, |replayed| -> Result<(), Infallible> {
            assert_eq!(replayed.position, events.len() as u64);
            events.push(replayed.event.to_vec());
            Ok(())
        })
        .map_err(|(_, error)| match error {
            UnlockError::Store(error) => error,
            UnlockError::Event { reason, .. } => match reason {},
        })?;
    assert_eq!(events.len() as u64, announced);
    Ok((log, events))
}

/// Copies a directory with all that is in it.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
