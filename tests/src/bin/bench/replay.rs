//! Replay of long histories, against decrypting and hashing the same bytes in memory; and its memory.

use std::{fs, time::SystemTime};

use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{AeadInOut, inout::InOutBuf},
};
use contrast_coordinator::{
    ca::{self, MeshCa},
    command::{Caller, Command, Means, SetManifest, Standing, decide},
    event::Event,
    seed::Seed,
    seed_shares,
    state::State,
};
use contrast_manifest::{ManifestDocument, SeedShares};
use contrast_store::{Append, Opened, SealedLog, SledBackend};
use contrast_tests::{Coordinator, Deployment, mib};
use sha2::{Digest, Sha256};

use crate::{
    append::timed,
    table::{Bound, Row, median},
};

/// Policies that all manifests share, and the size of each.
const POLICIES: usize = 20;
const POLICY_BYTES: usize = 60 * 1024;
/// Manifests of a short and a long history.
const SHORT: usize = 10_000;
const LONG: usize = 100_000;
const REPETITIONS: usize = 5;
/// As long as what the store binds a record to.
const BINDING: [u8; 82] = [5; 82];

/// Replays a short and a long history, and compares the two.
pub(crate) fn replays() -> Vec<Row> {
    let (mut rows, short) = replay(SHORT);
    eprintln!("making a history of {LONG} manifests; this takes minutes");
    let (more, long) = replay(LONG);
    rows.extend(more);
    rows.push(Row {
        what: format!("replay: time per event of {LONG} manifests"),
        measured: format!("{:.2} µs", long * 1e6),
        against: format!("time per event of {SHORT} manifests: {:.2} µs", short * 1e6),
        value: long / short,
        bound: Bound::Times(1.5),
    });
    rows
}

