//! What libFuzzer says about a run.

use std::fmt;

/// The figures of one run.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct Report {
    /// Inputs that were tried.
    pub(super) inputs: u64,
    /// Edges of the control flow that some input reached.
    pub(super) edges: u64,
    /// Inputs that are kept because each reaches something that others do not.
    pub(super) kept: u64,
}

impl Report {
    /// Reads progress lines such as `#8 NEW cov: 12 ft: 13 corp: 2/3b …`, the last of which counts, and the
    /// statistics at the end.
    pub(super) fn read(output: &str) -> Self {
        let mut report = Self::default();
        for line in output.lines() {
            let mut words = line.split_whitespace();
            while let Some(word) = words.next() {
                let field = match word {
                    "cov:" => &mut report.edges,
                    "corp:" => &mut report.kept,
                    "stat::number_of_executed_units:" => &mut report.inputs,
                    _ => continue,
                };
                let digits = words.next().unwrap_or_default().split('/').next().unwrap_or_default();
                *field = digits.parse().unwrap_or(*field);
            }
        }
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9} inputs, {:>5} edges reached, {:>4} inputs kept", self.inputs, self.edges, self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_progress_line_and_the_statistics_count() {
        let output = "\
INFO: seed corpus: files: 2 min: 1b max: 9b total: 10b rss: 30Mb
#3\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb
#900\tDONE   cov: 47 ft: 60 corp: 5/90b lim: 8 exec/s: 450 rss: 31Mb
stat::number_of_executed_units: 900
stat::average_exec_per_sec:     450";
        assert_eq!(Report::read(output), Report { inputs: 900, edges: 47, kept: 5 });
    }

    #[test]
    fn a_run_without_counters_has_no_edges() {
        assert_eq!(Report::read("INFO: A corpus is not provided\n").edges, 0);
    }
}
