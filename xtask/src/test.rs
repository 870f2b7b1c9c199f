//! `cargo xtask test`: everything that CI runs.

mod tally;

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{ExitCode, Stdio},
    time::Duration,
};

use tally::Tally;

use crate::{cluster, demo, failure::Failure, fuzz, lint, process, setup, steps::Steps, workspace};

/// Short, so that CI stays quick; `cargo xtask fuzz --seconds N` runs for longer.
const FUZZ_TIME: Duration = Duration::from_secs(10);

/// For all attacks together; the benchmark takes longer, and judges how long honest clients wait.
const ATTACK_SECONDS: &str = "30";

/// Runs all steps and says which failed; those with a cluster if they are asked for.
pub(crate) fn run(with_cluster: bool) -> ExitCode {
    let mut steps = Steps::new("test");
    let ready = steps.step("set-up", || setup::provide(setup::EVERYTHING).map(|()| String::new()));
    if !ready {
        return steps.finish();
    }
    lint::add_steps(&mut steps);
    if steps.step("build", || demo::build().map(|()| String::new())) {
        steps.step("tests", || tests(&[]));
        if with_cluster {
            cluster_tests(&mut steps);
        } else {
            steps.remark(
                "Left out: the tests with a cluster; `cargo xtask test --cluster` has them.".to_owned(),
            );
        }
        steps.step("fuzzing", || fuzz::run_all(FUZZ_TIME));
        steps.step("demo", demonstration);
        steps.step("attacks", attacks);
    }
    steps.finish()
}

/// Test programs that need a cluster, in this order; each ends what it starts on its own.
const CLUSTER_TESTS: [&str; 3] = ["cluster_life", "cluster_status", "cluster"];

/// Runs the tests that need a cluster, where this machine permits one.
fn cluster_tests(steps: &mut Steps) {
    match cluster::obstacle() {
        None => {
            if steps.step("cluster programs", || cluster::provide().map(|()| String::new())) {
                for name in CLUSTER_TESTS {
                    steps.step(&name.replace('_', " "), || {
                        tests(&["--features", "contrast-tests/cluster", "--test", name])
                    });
                }
                steps.step("cluster removal", || cluster::remove().map(|()| String::new()));
            }
        }
        // Where everything has to be tested, what cannot be is a failure.
        Some(obstacle) if env::var_os("CI").is_some() => {
            steps.step("cluster", || Err(cluster::Problem::Obstacle(obstacle).into()));
        }
        Some(obstacle) => {
            steps.remark(format!("Left out: the tests with a cluster, since {obstacle}."));
        }
    }
}

/// Runs every test of the workspace, or those that are asked for, showing the output as it comes and counting the results.
fn tests(which: &[&str]) -> Result<String, Failure> {
    let temporary = env::temp_dir().join(format!("contrast-tests-{}", std::process::id()));
    fs::create_dir_all(&temporary).map_err(Failure::writing(&temporary))?;
    let mut command = process::cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(which)
        .env("TMPDIR", &temporary)
        .stdout(Stdio::piped());
    let line = process::describe(&command);
    let mut child = command.spawn().map_err(|cause| Failure::Start { program: line.clone(), cause })?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.read(&line);
        }
    }
    let status = child.wait().map_err(|cause| Failure::Start { program: line.clone(), cause })?;
    println!("\n{tally}");
    if !status.success() {
        return Err(Failure::Tests { failed: tally.failed_names, command: line });
    }
    if tally.ignored > 0 {
        return Err(Failure::Rules {
            broken: vec![format!("{} tests are ignored", tally.ignored)],
            remedy: "repair or remove them: an ignored test guards nothing.",
        });
    }
    nothing_left(&temporary)?;
    Ok(tally.to_string())
}

/// Removes the temporary folder of the tests, which must be empty.
fn nothing_left(temporary: &Path) -> Result<(), Failure> {
    let left = workspace::list(temporary)?;
    fs::remove_dir_all(temporary).map_err(Failure::writing(temporary))?;
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::Rules {
        broken: left.iter().map(|path| format!("the tests left {} behind", path.display())).collect(),
        remedy: "drop what holds a temporary folder; a static never is, and a process that is killed drops nothing.",
    })
}

/// Runs the demo in a folder of its own, which is removed if all went well.
fn demonstration() -> Result<String, Failure> {
    let folder = env::temp_dir().join(format!("contrast-demo-{}", std::process::id()));
    process::run(process::program(workspace::built("demo")?).arg("--dir").arg(&folder))?;
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Failure::writing(&folder))?;
    }
    Ok(String::new())
}

/// Attacks a Coordinator as strangers can: no honest client may fail, and its memory stays within its bound.
fn attacks() -> Result<String, Failure> {
    process::run(process::program(workspace::built("attack")?).args([
        "--lowest-priority",
        "--addresses",
        "3",
        "--seconds",
        ATTACK_SECONDS,
    ]))?;
    Ok(format!("{ATTACK_SECONDS} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tests_leave_in_the_temporary_folder_is_named_and_removed() {
        let folder = env::temp_dir().join(format!("contrast-xtask-left-{}", std::process::id()));
        fs::create_dir_all(folder.join(".tmpAbCdEf")).unwrap();
        let said = nothing_left(&folder).unwrap_err().to_string();
        assert!(said.contains(".tmpAbCdEf"), "{said}");
        assert!(!folder.exists());
        fs::create_dir(&folder).unwrap();
        nothing_left(&folder).unwrap();
        assert!(!folder.exists());
    }
}