/// Builds a history with this many manifests, replays it, and lets a Coordinator recover from it. Also returns the
/// seconds that an event takes.
fn replay(manifests: usize) -> (Vec<Row>, f64) {
    let mut history = History::build(manifests);
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..REPETITIONS {
        ours.push(history.replay());
        theirs.push(timed(|| history.decrypt_and_hash()));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let events = history.sizes.len();
    eprintln!("replay of {events} events: {ours:.3} s, against {theirs:.3} s");
    let rows = vec![
        Row {
            what: format!("replay of {manifests} manifests ({events} events)"),
            measured: format!("{:.0} ms", ours * 1000.0),
            against: format!("decrypting and hashing the same bytes: {:.0} ms", theirs * 1000.0),
            value: ours / theirs,
            bound: Bound::Times(1.5),
        },
        history.memory_of_recovery(manifests),
    ];
    (rows, ours / events as f64)
}

struct History {
    deployment: Deployment,
    seed: Seed,
    /// Bytes of every event.
    sizes: Vec<usize>,
    sealed: Vec<Vec<u8>>,
}

impl History {
    fn build(manifests: usize) -> Self {
        let deployment = Deployment::new();
        let policies: Vec<Vec<u8>> =
            (0..POLICIES).map(|number| vec![b'a' + number as u8; POLICY_BYTES]).collect();
        let mut file = deployment.manifest();
        for policy in &policies {
            file = file.workload(policy, "pod", None);
        }
        let text = serde_json::to_vec(&file.json).expect("JSON has a text");
        let own = ["coordinator", "web"]
            .map(|name| fs::read(deployment.policy_file(name)).expect("it was written"));
        let policies: Vec<&[u8]> = policies.iter().chain(&own).map(Vec::as_slice).collect();
        let (seed, events) = (Seed::generate().expect("there is randomness"), Vec::new());
        let mut history = Self { deployment, seed, sizes: events, sealed: Vec::new() };
        history.write(&text, &policies, manifests);
        history
    }

    fn write(&mut self, text: &[u8], policies: &[&[u8]], manifests: usize) {
        let now = SystemTime::now();
        let keys = self.seed.derive_keys().expect("a seed has keys");
        let lasting = ca::lasting_certificates(&keys, now).expect("certificates can be made");
        let ca = MeshCa::generate(&keys, now).expect("certificates can be made");
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).expect("the clock runs");
        let means = Means {
            // Certificates have to be valid then.
            now_unix_ms: i64::try_from(since_epoch.as_millis()).expect("it is this century"),
            transition_key: &keys.transition,
            generation: ca.certificates(),
            lasting: &lasting,
        };
        let mut state = State::default();
        let mut log: Option<SealedLog> = None;
        let owner =
            Sha256::digest(hex::decode(self.deployment.workload_owner("")).expect("it is hex")).into();
        let by_digest =
            policies.iter().map(|policy| (Sha256::digest(policy).into(), policy.to_vec())).collect();
        let mut set = SetManifest {
            manifest: ManifestDocument::parse(text.to_vec()).expect("the manifest is valid"),
            policies: by_digest,
            seen: [0; 32],
            missing: None,
            expected_previous: None,
            caller: Some(Caller { digest: owner, spki_digest: owner }),
            signature: None,
            seed_consent: None,
        };
        let mut current: Option<ManifestDocument> = None;
        for number in 0..manifests {
            // Another manifest each time: the text ends with its number in white space.
            let spelled: String =
                (0..17).map(|bit| if number >> bit & 1 == 1 { '\t' } else { ' ' }).collect();
            let bytes = [text, spelled.as_bytes()].concat();
            set.manifest = ManifestDocument::parse(bytes.clone()).expect("the manifest is valid");
            set.seen = state.latest_transition().unwrap_or_default();
            let standing = Standing { state: &state, manifest: current.as_ref(), initial_owners: None };
            let command = Command::SetManifest(Box::new(set));
            let decided = decide(standing, &command, &means).expect("the owner may set");
            let Command::SetManifest(back) = command else { panic!("it is the command from above") };
            set = *back;
            decided.iter().for_each(|event| state.apply(event.clone()).expect("it was just decided"));
            current = Some(set.manifest.clone());
            let events: Vec<Vec<u8>> = decided.iter().map(Event::encode).collect();
            self.sizes.extend(events.iter().map(Vec::len));
            // One append for each set, as a Coordinator does. It also offers the policies each time, which are stored
            // once; to hash them again and again would only make this take longer.
            match &mut log {
                Some(log) => {
                    log.append(Append { events, blobs: vec![&bytes] }).expect("there is room");
                }
                None => {
                    let blobs = std::iter::once(bytes.as_slice()).chain(policies.iter().copied()).collect();
                    log = Some(self.initialize(Append { events, blobs }));
                }
            }
        }
    }

    fn initialize(&self, first: Append<'_>) -> SealedLog {
        use prost::Message;
        let backend = SledBackend::open(&self.deployment.state_dir).expect("the directory is empty");
        let Ok(Opened::Empty(empty)) = contrast_store::open(backend) else { panic!("the store is new") };
        let owner = self.deployment.seedshare_owner_key("").owner().clone();
        let shares = seed_shares::encrypt(&self.seed, &[owner]).expect("the key can encrypt");
        let pairs =
            shares.seed_shares.iter().map(|share| (share.public_key.clone(), share.encrypted_seed.clone()));
        let file = SeedShares::new(pairs, &shares.salt).expect("it has the right salt");
        fs::write(self.deployment.workspace.join("seed-shares.json"), file.to_json())
            .expect("it can be written");
        empty
            .initialize(self.seed.secret(), self.seed.salt(), shares.encode_to_vec(), first)
            .expect("there is room")
    }

    /// Seconds that unlocking and folding every event take: what `recover` waits for. The store was opened before, when
    /// the Coordinator started.
    fn replay(&self) -> f64 {
        let backend = SledBackend::open(&self.deployment.state_dir).expect("the store is there");
        let Ok(Opened::Locked(log)) = contrast_store::open(backend) else { panic!("it has a history") };
        let mut state = State::default();
        let mut unlocked = None;
        let seconds = timed(|| {
            let log = log.unlock(self.seed.secret(), |record| -> Result<(), Box<dyn std::error::Error>> {
                Ok(state.apply(Event::decode(record.event)?)?)
            });
            unlocked = Some(log.map_err(|(_, error)| error).expect("it verifies"));
        });
        assert_eq!(state.manifests as usize * 2, self.sizes.len());
        seconds
    }

    /// What nothing that verifies a sealed, chained log can avoid: to decrypt every event under a key of its
    /// own, and to hash its sealed bytes.
    fn decrypt_and_hash(&mut self) {
        if self.sealed.is_empty() {
            self.sealed = self.sizes.iter().enumerate().map(|(at, size)| seal(at, vec![7; *size])).collect();
        }
        let (mut chain, mut event) = ([0; 32], Vec::new());
        for (at, sealed) in self.sealed.iter().enumerate() {
            chain = Sha256::new().chain_update(chain).chain_update(sealed).finalize().into();
            let (body, tag) = sealed.split_at(sealed.len() - 16);
            event.clear();
            event.extend_from_slice(body);
            let tag = tag.try_into().expect("16 bytes");
            cipher(at)
                .decrypt_inout_detached(
                    &Nonce::default(),
                    &BINDING,
                    InOutBuf::from(event.as_mut_slice()),
                    &tag,
                )
                .expect("it was sealed so");
        }
        assert_ne!(chain, [0; 32]);
    }

    fn memory_of_recovery(&self, manifests: usize) -> Row {
        let coordinator: Coordinator = self.deployment.start();
        let idle = coordinator.resident_bytes();
        self.deployment.contrast(&coordinator, "recover", &[]).success();
        let above = mib(coordinator.peak_resident_bytes().saturating_sub(idle));
        Row {
            what: format!("memory of a recovery from {manifests} manifests"),
            measured: format!("{above:.1} MiB above idle"),
            against: "–".into(),
            value: above,
            bound: Bound::Mib(64.0),
        }
    }
}

/// Every record has a key of its own, which has to be expanded.
fn cipher(at: usize) -> Aes256Gcm {
    let mut key = [3; 32];
    key.iter_mut().zip(at.to_le_bytes()).for_each(|(to, from)| *to = from);
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(key))
}

fn seal(at: usize, mut event: Vec<u8>) -> Vec<u8> {
    let tag = cipher(at)
        .encrypt_inout_detached(&Nonce::default(), &BINDING, InOutBuf::from(event.as_mut_slice()))
        .expect("it is short");
    event.extend_from_slice(&tag);
    event
}
