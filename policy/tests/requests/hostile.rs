//! What a hostile host tries that is no fault of a single member: order, repetition, other spellings, other requests before.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use contrast_policy::{
    Engine, Verdict,
    request::{Kind, Request},
};
use serde_json::{Value, json};

use crate::{
    agreement::{engine, explained},
    support::{
        expected,
        honest::{self, APP, OTHER, SANDBOX},
        policy,
    },
};

/// The members of which something is said when a request is denied; nothing if it is allowed.
fn told(engine: &Engine, kind: Kind, members: &Value) -> Vec<String> {
    let (verdict, explanation) = explained(engine, kind, members);
    let told = explanation.map(|explanation| explanation.mismatches).unwrap_or_default();
    assert_eq!(verdict, if told.is_empty() { Verdict::Allowed } else { Verdict::Denied }, "{told:?}");
    told.into_iter().map(|mismatch| mismatch.path).collect()
}

/// A request with another value at a place.
fn with(members: &Value, pointer: &str, value: Value) -> Value {
    let mut members = members.clone();
    *members.pointer_mut(pointer).unwrap() = value;
    members
}

fn allow(engine: &mut Engine, kind: Kind, members: &Value) {
    assert_eq!(engine.evaluate(&Request::read(kind, members).unwrap()).verdict, Verdict::Allowed);
}

/// The agent takes either spelling in the metadata for the word that makes a container the sandbox, with another image.
#[test]
fn metadata_in_the_words_of_another_node_do_not_make_a_container_the_sandbox() {
    let honest = honest::request();
    let options = honest["storages"][1]["driver_options"][0].as_str().unwrap();
    for key in [
        "io.kubernetes.cri-o.ContainerType",
        "io.kubernetes.docker.container_type",
        "io.katacontainers.pkg.oci.containertype",
    ] {
        let said = options.replace("{\"metadata\":{", &format!("{{\"metadata\":{{\"{key}\":\"sandbox\","));
        let faulty = with(&honest, "/storages/1/driver_options/0", json!(said));
        assert_eq!(told(&engine(), Kind::CreateContainer, &faulty), ["storages[1].driver_options"], "{key}");
    }
}

/// A mount that comes after one that lies below its place hides it, and what a program writes there goes elsewhere.
#[test]
fn no_mount_hides_another() {
    let mut honest = honest::request();
    let mount = |place: &str, kind: &str| json!({ "destination": place, "source": place, "type_": kind, "options": [] });
    honest["OCI"]["Mounts"] = json!([
        mount("/proc", "proc"),
        mount("/dev", "tmpfs"),
        mount("/dev/pts", "devpts"),
        mount("/data", "bind"),
        mount("/data/keys", "bind"),
        mount("/srv/data", "bind"),
    ]);
    let mut engine = policy::engine(&expected::pod(&honest::sandbox(), &[&honest]));
    allow(&mut engine, Kind::CreateContainer, &honest::sandbox());
    let moved = |from: usize, to: usize| {
        let mut mounts = honest["OCI"]["Mounts"].as_array().unwrap().clone();
        let mount = mounts.remove(from);
        mounts.insert(to, mount);
        told(&engine, Kind::CreateContainer, &with(&honest, "/OCI/Mounts", Value::Array(mounts)))
    };
    assert!(moved(0, 0).is_empty());
    assert_eq!(moved(4, 3), ["OCI.Mounts[4]"]);
    // What the runtime makes comes before what is bound into it, and from the top down.
    assert_eq!(moved(1, 5), ["OCI.Mounts[1]", "OCI.Mounts[5]"]);
    assert_eq!(moved(1, 2), ["OCI.Mounts[1]"]);
    // One of two places of the same depth does not lie in the other.
    assert!(moved(4, 5).is_empty());
}

/// Hidden and read-only paths may be more than containerd's, as long as they are the kernel's: hiding a file of the container
/// changes what its program does.
#[test]
fn nothing_but_the_kernel_s_files_is_hidden_or_made_read_only() {
    for list in ["MaskedPaths", "ReadonlyPaths"] {
        let pointer = format!("/OCI/Linux/{list}");
        let more = |path: &str| {
            let mut paths = honest::request().pointer(&pointer).unwrap().as_array().unwrap().clone();
            paths.push(json!(path));
            told(&engine(), Kind::CreateContainer, &with(&honest::request(), &pointer, Value::Array(paths)))
        };
        for path in [
            "/proc/interrupts",
            "/sys/devices/virtual/powercap",
            "/sys/devices/system/cpu/cpu0/thermal_throttle",
        ] {
            assert!(more(path).is_empty(), "{path}");
        }
        for path in [
            "/etc/passwd",
            "/tls",
            "/",
            "",
            "proc/x",
            "/proc/1/root/etc/passwd",
            "/proc/self/root/etc/passwd",
            "/proc/thread-self/cwd",
            "/proc//self/root",
            "/proc/../etc",
            "/sys/../etc/passwd",
            "/sys/x/./../../etc",
            "/proc/x\n/etc",
        ] {
            assert_eq!(more(path), [format!("OCI.Linux.{list}")], "{path}");
        }
    }
}

