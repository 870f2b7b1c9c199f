//! Where the programs under test are, and how their output is read.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Condvar, Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Longest wait for a line of output; far beyond what anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folder of the whole project.
#[must_use]
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

/// Where cargo builds, and where set-up puts programs that no distribution has.
pub(crate) fn build_folder() -> PathBuf {
    let me = std::env::current_exe().expect("this program has a path");
    // Cargo marks it.
    let marked = me.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    marked.map_or_else(|| workspace_root().join("target"), Path::to_path_buf)
}

/// A program of this project, built as the caller was and up to date.
#[must_use]
pub fn program(name: &str) -> Command {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    Command::new(DIRECTORY.get_or_init(build).join(name))
}

/// Builds the programs (a moment if nothing changed) and says where they are.
fn build() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The whole workspace, so that cargo chooses the same features of dependencies as everywhere else.
    cargo.current_dir(workspace_root()).args(["build", "--quiet", "--workspace", "--bins"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "the programs could not be built");
    let me = std::env::current_exe().expect("this program has a path");
    let directory = me.parent().expect("programs lie in a directory");
    // Test binaries lie in `deps` below the programs.
    if directory.ends_with("deps") {
        directory.parent().expect("deps lies in a directory")
    } else {
        directory
    }
    .to_owned()
}

/// What a pipe holds on Linux (pipe(7)).
const PIPE: usize = 64 * 1024;

/// Reads what has come together in a while. Whoever reads every line as it comes is woken up by each, and takes the
/// program that prints it off its core; the benchmark would measure that. Good for 13 MB a second.
struct Unhurried<R>(R);

impl<R: Read> Read for Unhurried<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const PAUSE: Duration = Duration::from_millis(5);
        thread::sleep(PAUSE);
        self.0.read(buffer)
    }
}

/// What a running program has printed so far. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Printed(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Printed {
    /// Collects lines until the program closes its end.
    pub(crate) fn collect(stream: impl Read + Send + 'static) -> Self {
        let printed = Self::default();
        let collector = printed.clone();
        thread::spawn(move || {
            for line in BufReader::with_capacity(PIPE, Unhurried(stream)).lines() {
                let Ok(line) = line else { break };
                collector.change(|state| state.lines.push(line));
            }
            collector.change(|state| state.ended = true);
        });
        printed
    }

    /// Waits for a line that contains `text`.
    ///
    /// # Panics
    /// When the program ends, or two minutes pass, without it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(|lines| lines.iter().find(|line| line.contains(text)).cloned())
            .unwrap_or_else(|all| panic!("the program never printed `{text}`, but:\n{all}"))
    }

    /// Waits until that many lines contain `text`.
    ///
    /// # Panics
    /// When the program ends, or two minutes pass, with fewer.
    pub(crate) fn wait_for_times(&self, text: &str, times: usize) {
        self.wait_until(|lines| {
            (lines.iter().filter(|line| line.contains(text)).count() >= times).then_some(())
        })
        .unwrap_or_else(|all| panic!("the program printed `{text}` less than {times} times:\n{all}"));
    }

    /// Waits for a line that contains `last`, after one that contains `first`, and returns all lines from the
    /// first to that before the last.
    pub(crate) fn wait_for_lines(&self, first: &str, last: &str) -> String {
        self.wait_for(first);
        self.wait_until(|lines| {
            let begin = lines.iter().position(|line| line.contains(first))?;
            let length = lines.iter().skip(begin).position(|line| line.contains(last))?;
            Some(lines.iter().skip(begin).take(length).cloned().collect::<Vec<_>>().join("\n"))
        })
        .unwrap_or_else(|all| panic!("the program never printed `{last}` after `{first}`, but:\n{all}"))
    }

    /// Waits until the program ends, if it does so without printing `text`.
    ///
    /// # Panics
    /// When it prints it.
    pub(crate) fn wait_until_end_without(&self, text: &str) {
        let printed = self.wait_until(|lines| lines.iter().find(|line| line.contains(text)).cloned());
        assert!(
            printed.is_err(),
            "the program was expected to end, but it printed:\n{}",
            printed.unwrap_or_default()
        );
    }

    /// Waits until `found` finds something in the lines so far; all lines if it never does.
    fn wait_until<T>(&self, found: impl Fn(&[String]) -> Option<T>) -> Result<T, String> {
        let (state, changed) = &*self.0;
        let deadline = Instant::now() + PATIENCE;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = found(&state.lines) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return Err(state.lines.join("\n"));
            }
            state = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All that was printed, after the program has closed its end.
    pub(crate) fn all(&self) -> String {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.ended {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.lines.join("\n")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }
}
