//! What Kata's runtime asks the agent for, made of what containerd tells a runtime.
//!
//! Kata's runtime changes a configuration before it sends it: the guest has namespaces, limits and a network of its own, volumes
//! reach it as devices or copied files, and images are pulled in the guest. These are the changes of a node that lets the guest pull.
//!
//! Each function answers with requests in the form in which a policy sees them, and does nothing else.

mod container;
mod files;
mod mounts;
mod network;
mod spelling;

use contrast_policy::request::{Kind, MemberError, Request};
use serde_json::{Value, json};

pub use container::create_container;
pub use files::{MAX_FILES, copies};
pub use mounts::{Disks, Volume};
pub use network::{Address, Interface, Neighbour, Network, Route, interfaces, neighbours, routes};
use spelling::{capitalised, text};

/// Storages of a sandbox, as Kata's runtime makes them: shared memory of the pod.
fn sandbox_storages() -> Value {
    json!([{
        "driver": "ephemeral", "source": "shm", "fstype": "tmpfs", "mount_point": mounts::SHARED_MEMORY,
        "options": ["noexec", "nosuid", "nodev", "mode=1777", "size=67108864"],
    }])
}

/// The request for the sandbox itself, before its container.
///
/// # Errors
/// If the configuration has another form than the specification says.
pub fn create_sandbox(config: &Value, id: &str) -> Result<Request, MemberError> {
    let members =
        json!({ "hostname": text(config.get("hostname")), "storages": sandbox_storages(), "sandbox_id": id });
    Request::read(Kind::CreateSandbox, &members)
}

/// The request for a further process, from its description.
///
/// # Errors
/// If the description has another form than the specification says.
pub fn exec_process(process: &Value, container: &str, exec_id: &str) -> Result<Request, MemberError> {
    let mut process = capitalised(process);
    if let Some(members) = process.as_object_mut() {
        members.insert("SelinuxLabel".to_owned(), json!(""));
        members.insert("Capabilities".to_owned(), Value::Null);
    }
    let members = json!({ "container_id": container, "exec_id": exec_id, "process": process });
    Request::read(Kind::ExecProcess, &members)
}

/// The request for other limits. Which processors and which memory of the node a container uses, a guest is not told.
///
/// # Errors
/// If the limits have another form than the specification says.
pub fn update_container(resources: &Value, container: &str) -> Result<Request, MemberError> {
    let mut resources = capitalised(resources);
    if let Some(cpu) = resources.get_mut("CPU").and_then(Value::as_object_mut) {
        cpu.remove("Cpus");
        cpu.remove("Mems");
    }
    Request::read(Kind::UpdateContainer, &json!({ "container_id": container, "resources": resources }))
}

/// A request about a container of which nothing else is said.
///
/// # Errors
/// Never, for the kinds that it is used for.
pub fn about(kind: Kind, container: &str) -> Result<Request, MemberError> {
    Request::read(kind, &json!({ "container_id": container, "exec_id": container }))
}

/// The request for a signal.
///
/// # Errors
/// Never.
pub fn signal(container: &str, number: u32, all: bool) -> Result<Request, MemberError> {
    let exec_id = if all { "" } else { container };
    Request::read(
        Kind::SignalProcess,
        &json!({ "container_id": container, "exec_id": exec_id, "signal": number }),
    )
}
