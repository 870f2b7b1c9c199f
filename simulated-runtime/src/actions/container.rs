//! Calls about a container that exists.

use contrast_policy::request::Kind;

use super::pod_of;
use crate::{
    Failure, denial,
    node::Node,
    pod::{self, Pod, PodError},
    requests,
    runc::Streams,
    signer,
};

/// Asks for something of which nothing but the container is said.
pub(super) fn ask_about(node: &Node, id: &str, kind: Kind) -> Result<Streams, Failure> {
    let mut pod = pod_of(node, id)?;
    denial::ask(&mut pod.engine, &requests::about(kind, id)?)?;
    pod.save()?;
    Ok(Streams::default())
}

/// The signal that no process outlives. A host can end the whole guest, whatever the policy says.
const KILL: u32 = 9;

/// Asks for a signal. To containers of which nothing is remembered it is sent: they are to go.
pub(super) fn kill(node: &Node, id: &str, signal: &str, all: bool) -> Result<Streams, Failure> {
    let number = number(signal);
    let pod = match Pod::of_container(&node.state, id) {
        Ok(pod) => Some(pod),
        Err(PodError::Unknown { .. } | PodError::Damaged { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(mut pod) = pod {
        let allowed = denial::ask(&mut pod.engine, &requests::signal(id, number, all)?);
        let saved = pod.save();
        // Neither a policy nor a full disk keeps it from a process.
        if number != KILL {
            allowed?;
            saved?;
        }
    }
    Ok(Streams::default())
}

/// Forgets a container; with the sandbox, the pod. What nobody remembers is removed as well, or it would stay on the node for ever.
pub(super) fn delete(node: &Node, id: &str) -> Result<Streams, Failure> {
    let folder = node.state.join(id);
    if folder.is_dir() {
        signer::end(&folder);
        pod::remove(&folder);
        return Ok(Streams::default());
    }
    if let Ok(mut pod) = Pod::of_container(&node.state, id) {
        // An agent that does not want to remove it has its guest taken away in the end.
        let _ = denial::ask(&mut pod.engine, &requests::about(Kind::RemoveContainer, id)?);
        // Nor does a full disk keep it.
        let _ = pod.save();
        pod.forget(id);
    }
    Ok(Streams::default())
}

/// By its number or its name, as `kill` takes it. `runc` will refuse what is none.
fn number(signal: &str) -> u32 {
    let name = signal.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let known = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
        "ALRM", "TERM",
    ];
    match known.iter().zip(1..).find(|(known, _)| **known == name) {
        Some((_, number)) => number,
        None => signal.parse().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, expected) in
            [("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("15", 15), ("37", 37), ("x", 0)]
        {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
