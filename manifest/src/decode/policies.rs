//! `Policies`: the pods that may exist.

use std::collections::BTreeMap;

use super::at::{At, Members, list};
use crate::{JsonPath, Limit, PolicyEntry, Problem, Role, SubjectAltName, error::Faults};

/// Members of an entry.
pub(crate) const ENTRY: &[&str] = &["SANs", "WorkloadSecretID", "Role"];

pub(super) fn read(top: &Members<'_>, faults: &mut Faults) -> Option<BTreeMap<[u8; 32], PolicyEntry>> {
    let path = JsonPath::default().field("Policies");
    let Some(at) = top.get("Policies") else { return faults.none(&path, Problem::NoCoordinator) };
    let mut complete = true;
    let mut policies = BTreeMap::new();
    for (key, at) in at.entries(Limit::Policies, faults)? {
        let digest = digest(&key, &at.path, faults);
        let entry = entry(&at, faults);
        match (digest, entry) {
            (Some(digest), Some(entry)) => drop(policies.insert(digest, entry)),
            _ => complete = false,
        }
    }
    // Not said where an entry could not be read: that one may be the Coordinator.
    if complete && policies.values().all(|entry| entry.role != Role::Coordinator) {
        return faults.none(&path, Problem::NoCoordinator);
    }
    complete.then_some(policies)
}

/// Policies are looked up by the lower-case hexadecimal form, so no other can be accepted.
fn digest(key: &str, path: &JsonPath, faults: &mut Faults) -> Option<[u8; 32]> {
    let Ok(bytes) = hex::decode(key) else { return faults.none(path, Problem::NotHex) };
    if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return faults.none(path, Problem::UpperCase);
    }
    let found = bytes.len();
    bytes.try_into().ok().or_else(|| faults.none(path, Problem::WrongLength { expected: 32, found }))
}

fn entry(at: &At<'_>, faults: &mut Faults) -> Option<PolicyEntry> {
    let members = at.object(ENTRY, faults)?;
    let role = role(&members, faults);
    let sans = list(members.get("SANs"), Limit::Names, faults, name);
    let workload_secret_id = members.optional_text("WorkloadSecretID", Limit::SecretIdLen, faults);
    let (role, sans) = (role?, sans?);
    faults.check(&members.path.field("SANs"), Limit::NamesLen, sans.iter().map(String::len).sum())?;
    let named = sans.iter().any(|san| matches!(SubjectAltName::parse(san), Some(SubjectAltName::Dns(_))));
    if role == Role::Workload && !named {
        return faults.none(&members.path.field("SANs"), Problem::NoDnsName);
    }
    Some(PolicyEntry { sans, workload_secret_id: workload_secret_id?, role })
}

fn name(at: &At<'_>, faults: &mut Faults) -> Option<String> {
    let text = at.text(faults)?;
    faults.check(&at.path, Limit::NameLen, text.len())?;
    match SubjectAltName::parse(&text) {
        Some(_) => Some(text.into_owned()),
        None => faults.none(&at.path, Problem::BadSubjectAltName),
    }
}

fn role(members: &Members<'_>, faults: &mut Faults) -> Option<Role> {
    let Some(at) = members.get("Role") else { return Some(Role::Workload) };
    match at.text(faults)?.as_ref() {
        "" => Some(Role::Workload),
        "coordinator" => Some(Role::Coordinator),
        _ => faults.none(&at.path, Problem::UnknownRole),
    }
}
