//! What else the runtime asks the agent for: files that it copies into the guest, and the network.

use contrast_simulated_runtime::requests::{self, Address, Interface, Network, Route};
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
    requests::interfaces(&network(sandbox)).unwrap().iter().map(|request| request.input()).collect()
}

/// The routes, all in one request.
pub(crate) fn routes(sandbox: &Record) -> Value {
    requests::routes(&network(sandbox)).unwrap().input()
}

/// What `ip` said of the network namespace.
fn network(sandbox: &Record) -> Network {
    let network = &sandbox.value["network"];
    let list = |key: &str| network[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let outward = list("addresses").into_iter().filter(|interface| interface["link_type"] != "loopback");
    let interfaces = outward.map(|interface| Interface {
        name: text(&interface["ifname"]),
        hardware: text(&interface["address"]),
        mtu: interface["mtu"].as_u64().unwrap().try_into().unwrap(),
        addresses: interface["addr_info"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|address| Address {
                address: text(&address["local"]),
                prefix: address["prefixlen"].as_u64().unwrap().try_into().unwrap(),
            })
            .collect(),
    });
    let routes = [("routes", false), ("routes6", true)].into_iter().flat_map(|(key, is_six)| {
        list(key).into_iter().map(move |route| Route {
            is_six,
            destination: text(&route["dst"]).replace("default", ""),
            gateway: text(&route["gateway"]),
            interface: text(&route["dev"]),
            source: text(&route["prefsrc"]),
            scope: if route["scope"] == "link" { 253 } else { 0 },
        })
    });
    Network { interfaces: interfaces.collect(), routes: routes.collect(), neighbours: Vec::new() }
}
