//! A container that is to be made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Explanation, Mismatch, Subject, device,
    member::{self, NOTHING},
    process::{arguments, texts, variables},
};
use crate::expectation::{Container, Expectations, Mount, Optional, Storage, Text, quoted, quoted_list};

/// Annotation with the name of a container.
const NAME: &str = "io.kubernetes.cri.container-name";
/// Annotation that tells sandboxes from containers.
const TYPE: &str = "io.kubernetes.cri.container-type";

/// Everything that does not fit the container that the request names, or else the one that it differs from least.
pub(super) fn explain(expectations: &Expectations, memory: &Value, input: &Value) -> Explanation {
    let annotations = input.pointer("/OCI/Annotations");
    let annotation = |key: &str| annotations.and_then(|all| all.get(key)).and_then(Value::as_str);
    let named = match annotation(TYPE) {
        Some("sandbox") => Some(&expectations.sandbox),
        _ => annotation(NAME)
            .and_then(|name| expectations.containers.iter().find(|container| container.name == name)),
    };
    let compared = match named {
        Some(container) => Some((container, compare(&container.pinned(memory), input))),
        None => expectations
            .containers
            .iter()
            .map(|container| (container, compare(&container.pinned(memory), input)))
            .min_by_key(|(_, mismatches)| mismatches.len()),
    };
    let Some((container, mut mismatches)) = compared else { return Explanation::default() };
    let created = Expectations::created(memory);
    let id = input.get("container_id").and_then(Value::as_str).unwrap_or_default();
    if created.contains_key(id) {
        mismatches.push(super::refusal(
            "container_id",
            Subject::Container,
            "an identifier that no container has",
            id,
        ));
    }
    if !container.name.is_empty() {
        mismatches.extend(network(memory, input));
    }
    Explanation { container: Some(container.name.clone()), mismatches }
}

/// A network namespace that is not the sandbox's.
fn network(memory: &Value, input: &Value) -> Option<Mismatch> {
    let pinned = memory.pointer("/pins/network")?;
    let namespaces = input.pointer("/OCI/Linux/Namespaces").and_then(Value::as_array).into_iter().flatten();
    let mut paths =
        namespaces.filter(|namespace| namespace.get("Type").is_some_and(|kind| kind == "network"));
    let found = paths.next().and_then(|namespace| namespace.get("Path")).unwrap_or(&Value::Null);
    let shown = |path: &Value| match path {
        Value::Null => "none".to_owned(),
        path => path.to_string(),
    };
    (found != pinned).then(|| Mismatch {
        path: "OCI.Linux.Namespaces".to_owned(),
        subject: Subject::Namespaces,
        expected: format!("the network namespace of the sandbox: {}", shown(pinned)),
        found: shown(found),
    })
}

fn compare(container: &Container, input: &Value) -> Vec<Mismatch> {
    let at = |pointer: &str| input.pointer(pointer);
    let mut mismatches = arguments(&container.args, &texts(at("/OCI/Process/Args")), "OCI.Process.Args");
    mismatches.extend(variables(container, &texts(at("/OCI/Process/Env")), "OCI.Process.Env"));
    mismatches.extend(mounts(&container.mounts, at("/OCI/Mounts"), container.name.is_empty()));
    mismatches.extend(storages(container, at("/storages")));
    mismatches.extend(device::nodes(container, at("/OCI/Linux/Devices")));
    mismatches.extend(device::disks(container, at("/devices")));
    mismatches.extend(metadata(input));
    mismatches.extend(annotations(container, at("/OCI/Annotations")));
    mismatches.extend(sysctls(container, at("/OCI/Linux/Sysctl")));
    mismatches.extend(member::compare(&container.members, input));
    mismatches.extend(member::compare_sets(&container.sets, input));
    mismatches
}

fn mounts(expected: &BTreeMap<String, Mount>, found: Option<&Value>, is_sandbox: bool) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, mount) in found.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let destination = mount.get("destination").and_then(Value::as_str).unwrap_or_default();
        let mut push = |member: &str, expected: String, found: String| {
            let path = format!("OCI.Mounts[{index}]{member}");
            mismatches.push(Mismatch {
                path,
                subject: Subject::Mount(destination.to_owned()),
                expected,
                found,
            });
        };
        let Some(wanted) = expected.get(destination) else {
            push("", format!("no mount at {}", quoted(destination)), mount.to_string());
            continue;
        };
        // Old versions of containerd mount it twice in the sandbox.
        let may_repeat = is_sandbox && destination == "/dev/shm";
        if !seen.insert(destination) && !may_repeat {
            push("", format!("only one mount at {}", quoted(destination)), mount.to_string());
        }
        mismatches.extend(mount_faults(wanted, mount, &format!("OCI.Mounts[{index}]"), destination));
    }
    let missing = expected.iter().filter(|(at, mount)| mount.required && !seen.contains(at.as_str()));
    mismatches.extend(missing.map(|(destination, mount)| Mismatch {
        path: "OCI.Mounts".to_owned(),
        subject: Subject::Mount(destination.clone()),
        expected: format!("a mount at {} of {}", quoted(destination), sources(mount)),
        found: NOTHING.to_owned(),
    }));
    if !is_sandbox {
        mismatches.extend(order(found));
    }
    mismatches
}

