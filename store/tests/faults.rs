//! A medium that fails or forgets at any one operation.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;

use common::{SALT, SEED, blob, event, unlock};
use contrast_store::faults::{Fault, Medium};
use contrast_store::{Append, BackendError, Opened, SealedLog, StoreError};

const APPENDS: usize = 6;

/// Does a small life's work; returns how many events were acknowledged and attempted, and the first error.
fn work(medium: &Medium) -> (usize, usize, Option<StoreError>) {
    let append = |number| Append { events: vec![event(number, 40)], blobs: vec![] };
    let mut log: SealedLog = match contrast_store::open(medium.open()) {
        Ok(Opened::Empty(empty)) => match empty.initialize(&SEED, SALT, vec![], append(0)) {
            Ok(log) => log,
            Err((_, error)) => return (0, 1, Some(error)),
        },
        Ok(Opened::Locked(_)) => panic!("not empty"),
        Err(error) => return (0, 0, Some(error)),
    };
    for number in 1..APPENDS {
        let blob = blob(number, 20);
        if let Err(error) = log.append(Append { blobs: vec![&blob], ..append(number) }) {
            return (number, number + 1, Some(error));
        }
    }
    (APPENDS, APPENDS, None)
}

#[test]
fn whatever_operation_fails_acknowledged_events_are_there_and_no_others_appear() {
    let operations = {
        let medium = Medium::new();
        assert!(work(&medium).2.is_none());
        medium.operations()
    };
    for fault in [Fault::Fail, Fault::FailAfterwards, Fault::DiskFull] {
        for operation in 0..operations {
            let medium = Medium::new();
            medium.inject(operation, fault);
            let (acknowledged, attempted, error) = work(&medium);
            assert!(error.is_some(), "{fault:?} of operation {operation} was not noticed");
            if attempted == 0 || medium.content().header.is_none() {
                assert_eq!(acknowledged, 0);
                continue;
            }
            let (_, events) = unlock(medium.open(), &SEED).unwrap();
            assert!((acknowledged..=attempted).contains(&events.len()), "{fault:?} of operation {operation}");
            assert!(events.iter().zip(0..).all(|(found, number)| *found == event(number, 40)));
        }
    }
}

#[test]
fn a_forgotten_append_leaves_a_hole_that_is_found() {
    let medium = Medium::new();
    let mut log = common::log_with(medium.open(), 3);
    // Without blobs an append is one operation.
    medium.inject(medium.operations(), Fault::Forget);
    log.append(Append::event(event(3, 40))).unwrap();
    log.append(Append::event(event(4, 40))).unwrap();
    let error = unlock(medium.open(), &SEED).unwrap_err();
    assert!(matches!(error, StoreError::Backend(BackendError::Missing { position: 3 })), "{error}");
}

#[test]
fn after_a_failed_write_nothing_is_appended_until_the_log_is_opened_again() {
    for (fault, survives) in [(Fault::Fail, false), (Fault::FailAfterwards, true)] {
        let medium = Medium::new();
        let mut log = common::log_with(medium.open(), 2);
        let head = log.reader().head();
        medium.inject(medium.operations(), fault);
        let error = log.append(Append::event(event(2, 40))).unwrap_err();
        assert!(matches!(error, StoreError::Backend(BackendError::Write(_))), "{error}");
        for _ in 0..2 {
            let error = log.append(Append::event(event(2, 40))).unwrap_err();
            assert!(matches!(error, StoreError::Backend(BackendError::Poisoned)), "{error}");
        }
        assert_eq!(log.reader().head(), head);
        assert_eq!(log.reader().read(0..9).count(), 2, "what was acknowledged can still be read");
        drop(log);
        let (mut log, events) = unlock(medium.open(), &SEED).unwrap();
        assert_eq!(events.len(), 2 + usize::from(survives));
        log.append(Append::event(event(events.len(), 40))).unwrap();
    }
}

#[test]
fn opened_anew_after_a_failed_write_the_log_goes_on_with_or_without_the_append() {
    for (fault, survives) in [(Fault::Fail, false), (Fault::FailAfterwards, true)] {
        let medium = Medium::new();
        let mut log = common::log_with(medium.open(), 2);
        let (before, reader) = (log.reader().head(), log.reader());
        let stored = blob(2, 20);
        // The operation before asks for the blob.
        medium.inject(medium.operations() + 1, fault);
        log.append(Append { events: vec![event(2, 40), event(3, 40)], blobs: vec![&stored] }).unwrap_err();
        log.append(Append::event(event(9, 40))).unwrap_err();
        let head = log.reopen().unwrap();
        assert_eq!(head.events, if survives { 4 } else { 2 }, "{fault:?}");
        assert_eq!(head == before, !survives);
        assert_eq!(reader.head(), head, "readers go on, too");
        assert_eq!(reader.read(0..9).filter_map(Result::ok).count() as u64, head.events);
        let next = event(usize::try_from(head.events).unwrap(), 40);
        log.append(Append::event(next)).unwrap();
        assert_eq!(unlock(medium.open(), &SEED).unwrap().1.len() as u64, head.events + 1);
    }
}

