//! Descriptions of pods that admit exactly some requests.

use regex::escape;
use serde_json::{Map, Value, json};

/// What a pod is described by whose containers are those of these requests; the first one is the sandbox.
pub(crate) fn pod(sandbox: &Value, containers: &[&Value]) -> Value {
    let named = containers.iter().map(|input| {
        let name = input["OCI"]["Annotations"]["io.kubernetes.cri.container-name"].as_str().unwrap();
        (name.to_owned(), container(input))
    });
    json!({
        "name": { "value": sandbox["OCI"]["Annotations"]["io.kubernetes.cri.sandbox-name"] },
        "namespace": { "value": sandbox["OCI"]["Annotations"]["io.kubernetes.cri.sandbox-namespace"] },
        "annotations": {},
        "runtime_versions": [sandbox["OCI"]["Version"]],
        "root": "^/run/kata-containers/([^/]+)/rootfs$",
        "shared_file": "/run/kata-containers/shared/containers/[0-9a-f]{64}-[0-9a-f]{16}-",
        "block_folder": "/run/kata-containers/sandbox/storage",
        "sandbox_storages": [],
        "service_variables": [],
        "sandbox": container(sandbox),
        "containers": named.collect::<Map<_, _>>(),
    })
}

fn container(input: &Value) -> Value {
    let (oci, process) = (&input["OCI"], &input["OCI"]["Process"]);
    let annotations = oci["Annotations"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (key.clone(), json!({ "value": value })));
    let env = items(&process["Env"]).map(|variable| {
        let (name, value) = variable.as_str().unwrap().split_once('=').unwrap();
        (name.to_owned(), json!({ "value": value }))
    });
    let mounts = items(&oci["Mounts"]).map(|mount| {
        let source = mount["source"].as_str().unwrap();
        let mut kind = json!({ "type": mount["type_"], "options": mount["options"] });
        // Folder and container, number, name.
        match source.splitn(4, '-').nth(3).filter(|_| source.contains("/shared/")) {
            Some(file) => kind["file"] = json!(escape(file)),
            None => kind["source"] = json!(source),
        }
        (mount["destination"].as_str().unwrap().to_owned(), json!({ "kinds": [kind] }))
    });
    let pull = items(&input["storages"]).find(|storage| storage["driver"] == "image_guest_pull").unwrap();
    let name = pull["source"].as_str().unwrap();
    let storages = items(&input["storages"]).filter(|storage| *storage != pull);
    let user = &process["User"];
    let kinds = items(&oci["Linux"]["Namespaces"]).map(|namespace| namespace["Type"].as_str().unwrap());
    let devices = items(&oci["Linux"]["Devices"])
        .map(|device| (device["Path"].as_str().unwrap().to_owned(), device["Type"].clone()));
    json!({
        "annotations": annotations.collect::<Map<_, _>>(),
        "args": process["Args"].as_array().into_iter().flatten().map(|arg| json!({"value": arg})).collect::<Vec<_>>(),
        "cwd": process["Cwd"],
        "terminal": process["Terminal"],
        "env": env.collect::<Map<_, _>>(),
        "user": { "uid": user["UID"], "gid": user["GID"], "groups": user["AdditionalGids"] },
        "capabilities": items(&process["Capabilities"]["Bounding"])
            .map(|name| name.as_str().unwrap().trim_start_matches("CAP_")).collect::<Vec<_>>(),
        "no_new_privileges": process["NoNewPrivileges"],
        "readonly_root": oci["Root"]["Readonly"],
        "image": { "name": name, "digest": name.split_once('@').map_or("", |(_, digest)| digest) },
        "mounts": mounts.collect::<Map<_, _>>(),
        "storages": storages.collect::<Vec<_>>(),
        "devices": devices.collect::<Map<_, _>>(),
        "sysctls": oci["Linux"]["Sysctl"],
        "masked_paths": oci["Linux"]["MaskedPaths"],
        "readonly_paths": oci["Linux"]["ReadonlyPaths"],
        "share_processes": input["sandbox_pidns"],
        "own_host_name": kinds.collect::<Vec<_>>().contains(&"uts"),
        "exec": [[{ "value": "/bin/check" }, { "value": "--live" }], [{ "value": "/bin/stop" }]],
        "logs": false,
        "stdin": false,
    })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