/// Every mount that comes too late: it would hide one that lies below its place.
fn order(found: Option<&Value>) -> Vec<Mismatch> {
    let (mut made, mut deepest) = (BTreeSet::new(), 0);
    let mut mismatches = Vec::new();
    for (index, mount) in found.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let member = |key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default();
        let (destination, is_bound) = (member("destination"), member("type_") == "bind");
        let top = destination.split('/').nth(1).unwrap_or_default();
        let depth = destination.split('/').count();
        let fits = if is_bound {
            depth >= deepest
        } else {
            made.insert(destination);
            deepest == 0 && made.contains(format!("/{top}").as_str())
        };
        if is_bound {
            deepest = deepest.max(depth);
        }
        if !fits {
            mismatches.push(Mismatch {
                path: format!("OCI.Mounts[{index}]"),
                subject: Subject::Mount(destination.to_owned()),
                expected: "what the runtime makes, from the top down, and then what is bound, by the depth of its place"
                    .to_owned(),
                found: format!("{} at this place of the list", quoted(destination)),
            });
        }
    }
    mismatches
}

/// What the name of an image is sent with tells the agent what to make of it, so it says what the annotations say.
fn metadata(input: &Value) -> Vec<Mismatch> {
    let annotations = input.pointer("/OCI/Annotations").unwrap_or(&Value::Null);
    let mut mismatches = Vec::new();
    for (index, storage) in input.get("storages").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let options = texts(storage.get("driver_options"));
        let Some(json) = options.iter().find_map(|option| option.strip_prefix("image_guest_pull=")) else {
            continue;
        };
        let document: Value = serde_json::from_str(json).unwrap_or_default();
        for (key, value) in document.get("metadata").and_then(Value::as_object).into_iter().flatten() {
            let said = annotations.get(key);
            let bare = key.to_lowercase().replace(['-', '_'], "");
            let counts = said.is_some() || bare.contains("containertype");
            if counts && said != Some(value) {
                mismatches.push(Mismatch {
                    path: format!("storages[{index}].driver_options"),
                    subject: Subject::Image,
                    expected: format!("{} as the annotation says: {}", quoted(key), shown(said)),
                    found: value.to_string(),
                });
            }
        }
    }
    mismatches
}

/// What is wrong with a mount: of the form that it differs from least.
fn mount_faults(wanted: &Mount, mount: &Value, path: &str, destination: &str) -> Vec<Mismatch> {
    let forms = wanted.forms.iter().map(|form| {
        let mut faults = Vec::new();
        let mut push = |member: &str, expected: String, found: String| {
            let (path, subject) = (format!("{path}.{member}"), Subject::Mount(destination.to_owned()));
            faults.push(Mismatch { path, subject, expected, found });
        };
        let kind = mount.get("type_");
        if kind.and_then(Value::as_str) != Some(&form.kind) {
            push("type_", quoted(&form.kind), shown(kind));
        }
        let source = mount.get("source");
        if !member::admits(&form.source, source) {
            push("source", form.source.to_string(), shown(source));
        }
        let options = texts(mount.get("options"));
        let counted: BTreeSet<_> =
            options.iter().filter(|&o| !form.extra_options.contains(o)).cloned().collect();
        if counted != form.options {
            let expected = form.options.iter().cloned().collect::<Vec<_>>();
            push("options", quoted_list(&expected), quoted_list(&options));
        }
        faults
    });
    forms.min_by_key(Vec::len).unwrap_or_default()
}

/// What may be mounted somewhere.
fn sources(mount: &Mount) -> String {
    mount.forms.iter().map(|form| form.source.to_string()).collect::<Vec<_>>().join(" or ")
}