/// The agent clears its folders for a new sandbox, with all that is mounted there, and gives later containers other namespaces.
#[test]
fn a_sandbox_is_made_once_and_before_its_containers() {
    let mut engine = policy::engine(&expected::pod(&honest::sandbox(), &[]));
    allow(&mut engine, Kind::CreateSandbox, &honest::before());
    assert_eq!(told(&engine, Kind::CreateSandbox, &honest::before()), ["sandbox_id"]);
    allow(&mut engine, Kind::CreateContainer, &honest::sandbox());
    assert_eq!(told(&engine, Kind::CreateSandbox, &honest::before()), ["sandbox_id"]);

    let mut late = policy::engine(&expected::pod(&honest::sandbox(), &[]));
    allow(&mut late, Kind::CreateContainer, &honest::sandbox());
    assert_eq!(told(&late, Kind::CreateSandbox, &honest::before()), ["sandbox_id"]);
}

/// The agent finds an interface by the bytes of its address, and the kernel one by its name up to a zero byte.
#[test]
fn no_spelling_of_the_loopback_interface_is_taken() {
    let interface =
        json!({ "interface": { "name": "eth0", "device": "eth0", "hwAddr": "02:00:00:00:00:01" } });
    let said = |pointer: &str, value: &str| {
        told(&engine(), Kind::UpdateInterface, &with(&interface, pointer, json!(value)))
    };
    for name in ["net1", "a", "ens3.7", "p2p1-x"] {
        assert!(said("/interface/name", name).is_empty(), "{name}");
    }
    for name in ["", "lo", "lo\0", "lo\n", " lo", "a/b", "sixteen-letters-"] {
        assert_eq!(said("/interface/name", name), ["interface.name"], "{name:?}");
    }
    assert!(said("/interface/hwAddr", "0A:58:ac:10:00:02").is_empty());
    for address in [
        "",
        "0:0:0:0:0:0",
        "00:00:00:00:00:0",
        "000:0:0:0:0:0",
        "+0:00:00:00:00:00",
        "00:00:00:00:00:00",
        "02:00:00:00:00",
    ] {
        assert_eq!(said("/interface/hwAddr", address), ["interface.hwAddr"], "{address}");
    }
    let routes = json!({ "routes": { "Routes": [{ "gateway": "10.0.0.1", "device": "lo\0" }] } });
    assert_eq!(told(&engine(), Kind::UpdateRoutes, &routes), ["routes.Routes[0].device"]);
    let neighbors = json!({ "neighbors": { "ARPNeighbors": [{ "toIPAddress": { "address": "10.0.0.1" }, "device": "lo\0", "state": 128 }] } });
    assert_eq!(told(&engine(), Kind::AddArpNeighbors, &neighbors), ["neighbors.ARPNeighbors[0].device"]);
}

/// A process that leaves its memory in a file when a signal ends it tells it to whoever has the file.
#[test]
fn a_further_process_gets_no_limits_that_its_container_could_not_have() {
    let mut engine = engine();
    allow(&mut engine, Kind::CreateContainer, &honest::request());
    allow(&mut engine, Kind::StartContainer, &json!({ "container_id": APP }));
    let limit = |kind: &str| {
        with(&honest::exec(), "/process/Rlimits", json!([{ "Type": kind, "Hard": 9, "Soft": 9 }]))
    };
    assert!(told(&engine, Kind::ExecProcess, &limit("RLIMIT_NOFILE")).is_empty());
    assert_eq!(told(&engine, Kind::ExecProcess, &limit("RLIMIT_CORE")), ["process.Rlimits[0].Type"]);
}

