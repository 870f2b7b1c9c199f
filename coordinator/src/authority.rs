//! The single writer of a deployment's history.
//!
//! Every change goes decide → append → apply → publish, one at a time. Readers take the published
//! snapshot and never wait for a writer.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use contrast_attestation::{CollateralSource, Verifier, collateral::Collaterals};
use contrast_manifest::{Audience, ManifestDocument};
use contrast_store::{Append, EmptyLog, LockedLog, LogReader, Opened, SealedLog, StoreError};
use prost::Message;
use tokio::sync::watch;

use crate::{
    ca::{self, MeshCa},
    command::{Command, Means, SetManifest, Standing, decide},
    event::{Digest, Event, LastingCertificates},
    recovery::{self, RecoveryRequest},
    refusal::{EventFault, Refusal},
    seed::{DerivedKeys, Seed},
    seed_shares::{self, SeedShareDocument},
    state::State,
};

/// Holds the log, and publishes what it adds up to.
pub struct Authority {
    writer: Mutex<Writer>,
    published: watch::Sender<Phase>,
    /// What vendors publish about the hardware that pods may run on.
    collaterals: Collaterals,
    /// The log is in a state that only a restart can clear up.
    broken: AtomicBool,
}

/// Where a Coordinator is in its life. Cheap to clone.
#[derive(Clone)]
pub enum Phase {
    /// No manifest was ever set.
    Uninitialised,
    /// Restarted: there is a history, but not the seed to read it.
    Locked(Arc<SeedShareDocument>),
    /// Serving.
    Active(Arc<Active>),
}

/// All that serving needs; replaced as a whole by every command.
pub struct Active {
    /// The fold over all events.
    pub state: State,
    /// The current manifest.
    pub manifest: ManifestDocument,
    /// Judges of a pod's evidence, from the current manifest.
    pub verifiers: Arc<[Box<dyn Verifier>]>,
    /// Source of workload secrets.
    pub seed: Seed,
    /// The current mesh CA.
    pub ca: MeshCa,
    /// Root certificates; the same for the life of the deployment.
    pub lasting: LastingCertificates,
    /// The seed, encrypted for its owners.
    pub seed_shares: Arc<SeedShareDocument>,
    /// Reads the log, which may have grown since: this state is made of its first [`Self::events`].
    pub history: LogReader,
    /// Number of events that this state is made of.
    pub events: u64,
    keys: DerivedKeys,
}

impl Active {
    /// Whether this is the SHA-256 of a workload owner's key, by the current manifest.
    #[must_use]
    pub fn is_workload_owner(&self, key: &Digest) -> bool {
        self.manifest.manifest().workload_owners.iter().any(|owner| owner.digest() == *key)
    }
}

/// The log in one of its forms. It is `Moving` while the writer works on it, and afterwards only if that went wrong
/// in a way that leaves open what is on the disk.
enum Writer {
    Empty(EmptyLog),
    Locked(LockedLog),
    Open(SealedLog),
    Moving,
}

impl Authority {
    /// Starts from an opened store. What the verifiers of pods need of vendors comes from `collaterals`.
    ///
    /// # Errors
    /// When the header of the store holds no seed shares.
    pub fn new(opened: Opened, collaterals: Collaterals) -> Result<Arc<Self>, Refusal> {
        let (writer, phase) = match opened {
            Opened::Empty(log) => (Writer::Empty(log), Phase::Uninitialised),
            Opened::Locked(log) => {
                let shares = seed_shares::decode(&log.header().seed_shares)?;
                (Writer::Locked(log), Phase::Locked(Arc::new(shares)))
            }
        };
        Ok(Arc::new(Self {
            writer: Mutex::new(writer),
            published: watch::Sender::new(phase),
            collaterals,
            broken: AtomicBool::new(false),
        }))
    }

