//! Whether a history is true, as far as anybody can tell who was not there.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use contrast_attestation::Verifier;
use contrast_manifest::{
    Audience, ManifestDocument, NO_TRANSITION, SeedAccess, SeedConsent, SeedGrounds, transition_hash,
};

use super::{
    CaGeneration, Event, History, HistoryError, ManifestSet, Record, SeedHandedOver,
    certificates::{CertificateError, DigestKey, P384Certificate},
    record::Cause,
};

#[cfg(test)]
mod tests;

/// Whether the history must have its manifests and policies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Contents {
    /// Every one that an event refers to.
    Required,
    /// They were not asked for.
    Absent,
}

/// A history that holds together: every manifest follows the one before and is signed by the deployment's key,
/// which the root CA certifies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Checked {
    /// The latest transition.
    pub(crate) latest_transition: [u8; 32],
    /// SHA-256 of the root CA's key.
    pub(crate) root_fingerprint: [u8; 32],
    /// SHA-256 of the current manifest.
    pub(crate) current_manifest: [u8; 32],
    /// The current CA generation.
    pub(crate) ca_generation: u64,
    /// Policies with the role of the Coordinator that a peer cannot have the seed under before an owner consents.
    pub(crate) without_consent: Vec<[u8; 32]>,
}

impl History {
    /// Checks everything that can be checked without the Coordinator.
    pub(crate) fn check(&self, contents: Contents, now: SystemTime) -> Result<Checked, HistoryError> {
        let root = certificate("root CA", &self.anchors.root_ca, now)?;
        root.must_be_authority()
            .and_then(|()| root.must_be_signed_by(&root, "itself"))
            .map_err(about("root CA"))?;
        let signer = certificate("transition signer", &self.anchors.transition_signer, now)?;
        signer.must_be_signed_by(&root, "the root CA").map_err(about("transition signer"))?;
        signer.must_be_transition_signer().map_err(about("transition signer"))?;
        let key = signer.digest_key().map_err(about("transition signer"))?;
        let mut run = Run {
            history: self,
            contents,
            root,
            signer,
            key,
            awaited: None,
            transition: NO_TRANSITION,
            manifest: None,
            generation: 0,
            seed_access: SeedAccess::default(),
            document: None,
        };
        for (expected, record) in (0..).zip(&self.records) {
            run.step(expected, record)?;
        }
        run.finish()
    }
}

/// The state of a check after some events.
struct Run<'a> {
    history: &'a History,
    contents: Contents,
    root: P384Certificate,
    signer: P384Certificate,
    key: DigestKey,
    transition: [u8; 32],
    manifest: Option<[u8; 32]>,
    generation: u64,
    /// Who may be given the seed at this place.
    seed_access: SeedAccess,
    /// The current manifest, if contents are there.
    document: Option<ManifestDocument>,
    /// Why a CA generation must come next.
    awaited: Option<Cause>,
}

