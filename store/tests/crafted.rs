//! Files of the engine that a host has written itself, with right checksums. Each store opens with all that was in it,
//! or is refused; with little memory, and soon.
//!
//! There are tens of thousands of variants. Usually one in [`STEP`] is tried; with `CONTRAST_CRAFTED_STEP=1` in the
//! environment all of them, which takes an hour.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;
#[path = "crafted/engine_file.rs"]
mod engine_file;
#[path = "crafted/variants.rs"]
mod variants;

use common::{SEED, blob, copy_directory, event, initialize, unlock};
use contrast_store::{Append, SledBackend, StoreError};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What an honest store of this size needs many times over.
const MEMORY: u64 = 1 << 30;
/// An honest store of this size is opened within a twentieth of a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// A prime, so that every kind of change has its turn.
const STEP: usize = 151;
/// Set in the process that opens the stores.
const OPENER: &str = "CONTRAST_CRAFTED_OPENER";

#[test]
fn no_crafted_file_of_the_engine_makes_it_ask_for_much_memory_or_turn_for_ever() {
    let step = std::env::var("CONTRAST_CRAFTED_STEP").map_or(STEP, |step| step.parse().unwrap());
    let (mut opener, mut failures, mut tried) = (Opener::start(), Vec::new(), 0);
    for (name, events, store) in stores() {
        let db = std::fs::read(store.path().join("log/db")).unwrap();
        let snapshot = snapshot_of(store.path());
        variants::each(&db, snapshot.as_ref().map(|(_, bytes)| bytes.as_slice()), step, |variant| {
            let copy = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            copy_directory(store.path(), copy.path());
            for (file, bytes) in &variant.files {
                if let Some((old, _)) = snapshot.as_ref().filter(|_| file.starts_with("snap.")) {
                    std::fs::remove_file(copy.path().join("log").join(old)).unwrap();
                }
                std::fs::write(copy.path().join("log").join(file), bytes).unwrap();
            }
            tried += 1;
            if let Err(failure) = opener.open(copy.path(), events) {
                failures.push(format!("{name}: {}: {failure}", variant.what));
                opener = Opener::start();
            }
        });
    }
    assert!(tried > 300, "{tried}");
    assert!(failures.is_empty(), "{} of {tried}:\n{}", failures.len(), failures.join("\n"));
}

/// Stores with the number of their events: a small one that was never opened again, one whose tree has several nodes,
/// and one with a snapshot.
fn stores() -> Vec<(&'static str, usize, tempfile::TempDir)> {
    let store = |events: usize, length: usize| {
        let dir = tempfile::tempdir().unwrap();
        let mut log = initialize(SledBackend::open(dir.path()).unwrap()).unwrap();
        for number in 1..events {
            let blobs = [blob(number % 3, 10)];
            let blobs = blobs.iter().map(Vec::as_slice).collect();
            log.append(Append { events: vec![event(number, length)], blobs }).unwrap();
        }
        dir
    };
    let reopened = |dir: tempfile::TempDir| {
        drop(unlock(SledBackend::open(dir.path()).unwrap(), &SEED).unwrap());
        dir
    };
    vec![("small", 4, store(4, 40)), ("grown", 40, store(40, 40)), ("reopened", 24, reopened(store(24, 40)))]
}

fn snapshot_of(store: &Path) -> Option<(String, Vec<u8>)> {
    let names = std::fs::read_dir(store.join("log")).unwrap();
    let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = names.find(|name| name.starts_with("snap."))?;
    let bytes = std::fs::read(store.join("log").join(&name)).unwrap();
    Some((name, bytes))
}

/// A process with little memory that opens one store after the other.
struct Opener {
    child: Child,
    stores: ChildStdin,
    outcomes: Receiver<String>,
}

impl Opener {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "opener", "--nocapture"])
            .env(OPENER, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, outcomes) = channel();
        let lines: Lines<_> = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(outcome) = line.split("outcome:").nth(1)
                    && sender.send(outcome.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { stores: child.stdin.take().unwrap(), child, outcomes }
    }

    /// Whether the store was refused or has all its events; otherwise what happened.
    fn open(&mut self, store: &Path, events: usize) -> Result<(), String> {
        writeln!(self.stores, "{events} {}", store.display()).map_err(|error| error.to_string())?;
        match self.outcomes.recv_timeout(PATIENCE) {
            Ok(outcome) if outcome == "ok" => Ok(()),
            Ok(outcome) => Err(outcome),
            Err(error) => Err(format!("no answer, {error}")),
        }
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test by itself: what runs in the process of [`Opener`].
#[test]
fn opener() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if std::env::var_os(OPENER).is_none() {
        return;
    }
    setrlimit(Resource::As, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) }).unwrap();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (events, store) = line.split_once(' ').unwrap();
        println!("outcome:{}", outcome(Path::new(store), events.parse().unwrap()));
    }
}

fn outcome(store: &Path, expected: usize) -> String {
    let lengths = |number| 40.max(event(number, 0).len());
    let read = |expected: usize| -> Result<contrast_store::SealedLog, Result<StoreError, String>> {
        let backend = SledBackend::open(store).map_err(|error| Ok(error.into()))?;
        let (log, events) = unlock(backend, &SEED).map_err(Ok)?;
        log.reader().check_all(|_| ()).map_err(Ok)?;
        let right = (0..expected).map(|number| event(number, lengths(number)));
        if events.iter().cloned().eq(right) { Ok(log) } else { Err(Err(format!("{} events", events.len()))) }
    };
    let goes_on = |mut log: contrast_store::SealedLog| {
        log.append(Append::event(event(expected, 40))).map_err(Ok)?;
        drop(log);
        read(expected + 1).map(drop)
    };
    match read(expected).and_then(goes_on) {
        Ok(()) | Err(Ok(_)) => "ok".to_owned(),
        Err(Err(wrong)) => wrong,
    }
}
