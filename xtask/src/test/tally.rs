//! Counts what `cargo test` reports.

use std::fmt;

/// Sums of the summary lines of all test programs.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
    /// Names of failed tests, in the order of their appearance.
    pub(crate) failed_names: Vec<String>,
}

impl Tally {
    /// Takes one line of output into account.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failed_names.push(name.to_owned());
        } else if let Some((_, counts)) =
            line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        {
            for count in counts.split("; ") {
                let Some((number, word)) = count.split_once(' ') else { continue };
                let Ok(number) = number.parse::<usize>() else { continue };
                match word {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.ignored += number,
                    _ => {}
                }
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tests passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lines_are_added_up_and_failed_tests_named() {
        let mut tally = Tally::default();
        let output = "\
running 3 tests
test seed::tests::works ... ok
test seed::tests::breaks ... FAILED
test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 12.31s";
        output.lines().for_each(|line| tally.read(line));
        assert_eq!(
            tally,
            Tally { passed: 41, failed: 1, ignored: 1, failed_names: vec!["seed::tests::breaks".into()] }
        );
    }

    #[test]
    fn other_output_counts_nothing() {
        let mut tally = Tally::default();
        tally.read("test results: 5 passed");
        tally.read("5 passed; 5 failed");
        assert_eq!(tally, Tally::default());
    }
}
