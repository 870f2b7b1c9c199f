//! Why no way leads to a Coordinator.

use std::{borrow::Cow, fmt};

use contrast_kubernetes::AccessError;

use crate::failure::Advice;

/// There is no way.
#[derive(thiserror::Error, Debug)]
pub(crate) enum ClusterError {
    /// The cluster cannot be asked.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// No way leads there.
    #[error("no way leads to the Coordinator of the Service {namespace}/{service}:{}", list(.tried))]
    NoWay {
        /// Where it is looked for.
        namespace: String,
        /// The Service.
        service: String,
        /// What was tried, in this order.
        tried: Vec<Tried>,
    },
}

/// A way that does not lead there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tried {
    /// The way.
    pub(crate) way: &'static str,
    /// What is in it.
    pub(crate) obstacle: Obstacle,
}

/// What is in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// There is no such thing.
    Absent(String),
    /// It is still to come.
    NotYet(String),
    /// It does not answer.
    Silent(String),
    /// A right is missing.
    Forbidden(String),
    /// It cannot be, the way it is made.
    Unsuitable(String),
}

impl ClusterError {
    /// May it be better in a moment, without anybody's doing?
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Access(error) => error.is_transient(),
            Self::NoWay { tried, .. } => {
                tried.iter().any(|tried| matches!(tried.obstacle, Obstacle::NotYet(_) | Obstacle::Silent(_)))
            }
        }
    }
}

impl Advice for AccessError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(Self::advice(self))
    }
}

impl Advice for ClusterError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        let Self::NoWay { tried, .. } = self else {
            let Self::Access(error) = self else { return None };
            return Some(error.advice());
        };
        let nothing = tried.iter().all(|tried| matches!(tried.obstacle, Obstacle::Absent(_)));
        Some(if nothing {
            "apply the Coordinator first, or name its namespace: -c kubernetes:NAMESPACE".into()
        } else {
            "make the Service one of type LoadBalancer, or apply deploy/port-forwarder.yml in its namespace; with an address of \
             your own, give -c HOST:PORT"
                .into()
        })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(text)
            | Self::NotYet(text)
            | Self::Silent(text)
            | Self::Forbidden(text)
            | Self::Unsuitable(text) => f.write_str(text),
        }
    }
}

fn list(tried: &[Tried]) -> String {
    tried.iter().map(|tried| format!("\n  {}: {}", tried.way, tried.obstacle)).collect()
}
