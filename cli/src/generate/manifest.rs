//! The manifest of the resources: made, or brought up to date without touching what somebody wrote into it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use contrast_manifest::{ManifestDocument, ManifestErrors, SeedShareOwner, WorkloadOwner};
use contrast_resources::File;
use serde_json::{Map, Value, json};

use super::error::GenerateError;

/// A kind of pod, for its entry in `Policies`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// The digest of its policy.
    pub(crate) digest: [u8; 32],
    /// What the policy's digest was before this run, as far as the resources say.
    pub(crate) former: Option<[u8; 32]>,
    /// Its name among all objects of the cluster.
    pub(crate) identity: String,
    /// Its name, the first of its certificate.
    pub(crate) name: String,
    /// What its secret is derived from, if the resources say so.
    pub(crate) secret_id: Option<String>,
    /// Whether it is the Coordinator.
    pub(crate) coordinator: bool,
}

/// Who owns the deployment.
#[derive(Clone, Copy)]
pub(crate) struct ManifestOwners<'a> {
    /// Who may change the manifest, besides those whom it names. `None`: nobody may.
    pub(crate) workload: Option<&'a [WorkloadOwner]>,
    /// Who receives the seed, besides those whom it names.
    pub(crate) seedshare: &'a [SeedShareOwner],
}

/// Reference values for a manifest that has none.
pub(crate) struct AtHand<F> {
    /// Where they come from, if they are needed.
    pub(crate) values: F,
    /// Whether the user gave them, rather than the release.
    pub(crate) given: bool,
}

/// A manifest that can be written.
#[derive(Debug)]
pub(crate) struct Updated {
    /// Its text.
    pub(crate) text: String,
    /// Paths of values that the user has to fill in before it can be set.
    pub(crate) missing: Vec<String>,
    /// Entries of workloads that are no longer there, as they were written.
    pub(crate) dropped: Vec<String>,
    /// Whether it keeps other reference values than those that are at hand.
    pub(crate) keeps_others: bool,
}

/// The manifest at `path`, whose content is `old`, with these entries. `reference_values` are taken where it has none.
pub(crate) fn updated(
    path: &Path,
    old: Option<Vec<u8>>,
    entries: &[Entry],
    reference_values: AtHand<impl FnOnce() -> Result<Value, GenerateError>>,
    owners: ManifestOwners<'_>,
) -> Result<Updated, GenerateError> {
    let file = match old {
        Some(bytes) => Some(read(path, bytes)?),
        None => None,
    };
    let old =
        file.as_ref().and_then(|file| file.documents().first()).map(|document| document.value().clone());
    let mut manifest = old.unwrap_or_else(|| json!({}));
    let Some(members) = manifest.as_object_mut() else {
        return Err(GenerateError::ManifestForm(path.to_owned()));
    };
    let dropped = put_policies(members, entries);
    let keeps_others = put_reference_values(members, reference_values)?;
    put_owners(members, owners);
    let text = match &file {
        Some(file) => {
            file.rewritten(std::slice::from_ref(&manifest))?.unwrap_or_else(|| file.text().to_owned())
        }
        None => format!("{manifest:#}\n"),
    };
    let missing = missing(path, &text)?;
    Ok(Updated { text, missing, dropped, keeps_others })
}

fn read(path: &Path, bytes: Vec<u8>) -> Result<File, GenerateError> {
    let file = File::read(path.display().to_string(), bytes).map_err(GenerateError::ManifestText)?;
    match file.documents() {
        [one] if one.value().is_object() => Ok(file),
        _ => Err(GenerateError::ManifestForm(path.to_owned())),
    }
}

/// Puts the entries in place of those that are there. What was written into that of a workload stays with the workload. Gives what
/// belongs to none any more.
fn put_policies(manifest: &mut Map<String, Value>, entries: &[Entry]) -> Vec<String> {
    let mut old: BTreeMap<String, Value> = match manifest.remove("Policies") {
        Some(Value::Object(policies)) => {
            policies.into_iter().map(|(digest, entry)| (digest.to_lowercase(), entry)).collect()
        }
        _ => BTreeMap::new(),
    };
    let mut found: BTreeMap<usize, Value> = BTreeMap::new();
    // First by what is certain, for all workloads, so that none is taken from the one that it belongs to.
    let ways: [Way; 3] = [
        |entry, _| Some(hex::encode(entry.digest)),
        |entry, _| entry.former.map(hex::encode),
        of_same_secret,
    ];
    for way in ways {
        for (index, entry) in entries.iter().enumerate() {
            if !found.contains_key(&index)
                && let Some(value) = way(entry, &old).and_then(|digest| old.remove(&digest))
            {
                found.insert(index, value);
            }
        }
    }
    let policies = entries.iter().enumerate().map(|(index, entry)| {
        let value = found.remove(&index).and_then(|value| value.as_object().cloned());
        (hex::encode(entry.digest), entry.value(value))
    });
    manifest.insert("Policies".to_owned(), policies.collect());
    old.into_iter().map(|(digest, entry)| format!("{digest}: {entry}")).collect()
}

/// A way to find the key of the entry that a workload has so far.
type Way = fn(&Entry, &BTreeMap<String, Value>) -> Option<String>;

