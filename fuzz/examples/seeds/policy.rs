//! Inputs for the target about requests to an agent.

use std::error::Error;

use crate::write;

/// What an agent logs.
const LINES: &str = r#"{"kind":"CreateContainerRequest","request":{"container_id":"ab","OCI":{"Process":{"Args":["/app"],"User":{"UID":1}},"Mounts":[{"destination":"/proc","type_":"proc"}],"Linux":{"Namespaces":[{"Type":"ipc"}]}},"storages":[{"driver":"image_guest_pull","fs_group":{"group_id":5}}]}}
{"kind":"StartContainerRequest","request":{"container_id":"ab"}}
{"kind":"ExecProcessRequest","request":{"container_id":"ab","process":{"Args":["ls","l"]}}}
{"kind":"CopyFileRequest","request":{"path":"/run/kata-containers/shared/containers/x","file_type":"Symlink","symlink_target":"y"}}
"#;

/// Test cases.
const CASES: &str = r#"[
  { "description": "a route", "allowed": false, "kind": "UpdateRoutesRequest",
    "request": { "routes": { "Routes": [{ "dest": "", "gateway": "10.0.0.1", "device": "eth0" }] } } },
  { "description": "an interface", "allowed": true, "kind": "UpdateInterfaceRequest",
    "request": { "interface": { "name": "eth0", "IPAddresses": [{ "family": 1, "address": "::1", "mask": "128" }] } } }
]
"#;

/// Both forms of several requests.
pub(crate) fn write_seeds() -> Result<(), Box<dyn Error>> {
    write("agent_request", "lines", LINES.as_bytes())?;
    write("agent_request", "cases", CASES.as_bytes())
}