/// What one container keeps to itself would otherwise lie in what another one gives away.
#[test]
fn a_volume_is_one_disk_in_all_containers_and_a_disk_is_one_volume() {
    let place = |address: &str| format!("/run/kata-containers/sandbox/storage/{}", URL_SAFE.encode(address));
    // Of the volumes `keys` and `logs`, by the addresses of their disks.
    let disks = |honest: Value, disks: &[(&str, &str)]| {
        let mut request = honest;
        let mut policy = expected::pod(&honest::sandbox(), &[&request]);
        let name =
            request["OCI"]["Annotations"]["io.kubernetes.cri.container-name"].as_str().unwrap().to_owned();
        for (volume, address) in disks {
            let options = json!(["create-filesystem=true"]);
            let destination = format!("/{volume}");
            policy["containers"][&name]["mounts"][&destination] = json!({ "kinds": [{ "type": "bind", "options": ["rbind"],
                "block": true, "volume": volume, "driver_options": options, "fs_group": null }] });
            let mount = json!({ "destination": destination, "type_": "bind", "source": place(address), "options": ["rbind"] });
            // By depth.
            request["OCI"]["Mounts"].as_array_mut().unwrap().insert(1, mount);
            request["storages"].as_array_mut().unwrap().push(json!({ "driver": "blk", "source": address, "fstype": "ext4",
                "driver_options": options, "mount_point": place(address), "shared": true, "options": [], "fs_group": null }));
        }
        (request, policy["containers"][&name].take())
    };
    let told_of_second = |second: &[(&str, &str)]| {
        let (one, described) = disks(honest::request(), &[("keys", "01"), ("logs", "02")]);
        let (other, also) = disks(honest::other_request(), second);
        let mut pod = expected::pod(&honest::sandbox(), &[]);
        pod["containers"] = json!({ "app": described, "other": also });
        let mut engine = policy::engine(&pod);
        let start = |id: &str| json!({ "container_id": id });
        allow(&mut engine, Kind::CreateContainer, &honest::sandbox());
        allow(&mut engine, Kind::StartContainer, &start(SANDBOX));
        allow(&mut engine, Kind::CreateContainer, &one);
        allow(&mut engine, Kind::StartContainer, &start(APP));
        allow(&mut engine, Kind::CreateContainer, &other);
        let said = told(&engine, Kind::StartContainer, &start(OTHER));
        // Once the first one is gone, its disks may be others.
        allow(&mut engine, Kind::RemoveContainer, &start(APP));
        assert!(told(&engine, Kind::StartContainer, &start(OTHER)).is_empty());
        said
    };
    assert!(told_of_second(&[("keys", "01"), ("logs", "02")]).is_empty());
    assert!(told_of_second(&[("logs", "02")]).is_empty());
    assert!(told_of_second(&[("more", "03")]).is_empty());
    assert_eq!(told_of_second(&[("logs", "01")]), ["container_id"]);
    assert_eq!(told_of_second(&[("logs", "03")]), ["container_id"]);
    assert_eq!(told_of_second(&[("more", "01")]), ["container_id"]);
}

#[test]
fn two_devices_of_a_container_are_two_disks() {
    let disk = |place: &str, id: &str| json!({ "type_": "blk", "id": id, "vm_path": "", "container_path": place, "options": [] });
    let mut honest = honest::request();
    let node = |place: &str| json!({ "Path": place, "Type": "b" });
    honest["OCI"]["Linux"]["Devices"] = json!([node("/dev/a"), node("/dev/b")]);
    honest["devices"] = json!([disk("/dev/a", "01"), disk("/dev/b", "02")]);
    let mut engine = policy::engine(&expected::pod(&honest::sandbox(), &[&honest]));
    allow(&mut engine, Kind::CreateContainer, &honest::sandbox());
    assert!(told(&engine, Kind::CreateContainer, &honest).is_empty());
    let twice = with(&honest, "/devices/1/id", json!("01"));
    assert_eq!(told(&engine, Kind::CreateContainer, &twice), ["devices[1].id"]);
}

/// Without a word about the network, a container is in the guest's; with one of its own, it is in an empty one.
#[test]
fn a_network_namespace_of_its_own_is_not_the_same_as_none() {
    let mut namespaces = honest::request()["OCI"]["Linux"]["Namespaces"].as_array().unwrap().clone();
    namespaces.push(json!({ "Type": "network", "Path": "" }));
    let alone = with(&honest::request(), "/OCI/Linux/Namespaces", json!(namespaces));
    assert_eq!(told(&engine(), Kind::CreateContainer, &alone), ["OCI.Linux.Namespaces"]);
}

/// What follows the first digest would be another matter of who reads the name.
#[test]
fn the_name_of_an_image_has_one_digest() {
    let honest = honest::request();
    let name = |name: String| {
        told(&engine(), Kind::CreateContainer, &with(&honest, "/storages/1/source", json!(name)))
    };
    let digest = "1".repeat(64);
    assert!(name(format!("mirror.example/a@sha256:{digest}")).is_empty());
    assert_eq!(
        name(format!("mirror.example/evil@sha256:{}@sha256:{digest}", "2".repeat(64))),
        ["storages[1].source"]
    );
    for other in [format!("@sha256:{digest}"), "mirror.example/a".to_owned(), String::new()] {
        assert_eq!(name(other), ["storages[1].source"]);
    }
}

#[test]
fn what_was_not_sent_is_denied_with_a_reason() {
    for kind in [Kind::UpdateInterface, Kind::UpdateRoutes, Kind::AddArpNeighbors] {
        assert!(!told(&engine(), kind, &json!({})).is_empty(), "{kind:?}");
    }
    for member in
        ["/OCI", "/OCI/Process", "/OCI/Process/User", "/OCI/Process/Capabilities", "/OCI/Root", "/OCI/Linux"]
    {
        let faulty = with(&honest::request(), member, Value::Null);
        assert!(!told(&engine(), Kind::CreateContainer, &faulty).is_empty(), "{member}");
    }
}