#[test]
fn a_medium_that_holds_anything_else_when_opened_anew_is_refused() {
    type Change = fn(&mut contrast_store::faults::Content);
    let changes: [(&str, Change); 5] = [
        ("an earlier record", |content| content.records.get_mut(&0).unwrap()[5] ^= 1),
        ("a record less", |content| drop(content.records.pop_last())),
        ("another record than the one in doubt", |content| {
            content.records.insert(2, vec![7; 90]);
        }),
        ("more than the one in doubt", |content| {
            content.records.insert(3, vec![7; 90]);
        }),
        ("another header", |content| *content.header.as_mut().unwrap().last_mut().unwrap() ^= 1),
    ];
    for (what, change) in changes {
        let medium = Medium::new();
        let mut log = common::log_with(medium.open(), 2);
        medium.inject(medium.operations(), Fault::FailAfterwards);
        log.append(Append::event(event(2, 40))).unwrap_err();
        if what == "a record less" {
            medium.edit(change);
        }
        medium.edit(change);
        let error = log.reopen().unwrap_err();
        assert!(matches!(error, StoreError::Diverged), "{what}: {error}");
    }
}

#[test]
fn locking_and_unlocking_twice_after_a_doubtful_append_lets_nothing_be_appended() {
    for fault in [Fault::Fail, Fault::FailAfterwards] {
        let medium = Medium::new();
        let mut log = common::log_with(medium.open(), 2);
        medium.inject(medium.operations(), fault);
        log.append(Append::event(event(2, 40))).unwrap_err();
        let before = medium.content();
        for _ in 0..2 {
            log = log.lock().unlock(&SEED, |_| Ok::<_, ()>(())).unwrap();
            let error = log.append(Append::event(event(7, 40))).unwrap_err();
            assert!(matches!(error, StoreError::Backend(BackendError::Poisoned)), "{error}");
        }
        assert_eq!(medium.content(), before);
    }
}

#[test]
fn a_full_disk_refuses_one_append_and_takes_the_next_when_there_is_room() {
    let medium = Medium::new();
    let mut log = common::log_with(medium.open(), 2);
    medium.inject(medium.operations(), Fault::DiskFull);
    let error = log.append(Append::event(event(2, 40))).unwrap_err();
    assert!(matches!(error, StoreError::Backend(BackendError::DiskFull)), "{error}");
    assert_eq!(log.append(Append::event(event(2, 40))).unwrap().events, 3);
}

#[test]
fn of_two_writers_at_the_same_position_one_loses_and_learns_it() {
    let medium = Medium::new();
    drop(common::log_with(medium.open(), 2));
    let backend = std::sync::Arc::new(medium.open());
    let (mut one, _) = unlock(Shared(backend.clone()), &SEED).unwrap();
    let (mut two, _) = unlock(Shared(backend), &SEED).unwrap();
    one.append(Append::event(event(2, 40))).unwrap();
    let error = two.append(Append::event(event(2, 40))).unwrap_err();
    assert!(matches!(error, StoreError::Backend(BackendError::PositionTaken { at: 2, head: 3 })), "{error}");
}

#[test]
fn a_failed_beginning_can_be_tried_again() {
    let medium = Medium::new();
    let Opened::Empty(empty) = contrast_store::open(medium.open()).unwrap() else { panic!("not empty") };
    medium.inject(medium.operations(), Fault::DiskFull);
    let (empty, error) = empty.initialize(&SEED, SALT, vec![], Append::event(vec![1])).unwrap_err();
    assert!(matches!(error, StoreError::Backend(BackendError::DiskFull)), "{error}");
    assert!(empty.initialize(&SEED, SALT, vec![], Append::event(vec![1])).is_ok());
}

/// One engine under two logs, as an engine on another machine would be.
struct Shared<B>(std::sync::Arc<B>);

impl<B: contrast_store::Backend> contrast_store::Backend for Shared<B> {
    fn layout_version(&self) -> u32 {
        self.0.layout_version()
    }
    fn header(&self) -> Result<Option<Vec<u8>>, BackendError> {
        self.0.header()
    }
    fn head(&self) -> Result<u64, BackendError> {
        self.0.head()
    }
    fn append(&self, batch: &contrast_store::Batch) -> Result<(), BackendError> {
        self.0.append(batch)
    }
    fn reopen(&self) -> Result<(), BackendError> {
        self.0.reopen()
    }
    fn read(&self, from: u64, budget: usize) -> Result<contrast_store::RecordBatch, BackendError> {
        self.0.read(from, budget)
    }
    fn blob(&self, address: &contrast_store::Address) -> Result<Option<Vec<u8>>, BackendError> {
        self.0.blob(address)
    }
    fn has_blob(&self, address: &contrast_store::Address) -> Result<bool, BackendError> {
        self.0.has_blob(address)
    }
    fn next_blob(
        &self,
        after: Option<&contrast_store::Address>,
    ) -> Result<Option<contrast_store::Address>, BackendError> {
        self.0.next_blob(after)
    }
    fn watch(&self, seen: u64, timeout: std::time::Duration) -> Result<u64, BackendError> {
        self.0.watch(seen, timeout)
    }
}
