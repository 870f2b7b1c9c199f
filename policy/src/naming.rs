//! How pods are named, which depends on what makes them.

use crate::data::Wanted;

/// What makes the pods, and its name. Kubernetes puts a dash and a suffix after the name, of consonants and digits
/// (`k8s.io/apimachinery/pkg/util/rand`), and cuts what would be longer than 63 characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Naming<'a> {
    /// The pod itself.
    Exact(&'a str),
    /// The pod itself, by `generateName`.
    Generated(&'a str),
    /// A Deployment: the suffix of its ReplicaSet, and that of the pod.
    Deployment(&'a str),
    /// A DaemonSet, ReplicaSet or ReplicationController.
    Replicated(&'a str),
    /// A StatefulSet: the pod's number.
    StatefulSet(&'a str),
    /// A Job: a number if its pods are indexed, and a suffix.
    Job(&'a str),
    /// A CronJob: the time, and then as a Job.
    CronJob(&'a str),
}

const SUFFIX: &str = "[bcdfghjklmnpqrstvwxz2456789]+";
/// Longest name that is given a suffix; the rest is cut.
const MAX_GENERATED: usize = 58;

impl Naming<'_> {
    /// The names that pods may have.
    pub(crate) fn wanted(self) -> Wanted {
        match self {
            Self::Exact(name) => Wanted::value(name),
            Self::Generated(prefix) => Wanted::pattern(&[&cut(prefix), SUFFIX]),
            Self::Deployment(name) => Wanted::pattern(&[&cut(name), "(-", SUFFIX, ")?-?", SUFFIX]),
            Self::Replicated(name) => Wanted::pattern(&[&cut(&dashed(name)), SUFFIX]),
            Self::StatefulSet(name) => Wanted::pattern(&[&regex::escape(name), "-[0-9]+"]),
            Self::Job(name) => Wanted::pattern(&[&cut(name), "(-[0-9]+)?-?", SUFFIX]),
            Self::CronJob(name) => Wanted::pattern(&[&cut(name), "-[0-9]+(-[0-9]+)?-", SUFFIX]),
        }
    }
}

fn dashed(name: &str) -> String {
    format!("{name}-")
}

/// The part that is kept before a suffix, as a pattern.
fn cut(name: &str) -> String {
    let end =
        (0..=name.len().min(MAX_GENERATED)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
    regex::escape(name.get(..end).unwrap_or_default())
}