    /// The present snapshot.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.published.borrow().clone()
    }

    /// The serving state.
    ///
    /// # Errors
    /// [`Refusal::NoManifest`] or [`Refusal::Locked`].
    pub fn active(&self) -> Result<Arc<Active>, Refusal> {
        match self.phase() {
            Phase::Uninitialised => Err(Refusal::NoManifest),
            Phase::Locked(_) => Err(Refusal::Locked),
            Phase::Active(active) => Ok(active),
        }
    }

    /// Whether only a restart can help.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Latest transition hash of the snapshot; zeros before the first manifest.
    #[must_use]
    pub fn latest_transition(&self) -> Digest {
        match self.phase() {
            Phase::Active(active) => active.state.latest_transition().unwrap_or_default(),
            Phase::Uninitialised | Phase::Locked(_) => Digest::default(),
        }
    }

    /// Makes a manifest the current one. Blocks until the events are durable.
    ///
    /// # Errors
    /// A refusal; nothing has changed then. After a failed append the store says whether it goes on.
    pub fn set_manifest(&self, set: SetManifest) -> Result<Arc<Active>, Refusal> {
        // Nobody has to wait for a long recovery to hear this.
        if let Phase::Locked(_) = self.phase() {
            return Err(Refusal::Locked);
        }
        let mut writer = self.writer();
        match self.phase() {
            Phase::Locked(_) => Err(Refusal::Locked),
            Phase::Uninitialised => self.set_first(&mut writer, set),
            Phase::Active(active) => self.set_next(&mut writer, &active, set),
        }
    }

    /// Unlocks a restarted Coordinator. Blocks until the log is replayed and the events are durable.
    ///
    /// # Errors
    /// A refusal; the Coordinator stays locked then.
    pub fn recover(&self, request: RecoveryRequest) -> Result<Arc<Active>, Refusal> {
        let mut writer = self.writer();
        let shares = match self.phase() {
            Phase::Uninitialised => return Err(recovery::nothing_to_recover(request.expected_transition)),
            Phase::Active(_) => return Err(Refusal::AlreadyActive),
            Phase::Locked(shares) => shares,
        };
        recovery::check_request(&request, &shares)?;
        let log = match std::mem::replace(&mut *writer, Writer::Moving) {
            Writer::Locked(log) => log,
            other => return Err(self.unexpected(&mut writer, other)),
        };
        let seed = request.seed.clone();
        let (mut log, replayed) = match recovery::replay(log, &request) {
            Ok(unlocked) => unlocked,
            Err((log, refusal)) => {
                *writer = Writer::Locked(log);
                return Err(refusal);
            }
        };
        let result = self.start_after_recovery(&mut log, seed, shares, replayed, request.caller);
        *writer = match &result {
            Ok(_) => Writer::Open(log),
            Err(_) => Writer::Locked(log.lock()),
        };
        result
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log is not in the form that belongs to the phase: an earlier command broke off in the middle.
    fn unexpected(&self, writer: &mut Writer, found: Writer) -> Refusal {
        *writer = found;
        self.broken.store(true, Ordering::Release);
        Refusal::Broken
    }

    fn set_first(&self, writer: &mut Writer, set: SetManifest) -> Result<Arc<Active>, Refusal> {
        let now = SystemTime::now();
        let seed = Seed::generate()?;
        let keys = seed.derive_keys()?;
        let lasting = ca::lasting_certificates(&keys, now)?;
        let ca = MeshCa::generate(&keys, now)?;
        let shares = seed_shares::encrypt(&seed, &set.manifest.manifest().seedshare_owners)?;
        let mut state = State::default();
        let standing = Standing { state: &state, manifest: None };
        let command = Command::SetManifest(set);
        let events = decide(standing, &command, &means(now, &keys, &ca, &lasting))?;
        let Command::SetManifest(set) = command else { return Err(Refusal::Interrupted) };
        let log = match std::mem::replace(writer, Writer::Moving) {
            Writer::Empty(log) => log,
            other => return Err(self.unexpected(writer, other)),
        };
        let header = shares.encode_to_vec();
        let log = match log.initialize(seed.secret(), seed.salt(), header, append(&events, &set)) {
            Ok(log) => log,
            // The seed is on its way out of memory; only the disk knows whether a log was begun under it.
            Err((_, StoreError::Backend(error))) if error.leaves_doubt() => {
                tracing::error!(%error, "it is not known whether the first manifest was stored");
                self.broken.store(true, Ordering::Release);
                return Err(Refusal::Broken);
            }
            Err((log, error)) => {
                *writer = Writer::Empty(log);
                return Err(error.into());
            }
        };
        let history = log.reader();
        *writer = Writer::Open(log);
        apply_all(&mut state, &events, 0)?;
        Ok(self.publish(Active {
            state,
            verifiers: self.verifiers(&set.manifest),
            manifest: set.manifest,
            seed,
            ca,
            lasting,
            seed_shares: Arc::new(shares),
            events: history.head().events,
            history,
            keys,
        }))
    }

    fn set_next(
        &self,
        writer: &mut Writer,
        active: &Arc<Active>,
        set: SetManifest,
    ) -> Result<Arc<Active>, Refusal> {
        let Writer::Open(log) = writer else {
            self.broken.store(true, Ordering::Release);
            return Err(Refusal::Broken);
        };
        let now = SystemTime::now();
        let ca = MeshCa::generate(&active.keys, now)?;
        let standing = Standing { state: &active.state, manifest: Some(&active.manifest) };
        let command = Command::SetManifest(set);
        let events = decide(standing, &command, &means(now, &active.keys, &ca, &active.lasting))?;
        if events.is_empty() {
            return Ok(Arc::clone(active));
        }
        let Command::SetManifest(set) = command else { return Err(Refusal::Interrupted) };
        let position = active.history.head().events;
        log.append(append(&events, &set))?;
        let mut state = active.state.clone();
        apply_all(&mut state, &events, position)?;
        Ok(self.publish(Active {
            state,
            verifiers: self.verifiers(&set.manifest),
            manifest: set.manifest,
            ca,
            seed: active.seed.clone(),
            lasting: active.lasting.clone(),
            seed_shares: Arc::clone(&active.seed_shares),
            events: log.reader().head().events,
            history: log.reader(),
            keys: active.keys.clone(),
        }))
    }

    fn start_after_recovery(
        &self,
        log: &mut SealedLog,
        seed: Seed,
        seed_shares: Arc<SeedShareDocument>,
        replayed: recovery::Replayed,
        caller: Digest,
    ) -> Result<Arc<Active>, Refusal> {
        let now = SystemTime::now();
        let recovery::Replayed { mut state, manifest, lasting, keys } = replayed;
        let ca = MeshCa::generate(&keys, now)?;
        let standing = Standing { state: &state, manifest: Some(&manifest) };
        let events = decide(standing, &Command::Recover { caller }, &means(now, &keys, &ca, &lasting))?;
        let position = log.reader().head().events;
        log.append(Append { events: events.iter().map(Event::encode).collect(), blobs: Vec::new() })?;
        apply_all(&mut state, &events, position)?;
        Ok(self.publish(Active {
            state,
            verifiers: self.verifiers(&manifest),
            manifest,
            seed,
            ca,
            lasting,
            seed_shares,
            events: log.reader().head().events,
            history: log.reader(),
            keys,
        }))
    }

    /// Judges of pods by this manifest; what they need of vendors is kept fresh from now on.
    fn verifiers(&self, manifest: &ManifestDocument) -> Arc<[Box<dyn Verifier>]> {
        let manifest = manifest.manifest();
        self.collaterals.keep_fresh(manifest.needed_collateral());
        let source: Arc<dyn CollateralSource> = Arc::new(self.collaterals.clone());
        manifest.verifiers_with(Audience::AnyPod, &source)
    }

    fn publish(&self, active: Active) -> Arc<Active> {
        let active = Arc::new(active);
        self.published.send_replace(Phase::Active(Arc::clone(&active)));
        active
    }
}

fn means<'a>(
    now: SystemTime,
    keys: &'a DerivedKeys,
    ca: &'a MeshCa,
    lasting: &'a LastingCertificates,
) -> Means<'a> {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Means {
        now_unix_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
        transition_key: &keys.transition,
        generation: ca.certificates(),
        lasting,
    }
}

/// The events, with the contents that they refer to.
fn append<'a>(events: &[Event], set: &'a SetManifest) -> Append<'a> {
    let referenced = set.manifest.manifest().policies.keys();
    let policies = referenced.filter_map(|digest| set.policies.get(digest)).map(Vec::as_slice);
    Append {
        events: events.iter().map(Event::encode).collect(),
        blobs: std::iter::once(&**set.manifest.bytes()).chain(policies).collect(),
    }
}

fn apply_all(state: &mut State, events: &[Event], first_position: u64) -> Result<(), Refusal> {
    for (position, event) in (first_position..).zip(events) {
        state
            .apply(event.clone())
            .map_err(|fault| Refusal::BadEvent { position, reason: EventFault::Place(fault) })?;
    }
    Ok(())
}
