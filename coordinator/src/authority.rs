//! The single writer of a deployment's history.
//!
//! Every change goes decide → apply → append → publish, one at a time: what follows from the events is made before they
//! are durable, so that nothing is stored that cannot be served. Readers take the published snapshot and never wait for
//! a writer.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use contrast_attestation::{CollateralSource, Verifier, collateral::Collaterals};
use contrast_manifest::{Audience, ManifestDocument, SeedConsent};
use contrast_store::{Append, BackendError, EmptyLog, LockedLog, LogReader, Opened, SealedLog, StoreError};
use prost::Message;
use tokio::sync::watch;

use crate::{
    ca::{self, MeshCa},
    command::{Caller, Command, Means, SeedRequest, SetManifest, Standing, decide},
    event::{Digest, Event, EventKind, LastingCertificates},
    initial_owners::InitialOwners,
    pace::Pace,
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
    /// How often peers were given the seed.
    hand_overs: Mutex<Pace>,
    /// Who may set the first manifest; `None`: anybody.
    initial_owners: Option<InitialOwners>,
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
    pub ca: Arc<MeshCa>,
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

impl Active {
    /// The same deployment after more events.
    fn with(&self, state: State, history: LogReader) -> Self {
        Self {
            state,
            manifest: self.manifest.clone(),
            verifiers: Arc::clone(&self.verifiers),
            seed: self.seed.clone(),
            ca: Arc::clone(&self.ca),
            lasting: self.lasting.clone(),
            seed_shares: Arc::clone(&self.seed_shares),
            events: history.head().events,
            history,
            keys: self.keys.clone(),
        }
    }
}

impl Authority {
    /// Starts from an opened store. What the verifiers of pods need of vendors comes from `collaterals`; the first
    /// manifest must come from one of the `initial_owners`, if there are any.
    ///
    /// # Errors
    /// When the header of the store holds no seed shares.
    pub fn new(
        opened: Opened,
        collaterals: Collaterals,
        initial_owners: Option<InitialOwners>,
    ) -> Result<Arc<Self>, Refusal> {
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
            hand_overs: Mutex::default(),
            initial_owners,
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

    /// Whether the key is one of those whose turn it may be: to set the next manifest, or to recover.
    #[must_use]
    pub fn is_owner(&self, key: &Caller) -> bool {
        match self.phase() {
            Phase::Uninitialised => {
                self.initial_owners.as_ref().is_some_and(|owners| owners.contains(&key.spki_digest))
            }
            Phase::Locked(shares) => seed_shares::has_owner(&shares, &key.digest),
            Phase::Active(active) => active.is_workload_owner(&key.digest),
        }
    }

    /// Whether anybody may set the next manifest, which is the first.
    #[must_use]
    pub fn takes_anybody(&self) -> bool {
        self.initial_owners.is_none() && matches!(self.phase(), Phase::Uninitialised)
    }

    /// Makes a manifest the current one. Blocks until the events are durable.
    ///
    /// # Errors
    /// A refusal; nothing has changed then, except after [`Refusal::Broken`], where only a restart tells.
    pub fn set_manifest(&self, set: SetManifest) -> Result<Arc<Active>, Refusal> {
        self.refuse_while_locked()?;
        let mut writer = self.writer();
        self.refuse_if_broken()?;
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
        self.refuse_if_broken()?;
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

    /// Refuses what a locked Coordinator does not do, for callers who would have to wait for a turn first: a recovery
    /// that is under way may have it for long.
    ///
    /// # Errors
    /// [`Refusal::Locked`].
    pub fn refuse_while_locked(&self) -> Result<(), Refusal> {
        match self.phase() {
            Phase::Locked(_) => Err(Refusal::Locked),
            Phase::Uninitialised | Phase::Active(_) => Ok(()),
        }
    }

    /// Writes down that a peer Coordinator is given the seed. Blocks until that is durable; only then may the seed leave,
    /// from the state that is returned.
    ///
    /// # Errors
    /// A refusal; the peer gets nothing then.
    pub fn hand_over(&self, request: SeedRequest) -> Result<Arc<Active>, Refusal> {
        let policy = request.policy;
        self.add(&Command::HandOver(request), || {
            let mut pace = self.hand_overs.lock().unwrap_or_else(PoisonError::into_inner);
            pace.take(policy, Instant::now()).map_err(|wait| Refusal::HandedOverTooOften {
                policy,
                seconds: wait.as_secs().saturating_add(1),
            })
        })
    }

    /// Entitles policies of the current manifest to the seed. Blocks until that is durable. Repeated consent changes
    /// nothing.
    ///
    /// # Errors
    /// A refusal; nothing has changed then.
    pub fn give_seed_consent(&self, consent: SeedConsent) -> Result<Arc<Active>, Refusal> {
        self.add(&Command::GiveSeedConsent(consent), || Ok(()))
    }

    fn refuse_if_broken(&self) -> Result<(), Refusal> {
        if self.is_broken() { Err(Refusal::Broken) } else { Ok(()) }
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
        let standing =
            Standing { state: &state, manifest: None, initial_owners: self.initial_owners.as_ref() };
        let command = Command::SetManifest(Box::new(set));
        let events = decide(standing, &command, &means(now, &keys, &ca, &lasting))?;
        let Command::SetManifest(set) = command else { return Err(Refusal::Interrupted) };
        apply_all(&mut state, &events, 0)?;
        let verifiers = self.verifiers(&set.manifest);
        let log = match std::mem::replace(writer, Writer::Moving) {
            Writer::Empty(log) => log,
            other => return Err(self.unexpected(writer, other)),
        };
        let header = shares.encode_to_vec();
        let log = match log.initialize(seed.secret(), seed.salt(), header, append(&events, &set)) {
            Ok(log) => log,
            // The seed is on its way out of memory; only the disk knows whether a log was begun under it.
            // So does a place that is taken: an earlier attempt got as far as that.
            Err((_, StoreError::Backend(error)))
                if error.leaves_doubt() || matches!(error, BackendError::PositionTaken { .. }) =>
            {
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
        Ok(self.publish(Active {
            state,
            verifiers,
            manifest: set.manifest,
            seed,
            ca: Arc::new(ca),
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
        let standing =
            Standing { state: &active.state, manifest: Some(&active.manifest), initial_owners: None };
        let command = Command::SetManifest(Box::new(set));
        let events = decide(standing, &command, &means(now, &active.keys, &ca, &active.lasting))?;
        if events.is_empty() {
            return Ok(Arc::clone(active));
        }
        let Command::SetManifest(set) = command else { return Err(Refusal::Interrupted) };
        let changes_manifest = events.iter().any(|event| matches!(event.kind, EventKind::ManifestSet(_)));
        // What can fail comes before the append.
        let verifiers =
            if changes_manifest { self.verifiers(&set.manifest) } else { Arc::clone(&active.verifiers) };
        let state = self.extend(log, active, &events, append(&events, &set))?;
        if !changes_manifest {
            return Ok(self.publish(active.with(state, log.reader())));
        }
        Ok(self.publish(Active {
            verifiers,
            manifest: set.manifest,
            ca: Arc::new(ca),
            ..active.with(state, log.reader())
        }))
    }

    /// Carries out a command that changes neither manifest nor certificates. `admit` has the last word before the append.
    fn add(
        &self,
        command: &Command,
        admit: impl FnOnce() -> Result<(), Refusal>,
    ) -> Result<Arc<Active>, Refusal> {
        let mut writer = self.writer();
        self.refuse_if_broken()?;
        let active = self.active()?;
        let Writer::Open(log) = &mut *writer else {
            self.broken.store(true, Ordering::Release);
            return Err(Refusal::Broken);
        };
        let standing =
            Standing { state: &active.state, manifest: Some(&active.manifest), initial_owners: None };
        let events =
            decide(standing, command, &means(SystemTime::now(), &active.keys, &active.ca, &active.lasting))?;
        if events.is_empty() {
            return Ok(active);
        }
        admit()?;
        let only_events = Append { events: events.iter().map(Event::encode).collect(), blobs: Vec::new() };
        let state = self.extend(log, &active, &events, only_events)?;
        Ok(self.publish(active.with(state, log.reader())))
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
        let standing = Standing { state: &state, manifest: Some(&manifest), initial_owners: None };
        let events = decide(standing, &Command::Recover { caller }, &means(now, &keys, &ca, &lasting))?;
        apply_all(&mut state, &events, log.reader().head().events)?;
        let verifiers = self.verifiers(&manifest);
        self.append(log, Append { events: events.iter().map(Event::encode).collect(), blobs: Vec::new() })?;
        Ok(self.publish(Active {
            state,
            verifiers,
            manifest,
            seed,
            ca: Arc::new(ca),
            lasting,
            seed_shares,
            events: log.reader().head().events,
            history: log.reader(),
            keys,
        }))
    }

    /// Says what `events` lead to, and appends them to the log of `active`.
    fn extend(
        &self,
        log: &mut SealedLog,
        active: &Active,
        events: &[Event],
        append: Append<'_>,
    ) -> Result<State, Refusal> {
        let mut state = active.state.clone();
        apply_all(&mut state, events, active.history.head().events)?;
        self.append(log, append)?;
        Ok(state)
    }

    /// Appends. Where that leaves doubt, the log is opened anew, which shows whether the events are there: then nothing
    /// has failed. If it cannot be opened, or holds anything but what it held, nothing can be done without a restart.
    fn append(&self, log: &mut SealedLog, append: Append<'_>) -> Result<(), Refusal> {
        let before = log.reader().head();
        let error = match log.append(append) {
            Err(StoreError::Backend(error)) if error.leaves_doubt() => error,
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        };
        tracing::error!(%error, "it is not known whether the events were stored; the store is opened anew");
        match log.reopen() {
            Ok(head) if head == before => {
                tracing::warn!("the events were not stored; the store goes on without them");
                Err(Refusal::NotStored(error))
            }
            Ok(_) => {
                tracing::warn!("the events were stored; the store goes on with them");
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the store could not be opened anew");
                self.broken.store(true, Ordering::Release);
                Err(Refusal::Broken)
            }
        }
    }

    /// Judges of pods by this manifest.
    fn verifiers(&self, manifest: &ManifestDocument) -> Arc<[Box<dyn Verifier>]> {
        let source: Arc<dyn CollateralSource> = Arc::new(self.collaterals.clone());
        manifest.manifest().verifiers_with(Audience::AnyPod, &source)
    }

    /// Serves a state from now on, and keeps fresh what its verifiers need of vendors. All that can fail, or that takes
    /// memory, was done before the events were appended: what is durable comes back with every recovery.
    fn publish(&self, active: Active) -> Arc<Active> {
        self.collaterals.keep_fresh(active.manifest.manifest().needed_collateral());
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
