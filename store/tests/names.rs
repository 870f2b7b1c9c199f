//! Names in the state directory that a host has put there: links, pipes, and files that the engine would take for its own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;

use common::{SEED, log_with, unlock};
use contrast_store::{BackendError, Damage, SledBackend, check};

/// What a host can put in the place of a file.
#[derive(Clone, Copy, Debug)]
enum Planted {
    Link,
    LinkToNothing,
    HardLink,
    Pipe,
    Socket,
    Directory,
}

#[test]
fn no_link_pipe_or_other_thing_is_followed_or_opened_under_any_name_of_a_store() {
    let names =
        ["lock", "acknowledged", "log/db", "log/conf", "log/snap", "log/kept.0000000000000001", "log/blobs"];
    let whole = tempfile::tempdir().unwrap();
    drop(log_with(SledBackend::open(whole.path()).unwrap(), 3));
    drop(unlock(SledBackend::open(whole.path()).unwrap(), &SEED).unwrap());
    for name in names.into_iter().chain(["log", "log.new"]) {
        use Planted::{Directory, HardLink, Link, LinkToNothing, Pipe, Socket};
        for planted in [Link, LinkToNothing, HardLink, Pipe, Socket, Directory] {
            let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            common::copy_directory(whole.path(), dir.path());
            let path = if name == "log/snap" { snapshot(dir.path()) } else { dir.path().join(name) };
            let is_directory = ["log/blobs", "log", "log.new"].contains(&name);
            let target = elsewhere.path().join("target");
            if path.exists() {
                // The content is right; only it stands elsewhere.
                if is_directory {
                    common::copy_directory(&path, &target)
                } else {
                    drop(std::fs::copy(&path, &target))
                }
                if is_directory { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }
                    .unwrap();
            } else if is_directory {
                std::fs::create_dir(&target).unwrap();
            } else {
                std::fs::write(&target, "foreign").unwrap();
            }
            match planted {
                Link => std::os::unix::fs::symlink(&target, &path).unwrap(),
                LinkToNothing => std::os::unix::fs::symlink(elsewhere.path().join("nothing"), &path).unwrap(),
                HardLink | Directory if is_directory => continue,
                HardLink => std::fs::hard_link(&target, &path).unwrap(),
                Pipe => {
                    let mode = rustix::fs::Mode::from_raw_mode(0o600);
                    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
                }
                Socket => drop(std::os::unix::net::UnixListener::bind(&path).unwrap()),
                Directory => std::fs::create_dir(&path).unwrap(),
            }
            let before = listing(elsewhere.path());
            let error = SledBackend::open(dir.path()).err();
            assert!(
                matches!(error, Some(BackendError::Damaged(Damage::NotPlain { .. } | Damage::SharedFile(_)))),
                "{name}, {planted:?}: {error:?}"
            );
            assert!(error.unwrap().to_string().contains(path.to_str().unwrap()), "{name}, {planted:?}");
            // It copies plain files only, and so may find all that it needs.
            let _ = check::inspect(dir.path(), Some(&SEED), |_| Vec::new());
            assert_eq!(listing(elsewhere.path()), before, "{name}, {planted:?}");
        }
    }
}

#[test]
fn a_state_directory_that_is_a_link_itself_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("true")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("true"), dir.path().join("link")).unwrap();
    let error = SledBackend::open(dir.path().join("link")).err().unwrap();
    assert!(matches!(error, BackendError::Damaged(Damage::NotPlain { .. })), "{error}");
    assert_eq!(listing(&dir.path().join("true")), []);
}

#[test]
fn files_of_the_engine_that_this_program_never_makes_are_refused_before_it_sees_them() {
    let whole = tempfile::tempdir().unwrap();
    drop(log_with(SledBackend::open(whole.path()).unwrap(), 2));
    for name in ["log/snap.zzz", "log/snap.00000000000000FG", "log/blobs/17"] {
        let dir = tempfile::tempdir().unwrap();
        common::copy_directory(whole.path(), dir.path());
        std::fs::write(dir.path().join(name), "x").unwrap();
        let error = SledBackend::open(dir.path()).err().unwrap();
        assert!(matches!(error, BackendError::Damaged(Damage::Unexpected(_))), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

fn snapshot(store: &std::path::Path) -> std::path::PathBuf {
    let entries = std::fs::read_dir(store.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let is_snapshot = |path: &std::path::PathBuf| path.to_string_lossy().contains("/log/snap.");
    entries.filter(is_snapshot).max().unwrap()
}

/// Names and contents.
fn listing(dir: &std::path::Path) -> Vec<(String, Option<Vec<u8>>)> {
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), std::fs::read(&path).ok())
        })
        .collect();
    found.sort();
    found
}
