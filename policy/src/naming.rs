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

/// Of a pod (`k8s.io/apiserver/pkg/storage/names`).
const SUFFIX: &str = "[bcdfghjklmnpqrstvwxz2456789]{5}";
/// Of a ReplicaSet: a number of 32 bits, digit by digit.
const HASH: &str = "[bcdfghjklmnpqrstvwxz2456789]{1,10}";
/// Minutes since 1970, and the number of a pod.
const TIME: &str = "[0-9]{8,10}";
const INDEX: &str = "(?:-[0-9]{1,10})?";
/// Longest host name (kubelet).
const MAX_HOST_NAME: usize = 63;
/// Longest name that is given a suffix; the rest is cut.
const MAX_GENERATED: usize = 58;

impl Naming<'_> {
    /// The names that pods may have.
    pub(crate) fn wanted(self) -> Wanted {
        match self {
            Self::Exact(name) => Wanted::value(name),
            Self::Generated(prefix) => Wanted::pattern(&[&cut(prefix), SUFFIX]),
            Self::Deployment(name) => between(name, 10, &["-", HASH]),
            Self::Replicated(name) => between(name, 0, &[]),
            Self::StatefulSet(name) => Wanted::pattern(&[&regex::escape(name), "-[0-9]+"]),
            Self::Job(name) => between(name, 11, &[INDEX]),
            Self::CronJob(name) => between(name, 22, &["-", TIME, INDEX]),
        }
    }

    /// A pattern of the host names that pods have, where it may be another one than their own: what is too long is cut, and those of an
    /// indexed Job go without the suffix.
    pub(crate) fn host_name(self) -> Option<String> {
        let job = match self {
            Self::Exact(name) => {
                let short = name.get(..MAX_HOST_NAME).filter(|short| short.len() < name.len())?;
                return Some(regex::escape(short.trim_end_matches(['-', '.'])));
            }
            Self::Job(name) => regex::escape(name),
            Self::CronJob(name) => format!("{}-{TIME}", regex::escape(name)),
            _ => return None,
        };
        let own = match self.wanted() {
            Wanted::Pattern { pattern } => pattern.trim_start_matches('^').trim_end_matches('$').to_owned(),
            Wanted::Value { value } => regex::escape(&value),
            Wanted::Pin { like, .. } => like,
        };
        Some(format!("(?:{own}|{job}-[0-9]{{1,10}})"))
    }
}

/// A name, something of at most `longest` characters after its dash, a dash, and the suffix. Where that may be too long, what
/// comes before the suffix is cut somewhere, so that only its characters are known.
fn between(name: &str, longest: usize, parts: &[&str]) -> Wanted {
    if name.len() + 1 + longest < MAX_GENERATED {
        return Wanted::pattern(&[&regex::escape(name), &parts.concat(), "-", SUFFIX]);
    }
    Wanted::pattern(&[&cut(name), "[a-z0-9-]*", SUFFIX])
}

/// The part that is kept before a suffix, as a pattern.
fn cut(name: &str) -> String {
    let end =
        (0..=name.len().min(MAX_GENERATED)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
    regex::escape(name.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(naming: Naming<'_>, name: &str) -> bool {
        match naming.wanted() {
            Wanted::Value { value } => value == name,
            Wanted::Pattern { pattern } => regex::Regex::new(&pattern).unwrap().is_match(name),
            Wanted::Pin { .. } => false,
        }
    }

    #[test]
    fn host_names_that_are_too_long_are_cut() {
        let long = "a.".repeat(40);
        assert_eq!(Naming::Exact(&long).host_name(), Some("a\\.".repeat(31) + "a"));
        assert_eq!(Naming::Exact(&format!("{}-b", "a".repeat(62))).host_name(), Some("a".repeat(62)));
        assert_eq!(Naming::Exact(&"a".repeat(63)).host_name(), None);
        assert_eq!(Naming::Deployment("web").host_name(), None);
    }

    #[test]
    fn pods_are_named_as_kubernetes_names_them() {
        use Naming::{CronJob, Deployment, Exact, Generated, Job, Replicated, StatefulSet};
        let long = "a".repeat(52);
        for (naming, name) in [
            (Exact("a.b"), "a.b"),
            (Generated("web-"), "web-x2k4z"),
            (Deployment("a.b"), "a.b-5d4f8c7b9-x2k4z"),
            (Replicated("web"), "web-x2k4z"),
            (StatefulSet("db"), "db-10"),
            (Job("job"), "job-x2k4z"),
            (Job("job"), "job-3-x2k4z"),
            (CronJob("job"), "job-29041234-x2k4z"),
            (CronJob("job"), "job-29041234-0-x2k4z"),
            (Deployment(&long), &format!("{long}-5d4f8x2k4z")),
            (CronJob(&long), &format!("{long}-29041x2k4z")),
            (Replicated(&"b".repeat(63)), &format!("{}x2k4z", "b".repeat(58))),
        ] {
            assert!(admits(naming, name), "{naming:?} {name}");
        }
        for (naming, name) in [
            (Exact("a.b"), "axb"),
            (Deployment("a.b"), "axb-5d4f8c7b9-x2k4z"),
            (Deployment("web"), "web-x2k4z"),
            (Deployment("web"), "webx2k4z"),
            (Deployment("web"), "web-db-5d4f8c7b9-x2k4z"),
            (Deployment("web"), "web-5d4f8c7b9-x2k4z\n"),
            (Replicated("web"), "web-x2k4"),
            (Replicated("web"), "web-aeiou"),
            (StatefulSet("db"), "db-10-x"),
            (Job("job"), "job-x-x2k4z"),
            (CronJob("job"), "job-x2k4z"),
        ] {
            assert!(!admits(naming, name), "{naming:?} {name}");
        }
    }
}
