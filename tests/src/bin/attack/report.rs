//! The result, as a table for people.

use std::{process::ExitCode, time::Duration};

use contrast_tests::{
    attack::{MOST_BYTES, Outcome, Waits},
    markdown_table, mib,
};

const HEAD: [&str; 7] =
    ["attack", "what was sent", "user API, p50 / p99", "mesh API, p50 / p99", "failed", "memory", "kept"];

/// Prints the table; fails if an honest client failed, if the memory was more than promised, and, if that is judged, if
/// honest clients waited longer than is bearable.
pub(crate) fn print(quiet: &[Waits; 2], outcomes: &[Outcome], judge_waiting: bool) -> ExitCode {
    let nothing = Row { name: "(quiet)", sent: "nothing", waits: quiet, mib: None, kept: true };
    let rows = outcomes.iter().map(|outcome| Row {
        name: outcome.attack,
        sent: &outcome.sent,
        waits: &outcome.waits,
        mib: Some([outcome.bytes_before, outcome.peak_bytes].map(mib)),
        kept: is_kept(quiet, outcome, judge_waiting),
    });
    let rows: Vec<Row<'_>> = std::iter::once(nothing).chain(rows).collect();
    let cells: Vec<_> = std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    println!("{}", markdown_table(&cells));
    for outcome in outcomes {
        for (api, waits) in ["user API", "mesh API"].iter().zip(&outcome.waits) {
            if let Some(first) = waits.failures.first() {
                println!("{}: first failure at the {api}: {first}", outcome.attack);
            }
        }
    }
    let all = rows.iter().all(|row| row.kept);
    println!("{}", if all { "attack: every promise was kept" } else { "attack: promises were BROKEN" });
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn is_kept(quiet: &[Waits; 2], outcome: &Outcome, judge_waiting: bool) -> bool {
    let none_failed = outcome.waits.iter().all(|waits| waits.failures.is_empty());
    let in_time = || {
        outcome.waits.iter().zip(quiet).all(|(waits, quiet)| waits.percentile(99) <= Some(quiet.bearable()))
    };
    none_failed && outcome.peak_bytes <= MOST_BYTES && (!judge_waiting || in_time())
}

struct Row<'a> {
    name: &'a str,
    sent: &'a str,
    waits: &'a [Waits; 2],
    /// Before, and at most.
    mib: Option<[f64; 2]>,
    kept: bool,
}

impl Row<'_> {
    fn cells(&self) -> [String; 7] {
        let [users, pods] = self.waits;
        let (failed, visits) =
            self.waits.iter().fold((0, 0), |(failed, all), w| (failed + w.failures.len(), all + w.visits()));
        [
            self.name.to_owned(),
            self.sent.to_owned(),
            both(users),
            both(pods),
            format!("{failed} of {visits}"),
            self.mib.map_or_else(|| "–".to_owned(), |[before, peak]| format!("{before:.1} → {peak:.1} MiB")),
            if self.kept { "yes" } else { "NO" }.to_owned(),
        ]
    }
}

fn both(waits: &Waits) -> String {
    let millis = |time: Option<Duration>| {
        time.map_or_else(|| "–".to_owned(), |time| format!("{:.0}", time.as_secs_f64() * 1000.0))
    };
    format!("{} / {} ms", millis(waits.percentile(50)), millis(waits.percentile(99)))
}
