//! What a manifest costs grows with its size, and not with products of its parts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fmt::Write,
    hint::black_box,
    time::{Duration, SystemTime},
};

use contrast_attestation::{
    Attester, Evidence, ReportData,
    simulated::{Hierarchy, Processor},
    snp::Product,
};
use contrast_manifest::{Audience, ManifestDocument, ManifestErrors};
use rustix::time::{ClockId, clock_gettime};

/// How much twice the size may cost, in tenths.
const MOST: u32 = 25;
/// Runs of which the cheapest counts. More are made until the ratio is right, as a machine may be disturbed for long.
const RUNS: u32 = 40;
/// What takes less is not measured, and needs not be.
const NEGLIGIBLE: Duration = Duration::from_micros(200);

#[test]
fn a_good_manifest_of_twice_the_size_costs_at_most_two_and_a_half_times_to_read() {
    let reading = |text: String| move || drop(black_box(stored(&text).expect("the manifest is valid")));
    linear("policies", 2000, |size| reading(manifest(&policies(size), &entry(""))));
    linear("entries", 200, |size| reading(manifest(&policies(1), &repeated(&entry(""), size))));
    linear("policies and entries", 200, |size| {
        reading(manifest(&policies(8 * size), &repeated(&entry(""), size)))
    });
    linear("chips", 2000, |size| {
        let chips = repeated(&format!("\"{}\"", "ab".repeat(64)), size);
        reading(manifest(&policies(1), &entry(&format!("\"AllowedChipIDs\":[{chips}],"))))
    });
    linear("names", 4000, |size| {
        let policy =
            format!("\"{:064x}\":{{\"Role\":\"coordinator\",\"SANs\":[{}]}}", 0, repeated("\"a.b\"", size));
        reading(manifest(&policy, &entry("")))
    });
    linear("escapes", 20_000, |size| {
        let platform = format!("\"Platform\":\"{}\",", "\\u0061".repeat(size));
        reading(
            manifest(&policies(1), &entry(&platform)).replace("\"simulated\"", "\"snp\"").replace(ROOT, ""),
        )
    });
    linear("white space", 500_000, |size| reading(manifest(&policies(1), &entry("")) + &" ".repeat(size)));
}

#[test]
fn a_bad_manifest_of_twice_the_size_costs_at_most_two_and_a_half_times_to_refuse() {
    let refusing = |text: String| move || drop(black_box(stored(&text).expect_err("it is bad").to_string()));
    linear("elements of the wrong type", 20_000, |size| {
        let chips = format!("\"AllowedChipIDs\":[{}],", repeated("0", size));
        refusing(manifest(&policies(1), &entry(&chips)))
    });
    linear("entries that lack everything", 4000, |size| {
        refusing(manifest(&policies(1), &repeated("{}", size)))
    });
    linear("policies under one hash", 4000, |size| {
        refusing(manifest(&repeated(&policies(1), size), &entry("")))
    });
    linear("policies that come twice", 2000, |size| {
        refusing(manifest(&format!("{},{}", policies(size), policies(size)), &entry("")))
    });
    linear("policies without a hash", 4000, |size| {
        refusing(manifest(&policies(size).replace("\"00", "\"zz"), &entry("")))
    });
    linear("unknown fields", 20_000, |size| refusing(format!("{{{}}}", members("unknown", size))));
    linear("unknown fields of one entry", 20_000, |size| {
        refusing(manifest(&policies(1), &entry(&(members("Unknown", size) + ","))))
    });
    linear("fields that come again and again", 20_000, |size| {
        refusing(format!("{{{}}}", repeated("\"Policies\":{}", size)))
    });
    linear("long names of fields", 100, |size| {
        refusing(format!("{{{}}}", members(&"\\u0001".repeat(1000), size)))
    });
    linear("a text that ends too soon", 2000, |size| {
        let mut text = manifest(&policies(size), &entry(""));
        text.truncate(text.len() - 1);
        refusing(text)
    });
    linear("brackets", 500_000, |size| refusing("[".repeat(size)));
    linear("a list instead", 500_000, |size| refusing(format!("[{}]", repeated("0", size))));
}

