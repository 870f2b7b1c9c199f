//! The rule by which nobody comes into a pod before its Initializer or service mesh lets them in.
//!
//! A real guest adds it before its agent starts. So that pods meet on this platform what they meet there, it is added to the network
//! namespace of the pod, by the same program. A node without that program, or whose kernel does not have the table, makes the pod all the same:
//! nothing here is protected anyway, and whoever takes the rule away does not mind its absence.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::network::Namespace;

const NAME: &str = "iptables-legacy";
/// Where distributions have it.
const FOLDERS: [&str; 6] = [
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/var/lib/rancher/k3s/data/current/bin/aux",
];
const RULE: [&str; 10] = [
    "--insert",
    "INPUT",
    "--match",
    "conntrack",
    "!",
    "--ctstate",
    "ESTABLISHED,RELATED",
    "--jump",
    "DROP",
    "--wait=5",
];

/// The pod is open.
#[derive(thiserror::Error, Debug)]
pub(crate) enum Open {
    #[error("the pod lets everybody in from its start, other than a guest: this node has no {NAME}")]
    NoProgram,
    #[error("the pod lets everybody in from its start, other than a guest: {NAME} says {0:?}")]
    Refused(String),
    #[error("the pod lets everybody in from its start, other than a guest: {NAME} cannot be started: {0}")]
    Start(#[from] io::Error),
}

/// Closes a network namespace, unless it is the node's own.
pub(crate) fn close(namespace: &Namespace) -> Result<(), Open> {
    if namespace.is_of_node()? {
        return Ok(());
    }
    let program = installed().ok_or(Open::NoProgram)?;
    let Output { status, stderr, .. } = namespace
        .inside(|| Command::new(&program).args(RULE).stdin(Stdio::null()).stdout(Stdio::null()).output())?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&stderr);
    Err(Open::Refused(said.lines().next().unwrap_or_default().chars().take(200).collect()))
}

fn installed() -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(NAME)).find(|path| path.is_file())
}
