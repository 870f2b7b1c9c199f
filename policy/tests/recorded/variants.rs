//! Whoever changes one thing in what was recorded is refused, and told which.

use std::{
    collections::BTreeSet,
    env,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use contrast_policy::{
    Expectations, Verdict, judge,
    request::{Kind, Request},
};
use serde_json::Value;

use crate::{
    case::{self, Recorded},
    faults::{self, Fault},
    honest::{Asked, sequence},
    node::Node,
    open,
};

/// Every so-manieth fault of a pod is tried, another one in each; all of those of a case with `CONTRAST_ALL_FAULTS=CASE`.
const SAMPLED: usize = 400;
/// The pod of the demo that more is tried of.
const CLOSER: (&str, usize) = ("db-0", 4);

/// What came of the faults of some requests.
#[derive(Default)]
struct Outcome {
    tried: usize,
    unlisted: BTreeSet<String>,
    unnamed: BTreeSet<String>,
}

impl Outcome {
    fn try_all(&mut self, asked: &Asked, name: &str, faults: impl Iterator<Item = Fault>) {
        let expectations = Expectations::of(&mut asked.before.clone()).unwrap();
        for Fault { what, path, members } in faults {
            // One that is no request at all does not reach the policy.
            let Ok(request) = Request::read(asked.kind, &members) else { continue };
            if what == "swapped" && is_reordered(&asked.input, &members, &path) {
                continue;
            }
            self.tried += 1;
            let judgement = judge(&mut asked.before.clone(), Some(&expectations), &request);
            let item = dropped_item(&asked.input, &members, &path).filter(|_| what == "dropped an item of");
            let item = item.map(|item| format!(" {item}")).unwrap_or_default();
            let fault = format!("{what} {}{item}", without_numbers(&path));
            if judgement.answer.verdict == Verdict::Allowed {
                if open::find(asked.kind, &fault).is_none() {
                    self.unlisted.insert(format!("{fault}, first in {name} at {path}"));
                }
                continue;
            }
            let told = judgement.explanation.map(|explanation| explanation.mismatches).unwrap_or_default();
            let names = |told: &str| {
                open::also_named(&path).iter().any(|path| path.starts_with(told) || told.starts_with(path))
            };
            // What comes twice is told at the second place, which names the first.
            let first =
                format!("as at {}", path.find('[').and_then(|at| path.get(at..)).unwrap_or("nowhere"));
            if !told.iter().any(|told| names(&told.path) || told.expected.ends_with(&first)) {
                let told: Vec<_> = told.iter().map(|told| &told.path).collect();
                self.unnamed.insert(format!("{fault} in {name} at {path}: {told:?}"));
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.unlisted.extend(other.unlisted);
        self.unnamed.extend(other.unnamed);
    }
}

/// Whether two lists have the same texts in another order.
fn is_reordered(honest: &Value, faulty: &Value, path: &str) -> bool {
    let texts = |value: &Value| {
        let list = value.pointer(&pointer(path))?.as_array()?;
        list.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<BTreeSet<_>>>()
    };
    texts(honest).is_some_and(|own| Some(own) == texts(faulty))
}

/// `a[1].b` as `/a/1/b`.
fn pointer(path: &str) -> String {
    format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
}

/// What is missing in a list: the name of a variable, the place of a mount, or the text itself.
fn dropped_item(honest: &Value, faulty: &Value, path: &str) -> Option<String> {
    let pointer = pointer(path);
    let (honest, faulty) = (honest.pointer(&pointer)?.as_array()?, faulty.pointer(&pointer)?.as_array()?);
    let at = (0..honest.len()).find(|index| honest.get(*index) != faulty.get(*index))?;
    let label = |item: &Value| item.as_str().or(item["destination"].as_str()).map(str::to_owned);
    let text = label(&honest[at])?;
    Some(text.split('=').next().unwrap_or_default().to_owned())
}

/// `a[1].b` as `a[].b`.
fn without_numbers(path: &str) -> String {
    let mut parts = path.split('[');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|character: char| character.is_ascii_digit());
        text.push('[');
        text.push_str(rest);
    }
    text
}

fn of_pod(recorded: &Recorded, number: usize, node: Node) -> Outcome {
    let mut outcome = Outcome::default();
    let Ok(asked) = sequence(recorded, node) else { return outcome };
    let all = env::var("CONTRAST_ALL_FAULTS").is_ok_and(|case| case == recorded.case());
    let step = match recorded.pod_name() {
        _ if all => 1,
        name if name == CLOSER.0 => CLOSER.1,
        _ => SAMPLED,
    };
    let created: Vec<_> = asked.iter().filter(|asked| asked.kind == Kind::CreateContainer).collect();
    for asked in asked.iter().filter(|asked| [Kind::CreateContainer, Kind::ExecProcess].contains(&asked.kind))
    {
        let mut faults = faults::single_faults(&asked.input);
        if asked.kind == Kind::CreateContainer {
            let others = created.iter().filter(|other| other.input != asked.input);
            faults.extend(others.flat_map(|other| faults::swapped(&asked.input, &other.input)));
        }
        let sample = faults.into_iter().skip(number % step).step_by(step);
        outcome.try_all(asked, &recorded.name, sample);
    }
    outcome
}

#[test]
fn every_fault_of_what_was_recorded_is_denied_and_named_or_listed() {
    let newest = |recorded: &Recorded| recorded.name.starts_with("containerd-2.4");
    let all: Vec<_> = case::all().into_iter().filter(newest).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut outcome = Outcome::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(recorded) = all.get(number) else { return outcome };
            outcome.add(of_pod(recorded, number, Node::Pull));
        }
    };
    let outcome = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().fold(Outcome::default(), |mut all, thread| {
            all.add(thread.join().unwrap());
            all
        })
    });
    let Outcome { tried, unlisted, unnamed } = outcome;
    assert!(unlisted.is_empty(), "allowed: {unlisted:#?}");
    assert!(unnamed.is_empty(), "denied without the reason: {unnamed:#?}");

    assert!(tried > 400, "{tried}");
}

#[test]
fn the_image_s_value_of_a_variable_comes_once_and_before_the_pod_s_or_not_at_all() {
    let recorded =
        case::all().into_iter().find(|recorded| recorded.name == "containerd-2.4/env/env").unwrap();
    let asked = sequence(&recorded, Node::Layers).unwrap();
    let of_image = serde_json::json!("GREETING=hello from the image");
    let has_it = |asked: &&Asked| {
        let env = asked.input["OCI"]["Process"]["Env"].as_array();
        let own = env.is_some_and(|env| env.contains(&serde_json::json!("GREETING=hello from the pod")));
        own && env.is_some_and(|env| env.contains(&of_image))
    };
    let asked = asked.iter().find(has_it).unwrap();
    let verdict = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut input = asked.input.clone();
        change(input["OCI"]["Process"]["Env"].as_array_mut().unwrap());
        let request = Request::read(Kind::CreateContainer, &input).unwrap();
        asked.before.clone().evaluate(&request).verdict
    };
    assert_eq!(verdict(&|_| {}), Verdict::Allowed);
    assert_eq!(verdict(&|env| env.retain(|variable| *variable != of_image)), Verdict::Allowed);
    assert_eq!(verdict(&|env| env.reverse()), Verdict::Denied);
    assert_eq!(verdict(&|env| env.insert(0, of_image.clone())), Verdict::Denied);
    assert_eq!(verdict(&|env| env.push(of_image.clone())), Verdict::Denied);
    assert_eq!(verdict(&|env| env.insert(0, serde_json::json!("GREETING=evil"))), Verdict::Denied);
}
