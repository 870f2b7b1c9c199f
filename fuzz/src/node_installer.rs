//! What is found on nodes.

use contrast_node_installer::containerd::{Document, Runtime};

const HANDLER: &str = "contrast-cc-simulated-00000000";

/// containerd's configuration: whatever is accepted has the runtime then, and says the same without it as before.
///
/// # Panics
/// If it does not.
pub fn containerd_configuration(bytes: &[u8]) {
    let Ok(before) = Document::parse(bytes) else { return };
    // A runtime of this name was there already: then less is left.
    if before.runtime(HANDLER).is_some() {
        return;
    }
    let Ok(handler) = HANDLER.parse() else { return };
    let runtime = Runtime::new(&handler, before.systemd_cgroup());
    let Ok(after) = before.with(&runtime, None) else { return };
    assert!(after.runtime(HANDLER).is_some());
    let back = after.without(HANDLER);
    assert!(back.is_ok_and(|back| back.runtime(HANDLER).is_none() && back.runtimes() == before.runtimes()));
}
