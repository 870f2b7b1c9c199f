//! Why a call is refused, in one place.

use contrast_policy::request::MemberError;

use crate::{
    command_line::CommandLineError, configuration::ConfigurationError, denial::Denial, mounts::Reaches,
    node::NodeError, pod::PodError, policy::PolicyError, runc::RuncError, signer::SignerError,
};

/// Why a call is refused.
#[derive(thiserror::Error, Debug)]
pub enum Failure {
    /// The call itself.
    #[error("the simulated platform refuses a call of containerd: {0}")]
    CommandLine(#[from] CommandLineError),
    /// Something on the node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// What containerd wrote.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// What containerd wrote is no configuration as the specification has it.
    #[error("the configuration of the container cannot be read: {0}")]
    Member(#[from] MemberError),
    /// The pod's policy cannot be had.
    #[error("{0} (simulated platform, nothing is confidential)")]
    Policy(#[from] PolicyError),
    /// The policy says no.
    #[error(transparent)]
    Denial(#[from] Denial),
    /// What is remembered of the pod.
    #[error(transparent)]
    Pod(#[from] PodError),
    /// What the pod would see of the node.
    #[error(transparent)]
    Reaches(#[from] Reaches),
    /// The signer.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The pod's network.
    #[error("the network of the pod cannot be read from {path}: {source}")]
    Network {
        /// Its namespace.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Limits that come over the standard input.
    #[error("the limits of the container cannot be read from the standard input: {0}")]
    Input(#[source] std::io::Error),
    /// The sandbox and its container have different names.
    #[error("the sandbox {sandbox:?} is made by a container of another identifier, {id:?}")]
    OtherSandbox {
        /// As the annotation says.
        sandbox: String,
        /// As the call says.
        id: String,
    },
    /// The real runtime.
    #[error(transparent)]
    Runc(#[from] RuncError),
}