fn storages(container: &Container, found: Option<&Value>) -> Vec<Mismatch> {
    let mut left: Vec<&Storage> = container.storages.iter().collect();
    let found = found.and_then(Value::as_array).into_iter().flatten().enumerate();
    let found = found.map(|(index, storage)| (format!("storages[{index}]"), storage));
    // Those that fit come first, so that one with a fault is compared with what is left.
    let others: Vec<_> = found
        .filter(|(path, storage)| {
            let fits = left.iter().position(|wanted| storage_faults(wanted, storage, path).is_empty());
            fits.map(|at| left.remove(at)).is_none()
        })
        .collect();
    let mut mismatches = Vec::new();
    for (path, storage) in others {
        let point = storage.get("mount_point").and_then(Value::as_str).unwrap_or_default();
        let nearest =
            left.iter().enumerate().map(|(at, wanted)| (at, storage_faults(wanted, storage, &path)));
        match nearest.min_by_key(|(_, faults)| faults.len()) {
            Some((at, faults)) => {
                left.remove(at);
                mismatches.extend(faults);
            }
            None => mismatches.push(Mismatch {
                path,
                subject: Subject::Storage(point.to_owned()),
                expected: "no further storage".to_owned(),
                found: storage.to_string(),
            }),
        }
    }
    mismatches.extend(left.into_iter().map(|storage| Mismatch {
        path: "storages".to_owned(),
        subject: subject_of(storage),
        expected: format!("a storage of {} at {}", storage.source, storage.mount_point),
        found: NOTHING.to_owned(),
    }));
    mismatches
}

fn storage_faults(wanted: &Storage, storage: &Value, path: &str) -> Vec<Mismatch> {
    let mut faults = Vec::new();
    let mut push = |member: &str, expected: String, found: String| {
        let path = format!("{path}.{member}");
        faults.push(Mismatch { path, subject: subject_of(wanted), expected, found });
    };
    let members = [
        ("driver", &wanted.driver),
        ("source", &wanted.source),
        ("fstype", &wanted.fstype),
        ("mount_point", &wanted.mount_point),
        ("fs_group", &wanted.fs_group),
        ("shared", &wanted.shared),
    ];
    for (member, wanted) in members {
        let value = storage.get(member);
        if !member::admits(wanted, value) {
            push(member, wanted.to_string(), shown(value));
        }
    }
    for (member, wanted) in [("options", &wanted.options), ("driver_options", &wanted.driver_options)] {
        let options = texts(storage.get(member));
        if !all_admit(wanted, &options) {
            push(member, list(wanted), quoted_list(&options));
        }
    }
    faults
}

fn subject_of(storage: &Storage) -> Subject {
    match &storage.driver {
        Text::Is(driver) if driver == "image_guest_pull" => Subject::Image,
        _ => Subject::Storage(storage.mount_point.to_string()),
    }
}

fn annotations(container: &Container, found: Option<&Value>) -> Vec<Mismatch> {
    by_key(&container.annotations, found, "OCI.Annotations", "no such annotation", Subject::Annotation)
}

fn sysctls(container: &Container, found: Option<&Value>) -> Vec<Mismatch> {
    by_key(&container.sysctls, found, "OCI.Linux.Sysctl", NOTHING, Subject::Sysctl)
}

/// What is wrong with a map of texts; `none` is expected of a key that nobody expects.
fn by_key(
    wanted: &BTreeMap<String, Optional>,
    found: Option<&Value>,
    path: &str,
    none: &str,
    subject: fn(String) -> Subject,
) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    let mut push = |key: &str, expected: String, found: String| {
        let path = format!("{path}[{}]", quoted(key));
        mismatches.push(Mismatch { path, subject: subject(key.to_owned()), expected, found });
    };
    let found = found.and_then(Value::as_object);
    for (key, value) in found.into_iter().flatten() {
        match wanted.get(key) {
            Some(expected) if member::admits(&expected.value, Some(value)) => {}
            Some(expected) => push(key, expected.value.to_string(), value.to_string()),
            None => push(key, none.to_owned(), value.to_string()),
        }
    }
    for (key, expected) in wanted {
        if expected.required && !found.is_some_and(|found| found.contains_key(key)) {
            push(key, expected.value.to_string(), NOTHING.to_owned());
        }
    }
    mismatches
}

fn all_admit(expected: &[Text], found: &[String]) -> bool {
    expected.len() == found.len()
        && expected.iter().zip(found).all(|(expected, found)| expected.admits(found))
}

fn list(expected: &[Text]) -> String {
    format!("[{}]", expected.iter().map(Text::to_string).collect::<Vec<_>>().join(", "))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), Value::to_string)
}
