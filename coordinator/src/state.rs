//! The state of a deployment: a fold over its events, and nothing else.

use contrast_manifest::{ConsentFault, SeedAccess, SeedConsent, transition_hash};

use crate::event::{
    CaGenerationStarted, Cause, Digest, Event, EventKind, GenerationCertificates, LastingCertificates,
    ManifestSet, Recovered, SeedHandedOver,
};

/// Transitions that are remembered beside the log.
pub const RECENT: u64 = 2;

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
    /// Why a CA generation must come next, after a manifest or a recovery.
    pub awaited: Option<Cause>,
    /// Which policies of the current manifest a peer may have the seed under.
    pub seed_access: SeedAccess,
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
    /// A CA generation starts exactly after each manifest and each recovery, and for that reason.
    #[error("it does not come where a CA generation is due, or comes where another event is due")]
    Order,
    /// The lasting certificates come with the first CA generation and never again.
    #[error("it has root certificates where there should be none, or none where there should be")]
    LastingCertificates,
    /// An event other than the first manifest, in a history without manifest.
    #[error("it comes before the first manifest")]
    NoManifest,
    /// The seed was given to a policy that was not entitled to it.
    #[error("it gives the seed to a policy that was not entitled to it")]
    NotEntitled,
    /// Consent that no Coordinator would have written down.
    #[error("it is consent that does not fit the current manifest: {0}")]
    Consent(#[from] ConsentFault),
}

impl State {
    /// Takes one more event in; the only way in which a state changes.
    ///
    /// # Errors
    /// When no Coordinator would have written the event at this place. The state is unchanged then.
    pub fn apply(&mut self, event: Event) -> Result<(), Inconsistency> {
        match event.kind {
            EventKind::ManifestSet(set) => self.manifest_set(set),
            EventKind::CaGenerationStarted(started) => self.ca_generation_started(started),
            EventKind::Recovered(recovered) => self.recovered(&recovered),
            EventKind::SeedHandedOver(handed) => self.seed_handed_over(&handed),
            EventKind::SeedConsentGiven(consent) => self.seed_consent_given(&consent),
        }
    }

    /// Hash of the latest transition.
    #[must_use]
    pub fn latest_transition(&self) -> Option<Digest> {
        self.latest.as_ref().map(|set| set.transition)
    }

    /// Whether a transition is one of the latest [`RECENT`].
    #[must_use]
    pub fn is_recent(&self, transition: &Digest) -> bool {
        self.latest.as_ref().is_some_and(|set| [set.transition, set.previous].contains(transition))
    }

    fn manifest_set(&mut self, set: ManifestSet) -> Result<(), Inconsistency> {
        if self.awaited.is_some() {
            return Err(Inconsistency::Order);
        }
        let previous = self.latest_transition().unwrap_or_default();
        if set.previous != previous || set.transition != transition_hash(set.manifest, previous) {
            return Err(Inconsistency::BrokenChain);
        }
        self.manifests += 1;
        self.seed_access.manifest_set(set.seed_grounds.as_ref());
        self.latest = Some(set);
        self.awaited = Some(Cause::ManifestSet);
        Ok(())
    }

    fn recovered(&mut self, recovered: &Recovered) -> Result<(), Inconsistency> {
        match self.latest_transition() {
            None => Err(Inconsistency::NoManifest),
            Some(latest) if latest != recovered.transition => Err(Inconsistency::BrokenChain),
            // Also where a CA generation is due: a host may have cut the log between the two.
            Some(_) => {
                self.awaited = Some(Cause::Recovery);
                Ok(())
            }
        }
    }

    fn ca_generation_started(&mut self, started: CaGenerationStarted) -> Result<(), Inconsistency> {
        if self.awaited != Some(started.cause) {
            return Err(Inconsistency::Order);
        }
        let expected = self.generation + 1;
        if started.generation != expected {
            return Err(Inconsistency::Generation { expected, found: started.generation });
        }
        if started.lasting.is_some() == self.lasting.is_some() {
            return Err(Inconsistency::LastingCertificates);
        }
        self.awaited = None;
        self.generation = expected;
        self.certificates = Some(started.certificates);
        if started.lasting.is_some() {
            self.lasting = started.lasting;
        }
        Ok(())
    }

    fn seed_handed_over(&self, handed: &SeedHandedOver) -> Result<(), Inconsistency> {
        self.must_be_at(handed.transition)?;
        if !self.seed_access.may_have_seed(&handed.policy) {
            return Err(Inconsistency::NotEntitled);
        }
        Ok(())
    }

    fn seed_consent_given(&mut self, consent: &SeedConsent) -> Result<(), Inconsistency> {
        self.must_be_at(consent.transition)?;
        Ok(self.seed_access.consent(&consent.policies)?)
    }

    /// A Coordinator that serves, and whose latest transition is this one.
    fn must_be_at(&self, transition: Digest) -> Result<(), Inconsistency> {
        if self.awaited.is_some() {
            return Err(Inconsistency::Order);
        }
        match self.latest_transition() {
            None => Err(Inconsistency::NoManifest),
            Some(latest) if latest != transition => Err(Inconsistency::BrokenChain),
            Some(_) => Ok(()),
        }
    }
}
