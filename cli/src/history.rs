//! The history of a deployment: where it comes from, whether it is true, how it is shown.

mod assembly;
mod certificates;
mod check;
mod diff;
mod error;
mod folder;
mod lines;
mod record;
mod table;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeMap;

pub(crate) use assembly::Assembly;
pub(crate) use certificates::{CertificateError, key_fingerprint};
pub(crate) use check::{Checked, Contents};
pub(crate) use diff::compare;
pub(crate) use error::HistoryError;
pub(crate) use folder::{read_folder, write_folder};
pub(crate) use lines::{line, readable_time};
pub(crate) use record::{Author, CaGeneration, Event, ManifestSet, Proof, Record, SeedHandedOver};
pub(crate) use table::{author, setting_table, table};

/// A whole history. What it says is not checked before [`History::check`].
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// What it is checked against.
    pub(crate) anchors: Anchors,
    /// The events, oldest first.
    pub(crate) records: Vec<Record>,
    /// Manifests and policies by their SHA-256.
    pub(crate) contents: BTreeMap<[u8; 32], Vec<u8>>,
}

/// The certificates of a deployment, each as PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Anchors {
    /// The root CA: the same for the life of the deployment.
    pub(crate) root_ca: Vec<u8>,
    /// The key that signs transitions, certified by the root CA.
    pub(crate) transition_signer: Vec<u8>,
    /// The current mesh CA.
    pub(crate) mesh_ca: Vec<u8>,
}

/// A manifest that was set, and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// How many manifests came before.
    pub(crate) number: usize,
    /// The Coordinator's clock, in milliseconds since the Unix epoch.
    pub(crate) time_unix_ms: i64,
    /// The event.
    pub(crate) set: &'a ManifestSet,
}

impl History {
    /// The manifests that were set, oldest first.
    pub(crate) fn settings(&self) -> Vec<Setting<'_>> {
        let sets = self.records.iter().filter_map(|record| match &record.event {
            Event::ManifestSet(set) => Some((record.time_unix_ms, set)),
            _ => None,
        });
        sets.enumerate().map(|(number, (time_unix_ms, set))| Setting { number, time_unix_ms, set }).collect()
    }

    /// The manifests that were set after a transition; all, if the history does not have it.
    pub(crate) fn settings_after(&self, transition: &[u8; 32]) -> Vec<Setting<'_>> {
        let mut settings = self.settings();
        if let Some(last) = settings.iter().position(|setting| setting.set.transition == *transition) {
            settings.drain(..=last);
        }
        settings
    }

    /// The events that set a manifest, oldest first.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = &ManifestSet> {
        self.records.iter().filter_map(|record| match &record.event {
            Event::ManifestSet(set) => Some(set),
            _ => None,
        })
    }

    /// The events that gave the seed to a peer, oldest first, each with its time.
    pub(crate) fn hand_overs(&self) -> impl Iterator<Item = (&SeedHandedOver, String)> {
        self.records.iter().filter_map(|record| match &record.event {
            Event::SeedHandedOver(handed) => Some((handed, lines::readable_time(record.time_unix_ms))),
            _ => None,
        })
    }

    /// Whether the deployment ever had this transition.
    pub(crate) fn contains(&self, transition: &[u8; 32]) -> bool {
        self.manifests().any(|set| set.transition == *transition)
    }

    /// The policies that any manifest refers to, once each.
    pub(crate) fn policies(&self) -> BTreeMap<[u8; 32], &[u8]> {
        let digests = self.manifests().flat_map(|set| &set.policies);
        digests.filter_map(|digest| Some((*digest, self.contents.get(digest)?.as_slice()))).collect()
    }
}
