//! Attacks of strangers, each set against the quiet before: waiting and failures of honest clients, memory, and what a
//! handshake may cost before anything was shown.

use std::time::Duration;

use contrast_tests::{
    attack::{ATTACKS, MOST_BYTES, Manner, Outcome, Price, Siege, Waits, prices},
    mib,
};

use crate::table::{Bound, Row};

/// Long enough for a slowest hundredth, at 20 visits a second.
const TIME: Duration = Duration::from_secs(10);
/// Addresses of the attackers, beside that of the honest clients.
const OTHER_ADDRESSES: u8 = 3;
/// Attackers are behind the address of the honest clients.
const SAME_ADDRESS: u8 = 1;
/// A handshake of a stranger costs at most so many honest ones.
const MOST_TIMES: f64 = 10.0;

/// All attacks, one after the other, on one Coordinator.
pub(crate) fn siege() -> Vec<Row> {
    let siege = Siege::lay(TIME);
    let costs = prices(&siege);
    let from = |addresses| -> Vec<Outcome> {
        // Attackers share the processors with their victim, which they would not do elsewhere.
        let manner = Manner { time: TIME, addresses, lowest_priority: true };
        ATTACKS.iter().map(|attack| siege.endure(attack, manner)).collect()
    };
    let (others, same) = (from(OTHER_ADDRESSES), from(SAME_ADDRESS));
    let waiting =
        ["user API", "mesh API"].iter().enumerate().map(|(api, name)| waiting(&siege, &others, api, name));
    let mut rows: Vec<Row> = waiting.collect();
    rows.push(failures("", &others));
    rows.push(failures(" from their own address", &same));
    rows.push(memory(others.iter().chain(&same)));
    rows.extend(costs.iter().map(cost));
    rows
}

/// The longest wait of all attacks at one of the two APIs.
fn waiting(siege: &Siege, outcomes: &[Outcome], api: usize, name: &str) -> Row {
    let quiet = siege.quiet.get(api).expect("there are two");
    let millis = |time: Option<Duration>| time.map_or(f64::INFINITY, |time| time.as_secs_f64() * 1000.0);
    let longest = |outcome: &Outcome| millis(outcome.waits.get(api).and_then(|waits| waits.percentile(99)));
    let worst = outcomes.iter().max_by(|a, b| longest(a).total_cmp(&longest(b))).expect("there were attacks");
    Row {
        what: format!("waiting of an honest client under attack, p99, {name}"),
        measured: format!("{:.0} ms (`{}`)", longest(worst), worst.attack),
        against: format!("without any attack: {:.0} ms", millis(quiet.percentile(99))),
        value: longest(worst),
        bound: Bound::Milliseconds(millis(Some(quiet.bearable()))),
    }
}

fn failures(whence: &str, outcomes: &[Outcome]) -> Row {
    let waits = || outcomes.iter().flat_map(|outcome| &outcome.waits);
    let failed: usize = waits().map(|waits| waits.failures.len()).sum();
    let visits: usize = waits().map(Waits::visits).sum();
    let longest = waits().filter_map(|waits| waits.percentile(99)).max().unwrap_or_default();
    Row {
        what: format!("honest clients that failed under attack{whence}"),
        measured: format!("{failed} of {visits}; longest p99 {:.0} ms", longest.as_secs_f64() * 1000.0),
        against: "–".into(),
        value: failed as f64,
        bound: Bound::Never,
    }
}

fn memory<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Row {
    let worst = outcomes.max_by_key(|outcome| outcome.peak_bytes).expect("there were attacks");
    let peak = mib(worst.peak_bytes);
    Row {
        what: "memory whatever strangers send".into(),
        measured: format!("{peak:.1} MiB resident at most (`{}`)", worst.attack),
        against: "–".into(),
        value: peak,
        bound: Bound::Mib(mib(MOST_BYTES)),
    }
}

fn cost(price: &Price) -> Row {
    let Price { what, seconds, honest_seconds } = price;
    Row {
        what: format!("a stranger's handshake with {what}"),
        measured: format!("{:.2} ms of the Coordinator's CPU time", seconds * 1000.0),
        against: format!("an honest pod's, with its certificate: {:.2} ms", honest_seconds * 1000.0),
        value: seconds / honest_seconds,
        bound: Bound::Times(MOST_TIMES),
    }
}
