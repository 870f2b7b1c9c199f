//! The result, as a table for people and for `docs/performance.md`.

use std::process::ExitCode;

use contrast_tests::markdown_table;

/// One promise, and what was measured.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// Ours, in words.
    pub(crate) measured: String,
    /// What it is set against, in words.
    pub(crate) against: String,
    /// The number that is promised to stay within a bound.
    pub(crate) value: f64,
    /// The bound.
    pub(crate) bound: Bound,
}

/// A bound with its unit.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) enum Bound {
    /// At most so many times the cost of what it is set against.
    Times(f64),
    /// At least so many times what it is set against.
    AtLeastTimes(f64),
    /// At least this share of what it is set against.
    Share(f64),
    /// At most so many MiB.
    Mib(f64),
    /// At most so many milliseconds.
    Milliseconds(f64),
    /// Not once.
    Never,
}

impl Row {
    fn holds(&self) -> bool {
        match self.bound {
            Bound::Times(limit) | Bound::Mib(limit) | Bound::Milliseconds(limit) => self.value <= limit,
            Bound::Never => self.value == 0.0,
            Bound::Share(limit) | Bound::AtLeastTimes(limit) => self.value >= limit,
        }
    }

    fn cells(&self) -> [String; 6] {
        let (value, bound) = match self.bound {
            Bound::Times(limit) => (format!("{:.2} times", self.value), format!("at most {limit} times")),
            Bound::AtLeastTimes(limit) => {
                (format!("{:.1} times", self.value), format!("at least {limit} times"))
            }
            Bound::Share(limit) => {
                (format!("{:.0} %", self.value * 100.0), format!("at least {:.0} %", limit * 100.0))
            }
            Bound::Mib(limit) => (format!("{:.1} MiB", self.value), format!("at most {limit} MiB")),
            Bound::Milliseconds(limit) => (format!("{:.0} ms", self.value), format!("at most {limit:.0} ms")),
            Bound::Never => (format!("{:.0}", self.value), "0".to_owned()),
        };
        let verdict = if self.holds() { "yes" } else { "NO" };
        [self.what.clone(), self.measured.clone(), self.against.clone(), value, bound, verdict.into()]
    }
}

/// Prints the table in Markdown; fails if a promise is broken.
pub(crate) fn print(rows: &[Row]) -> ExitCode {
    let head = ["what", "measured", "set against", "result", "promised", "kept"].map(str::to_owned);
    let table: Vec<[String; 6]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    println!("{}", markdown_table(&table));
    if rows.iter().all(Row::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().expect("something was measured")
}
