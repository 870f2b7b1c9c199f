//! Named steps with their durations, and the summary at the end.

use std::{
    fmt::Write as _,
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::failure::Failure;

/// A run of several steps. A step that fails does not keep later ones from running, unless the caller stops.
pub(crate) struct Steps {
    command: &'static str,
    started: Instant,
    done: Vec<Done>,
    /// What the reader of the last lines has to know besides.
    remarks: Vec<String>,
}

struct Done {
    name: String,
    took: Duration,
    /// What the step has to say about itself, or nothing if it failed.
    note: Option<String>,
}

impl Steps {
    /// Starts the clock for `cargo xtask COMMAND`.
    pub(crate) fn new(command: &'static str) -> Self {
        Self { command, started: Instant::now(), done: Vec::new(), remarks: Vec::new() }
    }

    /// Runs one step; its value is a short note for the summary. Returns whether it succeeded.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<String, Failure>) -> bool {
        println!("\n==> {name}");
        let started = Instant::now();
        let note = work().inspect_err(|failure| eprintln!("{failure}")).ok();
        let took = started.elapsed();
        let word = if note.is_some() { "done" } else { "FAILED" };
        println!("<== {name}: {word} in {:.1} s", took.as_secs_f64());
        let succeeded = note.is_some();
        self.done.push(Done { name: name.to_owned(), took, note });
        succeeded
    }

    /// Adds a line to the summary.
    pub(crate) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// Prints the table of steps and the summary line.
    pub(crate) fn finish(self) -> ExitCode {
        print!("\n{}", self.summary());
        if self.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn failures(&self) -> usize {
        self.done.iter().filter(|done| done.note.is_none()).count()
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        let width = self.done.iter().map(|done| done.name.len()).max().unwrap_or_default();
        for Done { name, took, note } in &self.done {
            let (word, note) = match note {
                Some(note) => ("ok", note.as_str()),
                None => ("FAILED", ""),
            };
            let line = format!("  {name:width$}  {:7.1} s  {word:6}  {note}", took.as_secs_f64());
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for remark in &self.remarks {
            let _ = writeln!(text, "  {remark}");
        }
        let (total, seconds) = (self.done.len(), self.started.elapsed().as_secs_f64());
        let _ = match self.failures() {
            0 => writeln!(text, "cargo xtask {}: all {total} steps passed in {seconds:.0} s", self.command),
            failed => {
                writeln!(
                    text,
                    "cargo xtask {}: {failed} of {total} steps FAILED in {seconds:.0} s",
                    self.command
                )
            }
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing() -> Result<String, Failure> {
        Err(Failure::Components { missing: vec!["rustfmt"] })
    }

    #[test]
    fn one_failed_step_fails_the_run_but_later_steps_still_run() {
        let mut steps = Steps::new("test");
        assert!(!steps.step("first", failing));
        assert!(steps.step("second", || Ok("7 things".into())));
        let summary = steps.summary();
        assert!(summary.contains("FAILED"), "{summary}");
        assert!(summary.contains("7 things"), "{summary}");
        assert!(summary.contains("1 of 2 steps FAILED"), "{summary}");
        assert_eq!(steps.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn a_run_without_failures_says_so_in_its_last_line() {
        let mut steps = Steps::new("lint");
        steps.step("only", || Ok(String::new()));
        assert!(steps.summary().ends_with("all 1 steps passed in 0 s\n"), "{}", steps.summary());
        assert_eq!(steps.finish(), ExitCode::SUCCESS);
    }
}
