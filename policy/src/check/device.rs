//! Disks that a container gets as they are.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::{Mismatch, Subject, member::NOTHING};
use crate::expectation::{Container, quoted};

/// Where a disk is attached to the VM, by the way in which it is.
const ADDRESSES: [(&str, &str); 2] = [("blk", "^[0-9a-f]{2}(/[0-9a-f]{2})?$"), ("scsi", "^[0-9]+:[0-9]+$")];
/// What a disk may be called in the guest.
const NAME: &str = "^(/dev/[a-z]+)?$";

/// Device nodes that are not wanted, are of another kind, or are missing.
pub(super) fn nodes(container: &Container, found: Option<&Value>) -> Vec<Mismatch> {
    compare(container, found, ("OCI.Linux.Devices", "Path"), |kind, node| {
        let found = text(node, "Type");
        if found == kind { Vec::new() } else { vec![("Type", quoted(kind), quoted(found))] }
    })
}

/// Devices of the VM that are not wanted, are no disks that the node attached, or are missing.
pub(super) fn disks(container: &Container, found: Option<&Value>) -> Vec<Mismatch> {
    let mut seen = BTreeSet::new();
    compare(container, found, ("devices", "container_path"), |_, disk| {
        let mut faults = Vec::new();
        let (way, id, name) = (text(disk, "type_"), text(disk, "id"), text(disk, "vm_path"));
        match ADDRESSES.iter().find(|(known, _)| *known == way) {
            None => faults.push(("type_", "\"blk\" or \"scsi\"".to_owned(), quoted(way))),
            Some((_, form)) if !matches(form, id) => {
                faults.push(("id", format!("an address that matches {form}"), quoted(id)));
            }
            Some(_) if !seen.insert(id.to_owned()) => {
                faults.push(("id", "a disk of its own".to_owned(), quoted(id)));
            }
            Some(_) => {}
        }
        if !matches(NAME, name) {
            faults.push(("vm_path", format!("a text that matches {NAME}"), quoted(name)));
        }
        let options = disk.get("options").and_then(Value::as_array);
        if let Some(options) = options.filter(|options| !options.is_empty()) {
            faults.push(("options", "[]".to_owned(), Value::from(options.clone()).to_string()));
        }
        faults
    })
}

/// What is wrong with an item: its member, what is expected there, and what is found.
type Fault = (&'static str, String, String);

/// Compares the items of a list with what is wanted by path; `at`: the list, and the member that has the path.
fn compare(
    container: &Container,
    found: Option<&Value>,
    at: (&str, &str),
    mut faults: impl FnMut(&str, &Value) -> Vec<Fault>,
) -> Vec<Mismatch> {
    let (list, key) = at;
    let mut mismatches = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, item) in found.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let device = text(item, key);
        let mut push = |member: &str, expected: String, found: String| {
            let path = format!("{list}[{index}]{member}");
            mismatches.push(Mismatch { path, subject: Subject::Device(device.to_owned()), expected, found });
        };
        match container.devices.get(device) {
            None => push("", format!("no device at {}", quoted(device)), item.to_string()),
            Some(_) if !seen.insert(device) => {
                push("", format!("only one device at {}", quoted(device)), item.to_string());
            }
            Some(kind) => {
                for (member, expected, found) in faults(kind, item) {
                    push(&format!(".{member}"), expected, found);
                }
            }
        }
    }
    let missing = container.devices.keys().filter(|device| !seen.contains(device.as_str()));
    mismatches.extend(missing.map(|device| Mismatch {
        path: list.to_owned(),
        subject: Subject::Device(device.clone()),
        expected: format!("a block device at {}", quoted(device)),
        found: NOTHING.to_owned(),
    }));
    mismatches
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}
