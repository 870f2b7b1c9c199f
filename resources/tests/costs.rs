//! What a file of resources costs grows with its size, and not with products of its parts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{hint::black_box, time::Duration};

use contrast_resources::{File, misfits, objects};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// How much twice the size may cost, in tenths.
const MOST: u32 = 25;
/// Runs of which the cheapest counts. More are made until the ratio is right, as a machine may be disturbed for long.
const RUNS: u32 = 40;
/// What takes less is not measured, and needs not be.
const NEGLIGIBLE: Duration = Duration::from_micros(200);

fn read(text: String) -> impl Fn() {
    move || drop(black_box(File::read("test.yaml", text.clone().into_bytes())))
}

#[test]
fn a_file_of_twice_the_size_costs_at_most_two_and_a_half_times_to_read() {
    let pod =
        "kind: Pod\nmetadata:\n  name: web # the name\nspec: {containers: [{name: a, image: 'x'}]}\n---\n";
    linear("documents", 400, |size| read(pod.repeat(size)));
    linear("members", 4000, |size| read((0..size).map(|index| format!("key-{index}: value\n")).collect()));
    linear("members of one name", 4000, |size| read("key: value\n".repeat(size)));
    linear("items", 8000, |size| read("- item\n".repeat(size)));
    linear("items in flow style", 8000, |size| read(format!("a: [{}]\n", "x, ".repeat(size))));
    linear("JSON", 8000, |size| read(format!("{{\"a\": [{}0]}}", "{\"b\": 1}, ".repeat(size))));
    linear("comments", 20_000, |size| read("# a comment\n".repeat(size) + "a: b\n"));
    linear("a text over many lines", 20_000, |size| read(format!("a: |\n{}", "  text\n".repeat(size))));
    linear("quotation marks", 20_000, |size| read(format!("a: \"{}\"\n", "\\\"".repeat(size))));
    linear("a long line", 200_000, |size| read(format!("a: {}\n", "x".repeat(size))));
    linear("anchors", 2000, |size| {
        let anchors: String =
            (0..size).map(|index| format!("a{index}: &a{index} [x]\nb{index}: *a{index}\n")).collect();
        read(anchors)
    });
    linear("aliases of one anchor", 4000, |size| read(format!("a: &a [x, y]\n{}", list("*a", size))));
    linear("merge keys", 1000, |size| {
        let merges: String = (0..size).map(|index| format!("m{index}: {{<<: *a, d: e}}\n")).collect();
        read(format!("a: &a {{b: c}}\n{merges}"))
    });
    linear("tags", 4000, |size| read(format!("a:\n{}", "- !!str 1\n".repeat(size))));
}

#[test]
fn bad_files_of_twice_the_size_cost_at_most_two_and_a_half_times_to_refuse() {
    linear("brackets", 4000, |size| read("[".repeat(size)));
    linear("braces", 4000, |size| read("{a: ".repeat(size)));
    linear("question marks", 4000, |size| read("? ".repeat(size)));
    linear("dashes", 4000, |size| read("- ".repeat(size)));
    linear("an open text", 100_000, |size| read(format!("a: \"{}", "x\n".repeat(size))));
    linear("no text", 100_000, |size| read("\u{1}".repeat(size)));
    linear("templates", 10_000, |size| read("{{ .Values.x }}\n".repeat(size)));
}

#[test]
fn a_change_of_twice_the_file_costs_at_most_two_and_a_half_times() {
    let change = |text: String, change: fn(&mut Value)| {
        let file = File::read("test.yaml", text.into_bytes()).unwrap();
        let mut values: Vec<Value> =
            file.documents().iter().map(|document| document.value().clone()).collect();
        values.iter_mut().for_each(change);
        move || drop(black_box(file.rewritten(&values)))
    };
    linear("documents", 200, |size| {
        let pod = "kind: Pod\nmetadata:\n  name: web\nspec: {containers: [{name: a}]}\n---\n";
        change(pod.repeat(size), |value| {
            value["metadata"]["annotations"] = json!({ "a": "b" });
            value["spec"]["containers"][0]["image"] = "x".into();
        })
    });
    linear("members", 2000, |size| {
        let members: String = (0..size).map(|index| format!("key-{index}: value\n")).collect();
        change(members, |value| {
            value.as_object_mut().unwrap().values_mut().for_each(|value| *value = "new".into())
        })
    });
    linear("misfits", 200, |size| {
        let containers = "    - {name: a, imgae: x}\n".repeat(size);
        let text = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n{containers}");
        let value = File::read("test.yaml", text.into_bytes()).unwrap().documents()[..]
            .first()
            .unwrap()
            .value()
            .clone();
        move || {
            let values = std::slice::from_ref(&value);
            objects(values).iter().for_each(|object| drop(black_box(misfits(object))));
        }
    });
}

fn list(item: &str, size: usize) -> String {
    format!("l:\n{}", format!("- {item}\n").repeat(size))
}

/// Twice the size costs at most [`MOST`] tenths of what the size does.
fn linear<Work: Fn()>(what: &str, size: usize, prepare: impl Fn(usize) -> Work) {
    let (one, two) = (prepare(size), prepare(2 * size));
    let (mut single, mut double) = (Duration::MAX, Duration::MAX);
    for run in 1.. {
        single = single.min(taken(&one));
        double = double.min(taken(&two));
        if double <= NEGLIGIBLE || double * 10 <= single * MOST {
            return;
        }
        assert!(run < RUNS, "{what}: {single:?}, and {double:?} for twice the size");
    }
}

/// What `work` takes of the processor on this thread.
fn taken(work: &impl Fn()) -> Duration {
    let so_far = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
    };
    let before = so_far();
    work();
    so_far() - before
}
