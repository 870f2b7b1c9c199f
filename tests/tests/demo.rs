//! What is left of a demo that a person interrupts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn an_interrupted_demo_leaves_neither_processes_nor_temporary_files() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg("--dir")
        .arg(folder.path().join("demo"))
        .env("TMPDIR", &temporary)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // A Coordinator and initializers run by then.
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.contains("[initializer of web]")).unwrap();
    assert!(!processes_with(&temporary).is_empty());

    kill_process(Pid::from_child(&demo), Signal::INT).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    // They were killed; how soon they are gone is the kernel's business.
    let start = Instant::now();
    while !processes_with(&temporary).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", processes_with(&temporary));
        thread::yield_now();
    }
}

/// Command lines of all processes whose temporary folder is in this one: what the demo starts inherits that.
fn processes_with(temporary: &Path) -> Vec<String> {
    let variable = format!("TMPDIR={}/", temporary.display());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let ours = processes.filter(|process| {
        text(&process.path().join("environ")).split('\0').any(|one| one.starts_with(&variable))
    });
    ours.map(|process| text(&process.path().join("cmdline")).replace('\0', " ")).collect()
}
