//! Inputs for the targets about the runtime of the simulated platform.

use std::error::Error;

use serde_json::Value;

use crate::write;

const ID: &str = "5a00000000000000000000000000000000000000000000000000000000000000";
const GLOBAL: &str = "--root /run/runc --log /b/log.json --log-format json --systemd-cgroup";
const CALLS: [(&str, &str); 4] = [
    ("create", "create --bundle /b --pid-file /b/init.pid"),
    ("exec", "exec --process /tmp/p --detach --pid-file=/b/7fa.pid"),
    ("kill", "kill --all"),
    ("update", "update -r -"),
];
/// What a real containerd wrote.
const RECORDED: [(&str, &str); 2] = [
    ("sandbox", include_str!("../../../policy/tests/recordings/containerd-2.4/exec/exec/sandbox.json")),
    (
        "container",
        include_str!("../../../policy/tests/recordings/containerd-1.6/exec/exec/container.probed.json"),
    ),
];

/// Calls as containerd makes them, and configurations that it wrote.
pub(crate) fn write_seeds() -> Result<(), Box<dyn Error>> {
    for (name, call) in CALLS {
        let line = format!("{GLOBAL} {call} {ID}");
        write("runtime_call", name, line.replace(' ', "\n").as_bytes())?;
    }
    for (name, recorded) in RECORDED {
        let recorded: Value = serde_json::from_str(recorded)?;
        write(
            "runtime_configuration",
            name,
            recorded.get("config").unwrap_or(&Value::Null).to_string().as_bytes(),
        )?;
    }
    Ok(())
}
