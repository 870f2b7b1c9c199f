//! Directories that cannot be used, each with its own error; and the read-only check.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;

use common::{SEED, copy_directory, event, initialize, log_with, unlock};
use contrast_store::{Append, BackendError, SledBackend, StoreError, check::inspect};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in a process that works on a file system of its own: where it is.
const INSIDE: &str = "CONTRAST_STORE_TEST_INSIDE";

fn refusal(path: &Path) -> BackendError {
    SledBackend::open(path).err().unwrap()
}

#[test]
fn a_store_in_use_is_refused_and_opens_when_it_is_free_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_with(SledBackend::open(dir.path()).unwrap(), 2);
    assert!(matches!(refusal(dir.path()), BackendError::InUse { .. }));
    let error = inspect(dir.path(), None, |_| None).unwrap_err();
    assert!(matches!(error, StoreError::Backend(BackendError::InUse { .. })), "{error}");
    assert!(error.to_string().contains("stop that process"), "{error}");
    drop(log);
    assert!(SledBackend::open(dir.path()).is_ok());
}

#[test]
fn a_directory_with_something_else_in_it_is_refused_and_left_alone() {
    for name in ["notes.txt", "db", "conf"] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), "something else").unwrap();
        let error = refusal(dir.path());
        assert!(matches!(&error, BackendError::Foreign { found, .. } if found == Path::new(name)), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_new_directory_is_made_and_a_fresh_file_system_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("lost+found")).unwrap();
    assert!(SledBackend::open(dir.path()).is_ok());
    let other = tempfile::tempdir().unwrap();
    assert!(initialize(SledBackend::open(other.path().join("state")).unwrap()).is_ok());
    let error = refusal(&other.path().join("no/such/directory"));
    assert!(matches!(error, BackendError::Open { .. }), "{error}");
}

#[test]
fn a_store_of_a_newer_layout_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(log_with(SledBackend::open(dir.path()).unwrap(), 2));
    {
        let db = sled::Config::new().path(dir.path().join("log")).open().unwrap();
        db.insert(contrast_migrations::VERSION_KEY, &9u32.to_le_bytes()).unwrap();
        db.flush().unwrap();
    }
    for _ in 0..2 {
        let error = refusal(dir.path());
        assert!(matches!(error, BackendError::NewerLayout { found: 9, .. }), "{error}");
        assert!(error.to_string().contains("use a newer program"), "{error}");
    }
}

#[test]
fn the_remains_of_an_interrupted_beginning_are_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("log.new/blobs")).unwrap();
    std::fs::write(dir.path().join("log.new/conf"), "half").unwrap();
    assert!(initialize(SledBackend::open(dir.path()).unwrap()).is_ok());
    assert!(!dir.path().join("log.new").exists());
}

#[test]
fn a_check_shows_the_events_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let head = log_with(SledBackend::open(dir.path()).unwrap(), 70).reader().head();
    let before = content(dir.path());

    let without =
        inspect(dir.path(), None, |_| -> Option<[u8; 32]> { panic!("no event without the seed") }).unwrap();
    assert!(!without.verified);
    let mut events = Vec::new();
    let with = inspect(dir.path(), Some(&SEED), |replayed| {
        events.push(replayed.event.to_vec());
        None
    })
    .unwrap();
    assert!(with.verified);
    for summary in [without, with] {
        assert_eq!((summary.format_version, summary.layout_version), (1, 1));
        assert_eq!((summary.events, summary.head_digest), (head.events, head.digest));
    }
    assert_eq!(events, (0..70).map(|number| event(number, 40)).collect::<Vec<_>>());
    let error = inspect(dir.path(), Some(&SEED), |_| Some([9; 32])).unwrap_err();
    assert!(matches!(error, StoreError::BlobMissing { digest } if digest == [9; 32]), "{error}");
    let error = inspect(dir.path(), Some(&[1; 64]), |_| None).unwrap_err();
    assert!(matches!(error, StoreError::WrongSeed), "{error}");
    assert_eq!(content(dir.path()), before);
}

#[test]
fn a_check_of_an_empty_directory_says_that_there_is_no_store() {
    let dir = tempfile::tempdir().unwrap();
    assert!(inspect(dir.path(), None, |_| None).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_read_only_file_system_is_refused_but_can_be_checked() {
    inside("a_read_only_file_system_is_refused_but_can_be_checked", |mount| {
        drop(log_with(SledBackend::open(mount).unwrap(), 3));
        assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(mount).status().unwrap().success());
        let error = refusal(mount);
        assert!(matches!(error, BackendError::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("mount it writable"), "{error}");
        assert_eq!(inspect(mount, Some(&SEED), |_| None).unwrap().events, 3);
    });
}

#[test]
fn on_a_full_disk_nothing_is_lost_and_appending_goes_on_when_there_is_room() {
    inside("on_a_full_disk_nothing_is_lost_and_appending_goes_on_when_there_is_room", |mount| {
        let mut log = initialize(SledBackend::open(mount).unwrap()).unwrap();
        let ballast = mount.join("log/ballast");
        std::fs::write(&ballast, vec![0; 6 << 20]).unwrap();
        let mut events = 1;
        let error = loop {
            match log.append(Append::event(event(events, 200_000))) {
                Ok(_) => events += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StoreError::Backend(BackendError::DiskFull)), "{error}");
        assert!(events > 1, "the disk was full from the beginning");
        std::fs::remove_file(&ballast).unwrap();
        log.append(Append::event(event(events, 200_000))).unwrap();
        drop(log);
        let (_, found) = unlock(SledBackend::open(mount).unwrap(), &SEED).unwrap();
        assert_eq!(found.len(), events + 1);
    });
}

#[test]
fn a_copy_of_a_store_opens_as_the_store_does() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(log_with(SledBackend::open(dir.path()).unwrap(), 5));
    copy_directory(dir.path(), copy.path());
    assert_eq!(unlock(SledBackend::open(copy.path()).unwrap(), &SEED).unwrap().1.len(), 5);
}

/// Runs `test` in a process that has a small file system of its own, and is root there.
fn inside(name: &str, test: impl FnOnce(&Path)) {
    if let Some(mount) = std::env::var_os(INSIDE) {
        return test(Path::new(&mount));
    }
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=16m tmpfs "$1" && shift && exec "$@""#;
    let mut run = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        run.args(["--user", "--map-root-user"]);
    }
    let run = run
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, dir.path())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(
        run.status.success(),
        "a mount takes root with CAP_SYS_ADMIN, or a kernel that allows user namespaces:\n{out}\n{err}"
    );
}

fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}