#[test]
fn judges_of_twice_the_entries_and_policies_cost_at_most_two_and_a_half_times() {
    linear("verifiers", 250, |size| {
        let text = manifest(&policies(32 * size), &repeated(&entry(""), size));
        let document = stored(&text).unwrap();
        move || drop(black_box(document.manifest().verifiers(Audience::AnyPod)))
    });
}

#[test]
fn evidence_that_fits_none_of_twice_the_policies_costs_at_most_two_and_a_half_times() {
    let processor = Processor::new(&Hierarchy::generate(Product::Genoa).unwrap()).unwrap();
    let report_data = ReportData([1; 64]);
    let evidence: Evidence = processor.attester([0xA5; 32]).attest(&report_data).unwrap();
    linear("judging", 4, |size| {
        let text = manifest(&policies(4000 * size), &repeated(&entry(""), size));
        let verifiers = stored(&text).unwrap().manifest().verifiers(Audience::AnyPod);
        let evidence = evidence.clone();
        move || {
            for verifier in &*verifiers {
                let refused = verifier.appraise(&evidence, &report_data, SystemTime::now());
                black_box(refused.expect_err("no policy has this digest"));
            }
        }
    });
}

/// The work that `prepare` prepares for twice the size must cost at most [`MOST`] tenths of that for once.
#[track_caller]
fn linear<Work: FnMut()>(name: &str, size: usize, prepare: impl Fn(usize) -> Work) {
    let (mut one, mut two) = (prepare(size), prepare(2 * size));
    let (mut single, mut double) = (Duration::MAX, Duration::MAX);
    for run in 1.. {
        single = single.min(taken(&mut one));
        double = double.min(taken(&mut two));
        if double <= NEGLIGIBLE || (run >= 3 && double * 10 <= single * MOST) {
            return;
        }
        assert!(run < RUNS, "{name}: {single:?}, and {double:?} for twice the size");
    }
}

/// What `work` takes of the processor on this thread.
fn taken(mut work: impl FnMut()) -> Duration {
    let so_far = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
    };
    let before = so_far();
    work();
    so_far() - before
}

/// Without the limits, which would end most of this early.
fn stored(text: &str) -> Result<ManifestDocument, ManifestErrors> {
    ManifestDocument::parse_stored(text.as_bytes())
}

const ROOT: &str = "\"Root\":\"3333333333333333333333333333333333333333333333333333333333333333\",";

fn manifest(policies: &str, entries: &str) -> String {
    format!("{{\"Policies\":{{{policies}}},\"ReferenceValues\":{{\"simulated\":[{entries}]}}}}")
}

/// Members of `Policies`, each with a hash of its own.
fn policies(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}\"{number:064x}\":{{\"SANs\":[\"a\",\"*\"],\"Role\":\"coordinator\"}}").unwrap();
    }
    text
}

/// An entry of `ReferenceValues.simulated`, with `more` members.
fn entry(more: &str) -> String {
    format!(
        "{{{more}{ROOT}\"ProductName\":\"Genoa\",\"TrustedMeasurement\":\"{}\",\"MinimumTCB\":{{\
         \"BootloaderVersion\":3,\"TEEVersion\":0,\"SNPVersion\":8,\"MicrocodeVersion\":115}},\
         \"GuestPolicy\":{{\"SMT\":true}}}}",
        "44".repeat(48)
    )
}

fn members(name: &str, count: usize) -> String {
    let members: Vec<_> = (0..count).map(|number| format!("\"{name}{number}\":0")).collect();
    members.join(",")
}

fn repeated(text: &str, count: usize) -> String {
    vec![text; count].join(",")
}
