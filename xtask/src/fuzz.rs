//! `cargo xtask fuzz`: runs the targets of `fuzz/targets` with libFuzzer, on the stable toolchain.

pub(crate) mod instrument;
mod report;

use std::{
    fs,
    num::NonZero,
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use report::Report;

use crate::{failure::Failure, process, setup, workspace};

/// What to run, and for how long.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// One target instead of all.
    pub(crate) only: Option<String>,
    /// For each target.
    pub(crate) time_per_target: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { only: None, time_per_target: Duration::from_secs(10) }
    }
}

/// Builds the targets and runs them, as many at a time as there are cores: each has one thread.
///
/// # Errors
/// When something is missing, does not build, or a target fails on an input.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    setup::provide(setup::FUZZ)?;
    let known = targets()?;
    let chosen = match &options.only {
        None => known,
        Some(asked) if known.contains(asked) => vec![asked.clone()],
        Some(asked) => return Err(Failure::UnknownTarget { asked: asked.clone(), known }),
    };
    build()?;
    let next = AtomicUsize::new(0);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let run_next = || {
            while let Some(target) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                run_target(target, options.time_per_target)?;
            }
            Ok(())
        };
        let runners: Vec<_> = (0..cores).map(|_| scope.spawn(run_next)).collect();
        runners.into_iter().map(|runner| runner.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    outcomes.into_iter().collect()
}

/// All targets, for a longer run of several steps.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_all(time_per_target: Duration) -> Result<String, Failure> {
    run(&Options { only: None, time_per_target })?;
    Ok(format!("{} targets", targets()?.len()))
}

/// Each file in `fuzz/targets` is a target of that name.
fn targets() -> Result<Vec<String>, Failure> {
    let files = workspace::list(&folder("targets"))?;
    Ok(files
        .iter()
        .filter_map(|path| path.file_stem())
        .map(|name| name.to_string_lossy().into_owned())
        .collect())
}

fn build() -> Result<(), Failure> {
    let arguments = ["build", "--package", "contrast-fuzz", "--features", "engine", "--bins"];
    process::run(instrument::with_coverage(process::cargo().args(arguments))?)
}

/// Runs one target and prints one line about it.
fn run_target(target: &str, time: Duration) -> Result<(), Failure> {
    // Found inputs are kept between runs; the seeds that everybody starts from are in the repository.
    let corpus = folder("corpus").join(target);
    let artifacts = folder("artifacts").join(target);
    for path in [&corpus, &artifacts] {
        fs::create_dir_all(path).map_err(Failure::writing(path))?;
    }
    let program = workspace::built(target)?;
    let mut command = process::program(&program);
    command.arg(&corpus);
    let seeds = folder("seeds").join(target);
    if seeds.exists() {
        command.arg(seeds);
    }
    command
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={}", time.as_secs()))
        .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .stderr(Stdio::piped());
    let finished = command
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|cause| Failure::Start { program: target.to_owned(), cause })?;
    let output = String::from_utf8_lossy(&finished.stderr).into_owned();
    if !finished.status.success() {
        return Err(Failure::Crash { program, output, inputs: artifacts });
    }
    let report = Report::read(&output);
    if report.edges == 0 {
        return Err(Failure::NotInstrumented { target: target.to_owned(), output });
    }
    println!("  {target:18} {report}");
    Ok(())
}

fn folder(name: &str) -> PathBuf {
    workspace::root().join(Path::new("fuzz")).join(name)
}
