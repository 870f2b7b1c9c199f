//! The state of a deployment: a fold over its events, and nothing else.

use contrast_manifest::transition_hash;

use crate::event::{
    CaGenerationStarted, Digest, Event, EventKind, GenerationCertificates, LastingCertificates, ManifestSet,
};

/// What all events so far add up to. Its size depends on the current manifest, not on the history.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// Number of manifests set so far.
    pub manifests: u64,
    /// The event that set the current manifest.
    pub latest: Option<ManifestSet>,
    /// Number of the current CA generation; 0 before the first.
    pub generation: u64,
    /// Certificates of the current CA generation.
    pub certificates: Option<GenerationCertificates>,
    /// Certificates that stay for the life of the deployment.
    pub lasting: Option<LastingCertificates>,
}

/// An event that cannot follow the events before it: the log was not written by a Coordinator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// The event does not continue the chain of transitions.
    #[error("it does not continue the chain of transitions")]
    BrokenChain,
    /// CA generations are counted without gaps.
    #[error("it starts CA generation {found}, but generation {expected} is next")]
    Generation {
        /// The next number.
        expected: u64,
        /// The number in the event.
        found: u64,
    },
    /// The lasting certificates come with the first CA generation and never again.
    #[error("it has root certificates where there should be none, or none where there should be")]
    LastingCertificates,
    /// An event other than the first manifest, in a history without manifest.
    #[error("it comes before the first manifest")]
    NoManifest,
}

impl State {
    /// Takes one more event in; the only way in which a state changes.
    ///
    /// # Errors
    /// When no Coordinator would have written the event at this place. The state is unchanged then.
    pub fn apply(&mut self, event: &Event) -> Result<(), Inconsistency> {
        match &event.kind {
            EventKind::ManifestSet(set) => self.manifest_set(set),
            EventKind::CaGenerationStarted(started) => self.ca_generation_started(started),
            EventKind::Recovered(recovered) => match self.latest_transition() {
                None => Err(Inconsistency::NoManifest),
                Some(latest) if latest != recovered.transition => Err(Inconsistency::BrokenChain),
                Some(_) => Ok(()),
            },
        }
    }

    /// Hash of the latest transition.
    #[must_use]
    pub fn latest_transition(&self) -> Option<Digest> {
        self.latest.as_ref().map(|set| set.transition)
    }

    fn manifest_set(&mut self, set: &ManifestSet) -> Result<(), Inconsistency> {
        let previous = self.latest_transition().unwrap_or_default();
        if set.previous != previous || set.transition != transition_hash(set.manifest, previous) {
            return Err(Inconsistency::BrokenChain);
        }
        self.manifests += 1;
        self.latest = Some(set.clone());
        Ok(())
    }

    fn ca_generation_started(&mut self, started: &CaGenerationStarted) -> Result<(), Inconsistency> {
        if self.latest.is_none() {
            return Err(Inconsistency::NoManifest);
        }
        let expected = self.generation + 1;
        if started.generation != expected {
            return Err(Inconsistency::Generation { expected, found: started.generation });
        }
        if started.lasting.is_some() == self.lasting.is_some() {
            return Err(Inconsistency::LastingCertificates);
        }
        self.generation = expected;
        self.certificates = Some(started.certificates.clone());
        if started.lasting.is_some() {
            self.lasting.clone_from(&started.lasting);
        }
        Ok(())
    }
}