/// The entry whose secret is that of a workload, where nothing else is known of it.
fn of_same_secret(entry: &Entry, old: &BTreeMap<String, Value>) -> Option<String> {
    let of_entry = |value: &Value| {
        let id = value.get("WorkloadSecretID").and_then(Value::as_str);
        let is_coordinator = value.get("Role").and_then(Value::as_str) == Some("coordinator");
        if entry.coordinator { is_coordinator } else { id == Some(entry.secret_id()) && !is_coordinator }
    };
    old.iter().find(|(_, value)| of_entry(value)).map(|(digest, _)| digest.clone())
}

impl Entry {
    fn secret_id(&self) -> &str {
        self.secret_id.as_deref().unwrap_or(&self.identity)
    }

    /// The entry, with what was written into the one before.
    fn value(&self, before: Option<Map<String, Value>>) -> Value {
        let is_new = before.is_none();
        let mut members = before.unwrap_or_default();
        if is_new {
            members.insert("SANs".to_owned(), json!([self.name, "*"]));
        }
        match &self.secret_id {
            Some(id) => drop(members.insert("WorkloadSecretID".to_owned(), id.as_str().into())),
            None if is_new && !self.coordinator => {
                members.insert("WorkloadSecretID".to_owned(), self.identity.as_str().into());
            }
            None => {}
        }
        if self.coordinator {
            members.insert("Role".to_owned(), "coordinator".into());
        } else {
            members.remove("Role");
        }
        Value::Object(members)
    }
}

/// Puts reference values in where there are none. Says whether there are others, if somebody gave them.
fn put_reference_values<F>(
    manifest: &mut Map<String, Value>,
    at_hand: AtHand<F>,
) -> Result<bool, GenerateError>
where
    F: FnOnce() -> Result<Value, GenerateError>,
{
    let is_filled = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
    let there = manifest.get("ReferenceValues");
    if there.and_then(Value::as_object).is_some_and(|lists| lists.values().any(is_filled)) {
        return Ok(at_hand.given && there != Some(&(at_hand.values)()?));
    }
    manifest.insert("ReferenceValues".to_owned(), (at_hand.values)()?);
    Ok(false)
}

fn put_owners(manifest: &mut Map<String, Value>, owners: ManifestOwners<'_>) {
    const KEYS: &str = "WorkloadOwnerPubKeys";
    const DIGESTS: &str = "WorkloadOwnerKeyDigests";
    match owners.workload {
        Some(owners) => {
            let digest = |owner: &WorkloadOwner| hex::encode(owner.digest());
            // An older manifest names owners by digest, and older programs read no other form.
            if manifest.contains_key(DIGESTS) && !manifest.contains_key(KEYS) {
                add(manifest, DIGESTS, owners.iter().map(digest));
            } else {
                add(manifest, KEYS, owners.iter().filter_map(|owner| owner.spki_der().map(hex::encode)));
            }
        }
        None => {
            manifest.remove(DIGESTS);
            manifest.insert(KEYS.to_owned(), json!([]));
        }
    }
    add(manifest, "SeedshareOwnerPubKeys", owners.seedshare.iter().map(SeedShareOwner::to_hex));
}

/// Adds what is not in a list; a list that gets something is put in order.
fn add(manifest: &mut Map<String, Value>, list: &str, keys: impl Iterator<Item = String>) {
    let there = manifest.entry(list).or_insert(Value::Null);
    let mut all: BTreeSet<String> =
        there.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_lowercase).collect();
    let before = all.len();
    all.extend(keys);
    if all.len() != before || there.is_null() {
        *there = all.into_iter().collect();
    }
}

/// What is still missing in a manifest; an error if anything else is wrong with it.
fn missing(path: &Path, text: &str) -> Result<Vec<String>, GenerateError> {
    let source = match ManifestDocument::parse(text.as_bytes().to_vec()) {
        Ok(_) => return Ok(Vec::new()),
        Err(errors) => errors,
    };
    match source.only_missing_values() {
        Some(paths) => Ok(paths.iter().map(|path| path.as_str().to_owned()).collect()),
        None if is_without_coordinator(&source) => Err(GenerateError::NoCoordinator),
        None => Err(GenerateError::Manifest { path: path.to_owned(), source }),
    }
}

fn is_without_coordinator(errors: &ManifestErrors) -> bool {
    errors.faults().iter().any(|fault| fault.problem == contrast_manifest::Problem::NoCoordinator)
}

/// Where a user finds a value that is missing.
pub(crate) fn where_to_find(path: &str) -> &'static str {
    let field = path.rsplit('.').next().unwrap_or_default();
    match field.split('[').next().unwrap_or_default() {
        "TrustedMeasurement" => "`contrast measure snp` computes it from the runtime's files",
        "MrTd" | "Rtmrs" | "RTMR" => "`contrast measure tdx` computes it from the runtime's files",
        "MrSeam" => "SHA-384 of the TDX module that your machines run",
        _ if path.contains(".MinimumTCB.") => {
            "the oldest firmware that you accept; `contrast attestation show` on a report of your machine prints what it has"
        }
        _ => "docs/manifest.md says where to find it",
    }
}

#[cfg(test)]
mod tests;