impl Run<'_> {
    fn step(&mut self, expected: u64, record: &Record) -> Result<(), HistoryError> {
        let position = record.position;
        if position != expected {
            return Err(HistoryError::Position { expected, found: position });
        }
        match &record.event {
            Event::ManifestSet(set) => self.manifest_set(position, set),
            Event::CaGenerationStarted(started) => self.ca_generation(record, started),
            Event::Recovered { transition, .. } => self.recovered(position, transition),
            Event::SeedHandedOver(handed) => self.seed_handed_over(position, handed),
            Event::SeedConsentGiven(consent) => self.seed_consent_given(position, consent),
        }
    }

    fn manifest_set(&mut self, position: u64, set: &ManifestSet) -> Result<(), HistoryError> {
        if self.awaited.is_some() {
            return Err(HistoryError::Order { position });
        }
        if set.previous != self.transition {
            return Err(HistoryError::PreviousTransition { position });
        }
        if set.transition != transition_hash(set.manifest, set.previous) {
            return Err(HistoryError::TransitionHash { position });
        }
        if !self.key.has_signed(&set.transition, &set.signature) {
            return Err(HistoryError::Signature { position });
        }
        if self.contents == Contents::Required {
            let mut referred = std::iter::once(&set.manifest).chain(&set.policies);
            if let Some(digest) = referred.find(|digest| !self.history.contents.contains_key(*digest)) {
                return Err(HistoryError::MissingContent { position, digest: *digest });
            }
            self.policies_of_manifest(position, set)?;
        }
        self.seed_access.manifest_set(set.seed_grounds.as_ref());
        self.transition = set.transition;
        self.manifest = Some(set.manifest);
        self.awaited = Some(Cause::ManifestSet);
        Ok(())
    }

    /// The signature covers the manifest, and only the manifest says which policies belong to it.
    fn policies_of_manifest(&mut self, position: u64, set: &ManifestSet) -> Result<(), HistoryError> {
        let bytes = self.history.contents.get(&set.manifest).map_or(&[][..], Vec::as_slice);
        let document = ManifestDocument::parse_stored(bytes)
            .map_err(|source| HistoryError::Manifest { position, source: Box::new(source) })?;
        let listed: BTreeSet<_> = set.policies.iter().collect();
        if !document.manifest().policies.keys().eq(listed) {
            return Err(HistoryError::Policies { position });
        }
        if set.seed_grounds.as_ref().is_some_and(|grounds| *grounds != SeedGrounds::of(&document)) {
            return Err(HistoryError::SeedGrounds { position });
        }
        self.document = Some(document);
        Ok(())
    }

    /// The seed was given to a policy that was entitled to it, by an entry that the manifest had.
    fn seed_handed_over(&self, position: u64, handed: &SeedHandedOver) -> Result<(), HistoryError> {
        if self.awaited.is_some() || handed.transition != self.transition {
            return Err(HistoryError::Order { position });
        }
        if !self.seed_access.may_have_seed(&handed.policy) {
            return Err(HistoryError::NotEntitled { position, policy: handed.policy });
        }
        let Some(document) = &self.document else { return Ok(()) };
        let verifiers = document.manifest().verifiers(Audience::Coordinator);
        let accepts = |verifier: &dyn Verifier| {
            verifier.name() == handed.accepted_by && verifier.evidence_type() == handed.platform
        };
        if verifiers.iter().any(|verifier| accepts(verifier.as_ref())) {
            Ok(())
        } else {
            Err(HistoryError::NoSuchEntry { position })
        }
    }

    /// A seed share owner of the manifest signed, and the signature counts from here on.
    fn seed_consent_given(&mut self, position: u64, consent: &SeedConsent) -> Result<(), HistoryError> {
        if self.awaited.is_some() || consent.transition != self.transition {
            return Err(HistoryError::Order { position });
        }
        let signed = self
            .document
            .as_ref()
            .is_none_or(|document| consent.is_signed_by_one_of(&document.manifest().seedshare_owners));
        if !signed {
            let reason = "no seed share owner of the manifest signed it".to_owned();
            return Err(HistoryError::Consent { position, reason });
        }
        let counted = self.seed_access.consent(&consent.policies);
        counted.map_err(|fault| HistoryError::Consent { position, reason: fault.to_string() })
    }

    fn recovered(&mut self, position: u64, transition: &[u8; 32]) -> Result<(), HistoryError> {
        if self.manifest.is_none() {
            return Err(HistoryError::Order { position });
        }
        if *transition != self.transition {
            return Err(HistoryError::RecoveredTransition { position });
        }
        // Also where a CA generation is due: a Coordinator accepts a log that was cut between the two.
        self.awaited = Some(Cause::Recovery);
        Ok(())
    }

    fn ca_generation(&mut self, record: &Record, started: &CaGeneration) -> Result<(), HistoryError> {
        let position = record.position;
        if self.awaited != Some(started.cause) {
            return Err(HistoryError::Order { position });
        }
        let expected = self.generation + 1;
        if started.generation != expected {
            return Err(HistoryError::Generation { position, expected, found: started.generation });
        }
        let anchors = &self.history.anchors;
        if expected == 1 && started.root_ca != anchors.root_ca {
            return Err(HistoryError::OtherCertificate { name: "root CA" });
        }
        if expected == 1 && started.transition_signer != anchors.transition_signer {
            return Err(HistoryError::OtherCertificate { name: "transition signer" });
        }
        // What was right then may have expired since.
        let then = time(record);
        let intermediate = certificate("intermediate CA", &started.intermediate_ca, then)?;
        intermediate.must_be_authority().map_err(about("intermediate CA"))?;
        intermediate.must_be_signed_by(&self.root, "the root CA").map_err(about("intermediate CA"))?;
        self.signer.must_not_share_its_key_with(&intermediate).map_err(about("transition signer"))?;
        let mesh = certificate("mesh CA", &started.mesh_ca, then)?;
        mesh.must_be_signed_by(&mesh, "itself").map_err(about("mesh CA"))?;
        mesh.must_match(&intermediate).map_err(about("mesh CA"))?;
        self.generation = expected;
        self.awaited = None;
        Ok(())
    }

    fn finish(self) -> Result<Checked, HistoryError> {
        let current_manifest = self.manifest.ok_or(HistoryError::Empty)?;
        if self.awaited.is_some() {
            return Err(HistoryError::Order { position: self.history.records.len() as u64 });
        }
        let generations = self.history.records.iter().rev().filter_map(|record| match &record.event {
            Event::CaGenerationStarted(started) => Some(started),
            _ => None,
        });
        let latest = generations.into_iter().next().ok_or(HistoryError::Empty)?;
        if latest.mesh_ca != self.history.anchors.mesh_ca {
            return Err(HistoryError::OtherCertificate { name: "mesh CA" });
        }
        Ok(Checked {
            latest_transition: self.transition,
            root_fingerprint: self.root.fingerprint(),
            current_manifest,
            ca_generation: self.generation,
            without_consent: self.seed_access.without_consent().collect(),
        })
    }
}

/// When an event happened, by the Coordinator's clock.
fn time(record: &Record) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(record.time_unix_ms.try_into().unwrap_or(0))
}

fn certificate(name: &'static str, pem: &[u8], now: SystemTime) -> Result<P384Certificate, HistoryError> {
    P384Certificate::read(pem, now).map_err(about(name))
}

fn about(name: &'static str) -> impl Fn(CertificateError) -> HistoryError {
    move |source| HistoryError::Certificate { name, source }
}
