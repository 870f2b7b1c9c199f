//! Whoever changes one thing in what was recorded is refused, and told which.

use std::{
    collections::BTreeSet,
    env,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use contrast_policy::{
    Expectations, Mismatch, Verdict, judge,
    request::{Kind, Request},
};
use serde_json::Value;

use crate::{
    case::{self, Recorded},
    faults::{self, Fault},
    honest::{Asked, sequence},
    node::Node,
    open,
    same::is_same,
};

/// Set, all faults of all pods are tried, and not one of each kind. That takes hours.
const ALL: &str = "CONTRAST_ALL_FAULTS";
/// Kinds of requests in which faults are made.
const KINDS: [Kind; 5] =
    [Kind::CreateContainer, Kind::ExecProcess, Kind::CopyFile, Kind::UpdateInterface, Kind::UpdateRoutes];
/// Lists whose items are told apart: another one, another fault.
const NAMED: [&str; 6] = ["Mounts", "Env", "MaskedPaths", "ReadonlyPaths", "Bounding", "Annotations"];

/// A kind of fault: of which request, whether of the sandbox, and how it is called.
type FaultKind = (Kind, bool, String);

/// What came of the faults of some requests.
#[derive(Default)]
pub(crate) struct Outcome {
    tried: usize,
    unlisted: BTreeSet<String>,
    unnamed: BTreeSet<String>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.unlisted.extend(other.unlisted);
        self.unnamed.extend(other.unnamed);
    }

    pub(crate) fn note(&mut self, tried: &Tried, name: &str) {
        self.tried += 1;
        let Tried { path, told, why, .. } = tried;
        let label = tried.label();
        match told {
            None if why.is_none() => _ = self.unlisted.insert(format!("{label}, first in {name} at {path}")),
            Some(told) if tried.mismatch().is_none() => {
                let told: Vec<_> = told.iter().map(|told| &told.path).collect();
                self.unnamed.insert(format!("{label} in {name} at {path}: {told:?}"));
            }
            _ => {}
        }
    }

    pub(crate) fn assert_all_denied_named_or_listed(&self) {
        let Self { tried, unlisted, unnamed } = self;
        println!("{tried} faults");
        assert!(unlisted.is_empty(), "allowed: {unlisted:#?}");
        assert!(unnamed.is_empty(), "denied without the reason: {unnamed:#?}");
        assert!(*tried > 400, "{tried}");
    }
}

/// A fault that was tried.
pub(crate) struct Tried {
    pub(crate) kind: Kind,
    /// What was done to which member.
    pub(crate) fault: String,
    /// To which item of a list whose items are told apart.
    pub(crate) item: Option<String>,
    path: String,
    /// What does not fit; `None` if it passed.
    pub(crate) told: Option<Vec<Mismatch>>,
    /// Why it may pass.
    pub(crate) why: Option<&'static str>,
}

impl Tried {
    /// A mismatch that is about the member that has the fault.
    pub(crate) fn mismatch(&self) -> Option<&Mismatch> {
        let path = &self.path;
        let names = |told: &str| {
            open::also_named(path).iter().any(|path| path.starts_with(told) || told.starts_with(path))
        };
        // What comes twice is told at the second place, which names the first.
        let first = format!("as at {}", path.find('[').and_then(|at| path.get(at..)).unwrap_or("nowhere"));
        let fits = |told: &&Mismatch| names(&told.path) || told.expected.ends_with(&first);
        let mut told = self.told.iter().flatten();
        told.clone().find(|told| told.path == *path).or_else(|| told.find(fits))
    }

    pub(crate) fn label(&self) -> String {
        label(&self.fault, self.item.as_deref())
    }
}

/// How a fault is called: `dropped an item of OCI.Process.Env PATH`.
fn label(fault: &str, item: Option<&str>) -> String {
    item.map_or_else(|| fault.to_owned(), |item| format!("{fault} {item}"))
}

/// Tries the faults of a pod that `is_wanted`.
pub(crate) fn try_faults(
    recorded: &Recorded,
    is_wanted: impl Fn(FaultKind) -> bool,
    mut seen: impl FnMut(Tried),
) {
    let Ok(all) = sequence(recorded, Node::Pull) else { return };
    let pod = recorded.pod();
    let created: Vec<_> = all.iter().filter(|asked| asked.kind == Kind::CreateContainer).collect();
    for asked in all.iter().filter(|asked| KINDS.contains(&asked.kind)) {
        let mut faults = faults::single_faults(&asked.input);
        if asked.kind == Kind::CreateContainer {
            let others = created.iter().filter(|other| other.input != asked.input);
            faults.extend(others.flat_map(|other| faults::swapped(&asked.input, &other.input)));
        }
        let mut expectations = None;
        for fault in faults {
            // What is no request at all does not reach the policy.
            let Ok(request) = Request::read(asked.kind, &fault.members) else { continue };
            let item = item(asked, &fault);
            let name = format!("{} {}", fault.what, without_numbers(&asked.input, &fault.path));
            let label = label(&name, item.as_deref());
            if is_same(&asked.input, &request.input())
                || !is_wanted((asked.kind, asked.is_sandbox(), label.clone()))
            {
                continue;
            }
            let expectations =
                expectations.get_or_insert_with(|| Expectations::of(&mut asked.before.clone()).unwrap());
            let judgement = judge(&mut asked.before.clone(), Some(expectations), &request);
            let told = (judgement.answer.verdict != Verdict::Allowed)
                .then(|| judgement.explanation.map(|explanation| explanation.mismatches).unwrap_or_default());
            let why = open::find(asked, &pod, &label);
            seen(Tried { kind: asked.kind, fault: name, item, path: fault.path, told, why });
        }
    }
}

