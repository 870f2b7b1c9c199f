//! A Coordinator under attack.

use std::{
    fs,
    io::Read,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use contrast_attestation::{Attester, simulated::Processor};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Attack, Waits,
    honest::{Honest, PATIENCE},
    prices::Victim,
};
use crate::{Coordinator, Deployment, programs::program};

/// Entries of reference values in the manifest. An honest pod is accepted by the first, evidence of strangers by none.
const ENTRIES: u64 = 20;
/// Policies that make the history long enough to be read slowly, in many pieces, and the bytes of each.
const POLICIES: usize = 40;
const POLICY: usize = 2000;
/// When an attacker is told to stop, it gets so long to do so.
const OVERTIME: Duration = Duration::from_secs(10);

/// A deployment of its own, with an active Coordinator.
pub struct Siege {
    coordinator: Coordinator,
    honest: Honest,
    /// How long honest clients wait when there is no attack: at the user API, and at the mesh API.
    pub quiet: [Waits; 2],
    _deployment: Deployment,
}

/// How to attack.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Time of each attack.
    pub time: Duration,
    /// See [`super::Target::addresses`].
    pub addresses: u8,
    /// The attacker's process gets what is left of the processors, since it shares them with its victim.
    pub lowest_priority: bool,
}

/// What an attack led to.
pub struct Outcome {
    /// Its name.
    pub attack: &'static str,
    /// What was sent, in words.
    pub sent: String,
    /// How long honest clients waited beside it: at the user API, and at the mesh API.
    pub waits: [Waits; 2],
    /// Bytes of memory that the Coordinator had resident before: what other attacks have left is not given back.
    pub bytes_before: u64,
    /// Most bytes of memory that it had resident.
    pub peak_bytes: u64,
}

impl Siege {
    /// Sets the deployment up, and measures for a while how long honest clients wait when there is no attack.
    ///
    /// # Panics
    /// When the Coordinator cannot be started, or fails honest clients already.
    #[must_use]
    pub fn lay(quiet: Duration) -> Self {
        let deployment = Deployment::new();
        write_manifest(&deployment);
        let coordinator = deployment.start();
        deployment.contrast(&coordinator, "set", &[]).success();
        let policy = fs::read(deployment.policy_file("web")).expect("it was written");
        let processor = Processor::open(&deployment.simulator).expect("it was made");
        let attester: Arc<dyn Attester> = Arc::new(processor.attester(Sha256::digest(policy).into()));
        let honest = Honest::new(coordinator.user_api, coordinator.mesh_api, attester);
        // What is done once in the life of a process is no part of what others wait for.
        honest.certificates(10);
        let quiet = honest.visit(quiet);
        for waits in &quiet {
            assert!(
                waits.failures.is_empty(),
                "honest clients fail without any attack: {:?}",
                waits.failures
            );
        }
        Self { coordinator, honest, quiet, _deployment: deployment }
    }

    /// Lets one attack loose, and honest clients beside it. It goes on until the last of them is through, so that
    /// nobody is served only because it is over.
    ///
    /// # Panics
    /// When the attacker's process cannot be started, or the Coordinator did not survive.
    #[must_use]
    pub fn endure(&self, attack: &Attack, manner: Manner) -> Outcome {
        self.coordinator.forget_peak();
        let bytes_before = self.coordinator.resident_bytes();
        let attacker = self.attacker(attack, manner).spawn().expect("the attacker can be started");
        let waits = self.honest.visit(manner.time);
        let sent = end_of(attacker);
        let peak_bytes = self.coordinator.peak_resident_bytes();
        Outcome { attack: attack.name, sent, waits, bytes_before, peak_bytes }
    }

    /// The one to find out from what handshakes cost.
    pub(super) fn victim(&self) -> Victim<'_> {
        Victim { coordinator: &self.coordinator, honest: &self.honest }
    }

    fn attacker(&self, attack: &Attack, manner: Manner) -> Command {
        let mut command = program("attack");
        command
            .args(["let-loose", attack.name])
            .args([self.coordinator.user_api, self.coordinator.mesh_api].map(|api| api.to_string()))
            .args([(manner.time + PATIENCE).as_millis().to_string(), manner.addresses.to_string()])
            .args(manner.lowest_priority.then_some("lowest-priority"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }
}

/// Tells an attacker to stop, and returns what it said. One that does not end is ended.
fn end_of(mut attacker: Child) -> String {
    const LOOK: Duration = Duration::from_millis(20);
    drop(attacker.stdin.take());
    let deadline = Instant::now() + OVERTIME;
    while attacker.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < deadline {
        thread::sleep(LOOK);
    }
    let _ = attacker.kill();
    let _ = attacker.wait();
    let mut said = String::new();
    if let Some(mut stdout) = attacker.stdout.take() {
        let _ = stdout.read_to_string(&mut said);
    }
    if said.is_empty() { "nothing: the attacker failed".to_owned() } else { said.trim().to_owned() }
}

/// A manifest by which evidence is expensive to judge, and a history that takes a while to read.
fn write_manifest(deployment: &Deployment) {
    let mut manifest = deployment.manifest();
    for number in 0..POLICIES {
        let name = format!("filler-{number}");
        let mut policy = format!("package agent_policy\n# {name}\n").into_bytes();
        policy.resize(POLICY, b'#');
        deployment.write_policy(&name, &policy);
        manifest = manifest.workload(&policy, &name, None);
    }
    let entries = manifest.json.pointer_mut("/ReferenceValues/simulated").and_then(Value::as_array_mut);
    let entries = entries.expect("the list is there");
    let honest = entries.first().cloned().unwrap_or_default();
    entries.extend((1..ENTRIES).map(|number| {
        let mut entry = honest.clone();
        if let Some(version) = entry.pointer_mut("/MinimumTCB/MicrocodeVersion") {
            *version = (number + 100).into();
        }
        entry
    }));
    manifest.write(&deployment.manifest_path());
}
