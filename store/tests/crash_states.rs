//! Power cuts. A real run is recorded with strace, write by write and sync by sync; then the directory is rebuilt
//! as it could look after a power cut at any point of the run, and opened.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod common;
#[path = "crash/disk.rs"]
mod disk;
#[path = "crash/trace.rs"]
mod trace;

use common::{SEED, blob, event, unlock};
use contrast_store::{Append, Opened, SledBackend};
use disk::{Dice, LOSSES};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use trace::{Op, Trace};

/// Set in the process that is recorded: the directory to work in.
const RECORDED: &str = "CONTRAST_STORE_TEST_RECORDED";
/// Set to repeat a run.
const SEED_VARIABLE: &str = "CONTRAST_STORE_TEST_SEED";
const STATES: usize = 520;
const RESTARTS: usize = 5;
/// No run has more.
const MOST_EVENTS: usize = 100;

#[test]
fn after_a_power_cut_at_any_point_every_acknowledged_event_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let trace = record(dir.path());
    let seed = std::env::var(SEED_VARIABLE)
        .map_or_else(|_| u64::from(std::process::id()), |text| text.parse().unwrap());
    println!("{STATES} states with {SEED_VARIABLE}={seed}");
    let expected = Expected::all();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(number) = Some(next.fetch_add(1, Relaxed)).filter(|number| *number < STATES) {
            let mut dice = Dice(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
            let (cut, loss) = (1 + dice.below(trace.end), LOSSES[number % LOSSES.len()]);
            let state = tempfile::tempdir_in(memory_or(dir.path())).unwrap();
            disk::build(&trace, cut, loss, &mut dice, state.path());
            if std::panic::catch_unwind(|| check(&trace, cut, state.path(), &expected)).is_err() {
                let kept = state.keep();
                let kept = kept.display();
                panic!("state {number} ({loss:?} at {cut}), {SEED_VARIABLE}={seed}, is kept in {kept}");
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
}

/// The run that is recorded; does nothing unless it is.
#[test]
fn recorded_run() {
    let Some(dir) = std::env::var_os(RECORDED) else { return };
    let (root, mut marks) =
        (Path::new(&dir).join("state"), File::create(Path::new(&dir).join("marks")).unwrap());
    let mut mark =
        |what: &str, events: usize| marks.write_all(format!("{what} {events}").as_bytes()).unwrap();
    let mut events = 0;
    for restart in 0..=RESTARTS {
        let mut log = match contrast_store::open(SledBackend::open(&root).unwrap()).unwrap() {
            Opened::Empty(empty) => {
                mark("attempted", 1);
                let blob = blob_of(0);
                let first = Append { events: vec![event_of(0)], blobs: vec![&blob] };
                let log = empty.initialize(&SEED, [0; 32], vec![3; 3000], first).unwrap();
                mark("acknowledged", 1);
                events = 1;
                log
            }
            Opened::Locked(locked) => locked.unlock(&SEED, |_| Ok::<_, ()>(())).unwrap(),
        };
        for _ in 0..4 + restart {
            // Some appends hold two events.
            let number = 1 + events % 2;
            let blobs: Vec<Vec<u8>> = (events..events + number).map(blob_of).collect();
            let append = Append {
                events: (events..events + number).map(event_of).collect(),
                blobs: blobs.iter().map(Vec::as_slice).collect(),
            };
            mark("attempted", events + number);
            log.append(append).unwrap();
            events += number;
            mark("acknowledged", events);
        }
    }
}

fn event_of(number: usize) -> Vec<u8> {
    event(number, [40, 400, 3000, 9000, 500, 70, 12_000][number % 7] + if number == 44 { 700_000 } else { 0 })
}

fn blob_of(number: usize) -> Vec<u8> {
    blob(number / 3, [5000, 20_000, 100][number / 3 % 3])
}

/// Everything that the recorded run wrote, made once.
struct Expected {
    events: Vec<Vec<u8>>,
    blobs: Vec<(contrast_store::Digest, Vec<u8>)>,
}

impl Expected {
    fn all() -> Self {
        let blobs = (0..MOST_EVENTS).step_by(3).map(blob_of);
        Self {
            events: (0..MOST_EVENTS + 1).map(event_of).collect(),
            blobs: blobs.map(|blob| (Sha256::digest(&blob).into(), blob)).collect(),
        }
    }
}

fn record(dir: &Path) -> Trace {
    let output = dir.join("strace");
    std::fs::create_dir(dir.join("state")).unwrap();
    let run = Command::new("strace")
        .args(trace::STRACE)
        .arg("-o")
        .arg(&output)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "recorded_run", "--test-threads=1"])
        .env(RECORDED, dir)
        .output()
        .unwrap_or_else(|error| {
            panic!("strace does not start ({error}): install the Debian package `strace`")
        });
    // Root may lack it in a container: then nobody may trace.
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(
        run.status.success(),
        "strace failed (it takes CAP_SYS_PTRACE where tracing is restricted):\n{out}\n{err}"
    );
    let record = std::fs::read_to_string(output).unwrap();
    Trace::parse(&record, &dir.join("state"), &dir.join("marks"))
}

/// Opens the state, and appends one more event.
fn check(trace: &Trace, cut: usize, state: &Path, expected: &Expected) {
    let (acknowledged, attempted) = said(trace, cut);
    let backend = SledBackend::open(state).unwrap();
    if matches!(contrast_store::open(backend).unwrap(), Opened::Empty(_)) {
        assert_eq!(acknowledged, 0, "the log is gone");
        return;
    }
    let (mut log, events) = unlock(SledBackend::open(state).unwrap(), &SEED).unwrap();
    assert!(events.len() >= acknowledged, "{} of {acknowledged} acknowledged events", events.len());
    assert!(events.len() <= attempted, "{} events, but only {attempted} were ever attempted", events.len());
    for (found, expected) in events.iter().zip(&expected.events) {
        assert!(found == expected, "an event is not what was written");
    }
    for (digest, blob) in expected.blobs.iter().take(events.len().div_ceil(3)) {
        assert!(log.reader().blob(digest).unwrap() == *blob, "a blob is not what was written");
    }
    log.append(Append::event(expected.events[events.len()].clone())).unwrap();
    drop(log);
    let Opened::Locked(after) = contrast_store::open(SledBackend::open(state).unwrap()).unwrap() else {
        panic!("the log is gone");
    };
    assert_eq!(after.events(), events.len() as u64 + 1);
}

/// How many events were acknowledged and attempted at a time.
fn said(trace: &Trace, cut: usize) -> (usize, usize) {
    let (mut acknowledged, mut attempted) = (0, 0);
    for event in &trace.events {
        if let Op::Mark(text) = &event.op {
            let (what, number) = text.split_once(' ').unwrap();
            match what {
                "acknowledged" if event.time.end <= cut => acknowledged = number.parse().unwrap(),
                "attempted" if event.time.start < cut => attempted = number.parse().unwrap(),
                _ => {}
            }
        }
    }
    (acknowledged, attempted)
}

/// Building hundreds of states is quicker in memory.
fn memory_or(otherwise: &Path) -> &Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { otherwise }
}