/// `a[1].b` as `a[].b`, and as `a[/place].b` if the item is a mount.
fn without_numbers(input: &Value, path: &str) -> String {
    let mut text = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        let (number, after) = after.split_once(']').unwrap();
        text.push_str(before);
        let whole = &path[..path.len() - after.len()];
        let place = input.pointer(&pointer(whole)).and_then(|item| item["destination"].as_str());
        let is_number = number.chars().all(|digit| digit.is_ascii_digit());
        text.push_str(&format!("[{}]", place.unwrap_or(if is_number { "" } else { number })));
        rest = after;
    }
    text + rest
}

/// `a[1].b["c.d"]` as `/a/1/b/c.d`.
fn pointer(path: &str) -> String {
    let mut text = String::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').unwrap(),
            None => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        text.push('/');
        text.push_str(&step.trim_matches('"').replace('~', "~0").replace('/', "~1"));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    text
}

/// Which item of a list whose items are told apart: the name of a variable, the place of a mount, or the text itself.
fn item(asked: &Asked, fault: &Fault) -> Option<String> {
    let list = fault.path.rsplit('.').next()?.split('[').next()?;
    if !NAMED.contains(&list) {
        return None;
    }
    let honest = asked.input.pointer(&pointer(&fault.path))?;
    let item = match (fault.what, honest.as_array()) {
        ("dropped an item of", Some(items)) => {
            let faulty = fault.members.pointer(&pointer(&fault.path))?.as_array()?;
            items.iter().zip(0..).find(|(item, at)| faulty.get(*at) != Some(item))?.0
        }
        ("repeated an item of", Some(items)) => items.last()?,
        ("changed" | "dropped", None) => honest,
        _ => return None,
    };
    let text = item.as_str().or(item["destination"].as_str())?;
    Some(text.split('=').next().unwrap_or_default().to_owned())
}

#[test]
fn every_kind_of_fault_in_what_was_recorded_is_denied_and_named_or_listed() {
    // The demo's are those of the table.
    let is_newest =
        |recorded: &Recorded| recorded.name.starts_with("containerd-2.4/") && recorded.case() != "demo";
    let all: Vec<_> = case::all().into_iter().filter(is_newest).collect();
    let (next, tried) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    let is_wanted = |kind| env::var_os(ALL).is_some() || tried.lock().unwrap().insert(kind);
    let work = || {
        let mut outcome = Outcome::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(recorded) = all.get(number) else { return outcome };
            try_faults(recorded, is_wanted, |tried| outcome.note(&tried, &recorded.name));
        }
    };
    let outcome = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().fold(Outcome::default(), |mut all, thread| {
            all.add(thread.join().unwrap());
            all
        })
    });
    outcome.assert_all_denied_named_or_listed();
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

#[test]
fn a_container_gets_each_of_its_disks_once_and_by_its_address_alone() {
    let recorded =
        case::all().into_iter().find(|one| one.name == "containerd-2.4/demo/coordinator-0").unwrap();
    let asked = sequence(&recorded, Node::Pull).unwrap();
    let has_disk = |asked: &&Asked| asked.input["devices"].as_array().is_some_and(|disks| !disks.is_empty());
    let asked = asked.iter().find(has_disk).unwrap();
    let told = |disk: Value| {
        let mut input = asked.input.clone();
        input["devices"] = serde_json::json!([disk]);
        let request = Request::read(Kind::CreateContainer, &input).unwrap();
        let expectations = Expectations::of(&mut asked.before.clone()).unwrap();
        let told = judge(&mut asked.before.clone(), Some(&expectations), &request).explanation;
        told.map(|told| told.mismatches.iter().map(|one| one.path.clone()).collect::<Vec<_>>())
    };
    let disk = |way: &str, id: &str, name: &str| serde_json::json!({ "type_": way, "id": id, "vm_path": name, "container_path": "/dev/csi0" });
    assert_eq!(told(disk("blk", "01/02", "/dev/vdb")), None);
    assert_eq!(told(disk("scsi", "0:1", "")), None);
    // By these the agent takes a name for what it is, and so a disk of the guest itself.
    for way in ["mmioblk", "nvdimm", "vfio-pci", ""] {
        assert_eq!(told(disk(way, "/dev/vda", "/dev/vda")).unwrap(), ["devices[0].type_"], "{way}");
    }
    assert_eq!(told(disk("blk", "/dev/vda", "/dev/vda")).unwrap(), ["devices[0].id"]);
    assert_eq!(told(disk("blk", "01", "/dev/mapper/x")).unwrap(), ["devices[0].vm_path"]);
}
