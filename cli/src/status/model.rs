//! What `contrast status` shows, in the form of its JSON (docs/status.md).

use serde::Serialize;

/// Of the JSON. It grows when something is taken away or means something else, and not when something is added.
const VERSION: u32 = 1;

/// Everything.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    version: u32,
    pub(crate) verdict: Verdict,
    pub(crate) attested: Attested,
    pub(crate) cluster: Cluster,
}

impl Status {
    pub(crate) fn new(attested: Attested, cluster: Cluster) -> Self {
        let verdict = Verdict::of(&attested, &cluster);
        Self { version: VERSION, verdict, attested, cluster }
    }
}

/// All in one word, and in an exit code.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// The Coordinator is attested and has the local manifest, and every pod has what it needs.
    Well,
    /// Something is still to come, or cannot be seen.
    Waiting,
    /// A pod is refused or failed, a node has no runtime, or the Coordinator has another manifest.
    Failed,
    /// The Coordinator is not attested.
    NotAttested,
    /// The cluster does not answer.
    Unreachable,
}

impl Verdict {
    /// For scripts. 1 and 2 are what every command ends with when it fails, and when it is called in a wrong way.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Waiting => 3,
            Self::Failed => 4,
            Self::NotAttested => 5,
            Self::Unreachable => 6,
        }
    }

    fn of(attested: &Attested, cluster: &Cluster) -> Self {
        let pods = || {
            let listed = cluster.workloads.iter().filter(|workload| !workload.coordinator);
            listed.flat_map(|workload| &workload.pods).chain(&cluster.strangers)
        };
        let failed = |pod: &Pod| matches!(pod.state, PodState::Refused | PodState::Failed);
        let waits = |pod: &Pod| pod.state == PodState::Waiting || (pod.state.runs() && !pod.ready);
        let without = |workload: &Workload| !workload.coordinator && workload.pods.is_empty();
        if cluster.unreachable.is_some() {
            Self::Unreachable
        } else if !attested.state.is_attested() {
            Self::NotAttested
        } else if attested.same_manifest == Some(false)
            || pods().any(failed)
            || cluster.nodes.iter().flat_map(|node| &node.runtimes).any(|runtime| runtime.state == "failed")
        {
            Self::Failed
        } else if attested.state != CoordinatorState::Active
            || pods().any(waits)
            || cluster.workloads.iter().any(without)
        {
            Self::Waiting
        } else {
            Self::Well
        }
    }
}

/// What the Coordinator proved, and what it said after that.
#[derive(Serialize, Clone, Default, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attested {
    pub(crate) state: CoordinatorState,
    /// Where it was reached.
    pub(crate) address: Option<String>,
    /// Whether its hardware is simulated, so that nothing is confidential.
    pub(crate) simulated: bool,
    /// The manifest's entry that accepted its evidence.
    pub(crate) accepted_by: Option<String>,
    /// SHA-256 of its policy, in hexadecimal.
    pub(crate) policy: Option<String>,
    /// SHA-256 of its current manifest, in hexadecimal.
    pub(crate) manifest: Option<String>,
    /// SHA-256 of the local manifest, in hexadecimal.
    pub(crate) local_manifest: Option<String>,
    /// Whether they are the same.
    pub(crate) same_manifest: Option<bool>,
    /// Its latest transition, in hexadecimal.
    pub(crate) latest_transition: Option<String>,
    /// Whether that is the one that the workspace remembers.
    pub(crate) remembered: Option<bool>,
    /// When its manifest was set, by its own clock.
    pub(crate) set_at: Option<String>,
    /// How many manifests there were.
    pub(crate) manifests: Option<usize>,
    /// Why it is not attested, or why its state is not known.
    pub(crate) reason: Option<String>,
    /// What to do.
    pub(crate) advice: Option<String>,
}

/// The Coordinator's state.
#[derive(Serialize, Clone, Copy, Default, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CoordinatorState {
    /// No connection.
    #[default]
    Unreachable,
    /// Its evidence, or its history, is not what the workspace expects; or there is no manifest to judge it by.
    NotAttested,
    /// Attested. No manifest was ever set.
    Uninitialised,
    /// Attested. It was restarted, and waits for its seed.
    Locked,
    /// Attested. It has a manifest.
    Active,
    /// Attested, but it does not say more.
    Unknown,
}

impl CoordinatorState {
    pub(crate) fn is_attested(self) -> bool {
        !matches!(self, Self::Unreachable | Self::NotAttested)
    }
}

/// What the cluster says. Nobody vouches for it.
#[derive(Serialize, Clone, Default, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cluster {
    pub(crate) server: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) namespace: Option<String>,
    /// How the Coordinator was reached.
    pub(crate) way: Option<String>,
    /// Why it cannot be asked.
    pub(crate) unreachable: Option<String>,
    /// What to do about that.
    pub(crate) advice: Option<String>,
    /// What the manifest lists.
    pub(crate) workloads: Vec<Workload>,
    /// Pods that should be confidential, and that the manifest does not list.
    pub(crate) strangers: Vec<Pod>,
    pub(crate) nodes: Vec<Node>,
    /// RuntimeClasses.
    pub(crate) runtime_classes: Vec<String>,
    /// Rights that are missing.
    pub(crate) missing: Vec<Missing>,
}

/// An entry of the manifest, and its pods.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Workload {
    pub(crate) name: String,
    /// SHA-256 of its policy, in hexadecimal.
    pub(crate) policy: String,
    /// Is it the Coordinator?
    pub(crate) coordinator: bool,
    pub(crate) pods: Vec<Pod>,
    /// Why there are no pods, or none more.
    pub(crate) reason: Option<String>,
    /// What to do about that.
    pub(crate) advice: Option<String>,
}

/// A pod.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) node: Option<String>,
    pub(crate) state: PodState,
    /// Whether the cluster calls it ready.
    pub(crate) ready: bool,
    /// Whether its runtime class is of the simulated platform.
    pub(crate) simulated: bool,
    pub(crate) restarts: i32,
    pub(crate) reason: Option<String>,
    pub(crate) advice: Option<String>,
}

/// A pod's state, as the cluster tells it.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PodState {
    /// Something is still to come.
    Waiting,
    /// Its Initializer has a certificate.
    Certified,
    /// It runs, and has no Initializer.
    Running,
    /// A policy or a manifest does not allow it.
    Refused,
    /// Something else went wrong.
    Failed,
    /// It has ended, or is about to.
    Ended,
}

impl PodState {
    pub(crate) fn runs(self) -> bool {
        matches!(self, Self::Certified | Self::Running)
    }
}

/// A node.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) ready: bool,
    pub(crate) runtimes: Vec<Runtime>,
}

/// A runtime of a node.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Runtime {
    pub(crate) handler: String,
    /// `ready`, `installing`, `failed`, or whatever the node says.
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
}

/// A right that is missing.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Missing {
    /// For example `list nodes`.
    pub(crate) right: String,
    /// What is not shown without it.
    pub(crate) without: String,
}
