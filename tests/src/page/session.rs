//! One shell, in which the steps of a page follow each other.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Run, STEP_LIMIT, Step, compare};

/// A shell that keeps its folder and its variables from step to step. Ends with the value, and everything that it started with it.
pub struct Session {
    shell: Child,
    input: ChildStdin,
    output: Receiver<String>,
    steps: PathBuf,
}

impl Session {
    /// Starts a shell by a command that ends in one, such as `bash` or `nsenter … bash`, which must run in this folder. `steps`: a folder
    /// for the commands.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(mut command: Command, steps: PathBuf) -> Self {
        fs::create_dir_all(&steps).expect("a folder for steps");
        // A group of its own, so that all of it can be ended.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().expect("a shell");
        let (lines, output) = channel();
        let mut input = shell.stdin.take().expect("its input");
        let printed = shell.stdout.take().expect("its output");
        input.write_all(b"exec 2>&1; set -e\n").expect("a shell that reads");
        thread::spawn(move || {
            for line in BufReader::new(printed).split(b'\n').map_while(Result::ok) {
                if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        Self { shell, input, output, steps }
    }

    /// Runs a step.
    ///
    /// # Errors
    /// What is not as the page says it, with what was printed.
    pub fn run(&mut self, step: &Step) -> Result<String, String> {
        let (printed, outcome) = self.commands(&step.commands, step.run == Run::Fails)?;
        let complain =
            |what: &str| format!("line {}: {what}\n{}\nprinted:\n{printed}", step.line, step.commands);
        match (&step.run, outcome) {
            (Run::Fails, 0) => return Err(complain("the page says that this fails, and it does not")),
            (Run::Succeeds | Run::No(_), status @ 1..) => {
                return Err(complain(&format!("it failed with status {status}")));
            }
            _ => {}
        }
        if let Some(shown) = &step.shown
            && let Err(difference) = compare(shown, &printed)
        {
            let what = match difference.shown {
                Some(line) => format!("the page shows `{line}`, which was not printed there"),
                None => format!("more was printed than the page shows: {:?}", difference.printed.first()),
            };
            return Err(complain(&what));
        }
        Ok(printed)
    }

    /// What commands print, and their status.
    fn commands(&mut self, commands: &str, may_fail: bool) -> Result<(String, u32), String> {
        const END: &str = "the step ended with";
        let file = self.steps.join("step.sh");
        fs::write(&file, commands).map_err(|error| error.to_string())?;
        // A failure in the middle of a step ends the shell, unless the step is there to fail.
        let (before, after) = if may_fail { ("set +e;", "; set -e") } else { ("", "") };
        let line = format!("{before} . '{}'; echo \"{END} $?\"{after}\n", file.display());
        self.input.write_all(line.as_bytes()).map_err(|_| "the shell has ended before".to_owned())?;
        let deadline = Instant::now() + STEP_LIMIT;
        let mut printed = String::new();
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => match line.split_once(END) {
                    // The last line of a command may lack its end.
                    Some((rest, status)) => {
                        printed.push_str(rest);
                        return Ok((printed, status.trim().parse().unwrap_or(u32::MAX)));
                    }
                    None => {
                        printed.push_str(&line);
                        printed.push('\n');
                    }
                },
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!(
                        "it did not end within {} s:\n{commands}\nprinted:\n{printed}",
                        STEP_LIMIT.as_secs()
                    ));
                }
                // Only a failure in the middle of a step that is to succeed ends the shell.
                Err(RecvTimeoutError::Disconnected) if may_fail => {
                    return Err(format!("the shell has ended:\n{commands}\nprinted:\n{printed}"));
                }
                Err(RecvTimeoutError::Disconnected) => return Ok((printed, 1)),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(i32::try_from(self.shell.id()).unwrap_or_default()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.shell.wait();
    }
}
