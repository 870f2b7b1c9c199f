//! What else the runtime asks the agent for: files that it copies into the guest, and the network.

use serde_json::{Value, json};

use crate::case::Record;

/// For each file and folder that lay where a container's mounts come from. `created`: the request for the container, which has
/// the mounts with their places in the guest.
pub(crate) fn copies(record: &Record, created: &Value) -> Vec<Value> {
    let mounts = created["OCI"]["Mounts"].as_array().into_iter().flatten();
    let copied = mounts.filter_map(|mount| {
        let files = record.value["files"][mount["destination"].as_str()?].as_array()?;
        let place = mount["source"].as_str().filter(|source| source.contains("/shared/containers/"))?;
        Some(files.iter().map(move |file| copy(place, file)))
    });
    copied.flatten().collect()
}

fn copy(place: &str, file: &Value) -> Value {
    let path = match file["path"].as_str().unwrap() {
        "." => place.to_owned(),
        path => format!("{place}/{path}"),
    };
    json!({
        "path": path, "file_type": file["type"], "symlink_target": file["target"],
        "file_size": file["size"].as_u64().unwrap_or(0),
        "file_mode": u32::from_str_radix(file["mode"].as_str().unwrap(), 8).unwrap(),
        "dir_mode": 0o755, "uid": file["uid"], "gid": file["gid"],
    })
}

/// One request for each interface that leads out of the pod.
pub(crate) fn interfaces(sandbox: &Record) -> Vec<Value> {
    let all = sandbox.value["network"]["addresses"].as_array().into_iter().flatten();
    let outward = all.filter(|interface| interface["link_type"] != "loopback");
    outward
        .map(|interface| {
            let addresses = interface["addr_info"].as_array().into_iter().flatten().map(|address| {
                json!({
                    "family": family(address["family"] == "inet6"), "address": address["local"],
                    "mask": address["prefixlen"].to_string(),
                })
            });
            json!({ "interface": {
                "device": interface["ifname"], "name": interface["ifname"], "mtu": interface["mtu"],
                "hwAddr": interface["address"], "IPAddresses": addresses.collect::<Vec<_>>(),
                "devicePath": "01", "type_": "", "raw_flags": 0,
            } })
        })
        .collect()
}

/// The routes, all in one request.
pub(crate) fn routes(sandbox: &Record) -> Value {
    let of = |key: &str, is_six: bool| {
        let routes = sandbox.value["network"][key].as_array().cloned().unwrap_or_default();
        routes.into_iter().map(move |route| {
            let text = |key: &str| route[key].as_str().unwrap_or_default().to_owned();
            let dest = text("dst").replace("default", "");
            json!({
                "dest": dest, "gateway": text("gateway"), "device": text("dev"), "source": text("prefsrc"),
                "scope": if route["scope"] == "link" { 253 } else { 0 }, "family": family(is_six),
            })
        })
    };
    json!({ "routes": { "Routes": of("routes", false).chain(of("routes6", true)).collect::<Vec<_>>() } })
}

fn family(is_six: bool) -> u8 {
    u8::from(is_six)
}
