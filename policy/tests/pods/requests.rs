//! Requests of an honest node, and of one that is not.

use std::collections::BTreeSet;

use contrast_policy::Settings;
use serde_json::{Value, json};

use crate::honest::{
    AGAIN, SANDBOX, WEB, agent, begun, begun_with, create_pause, create_sandbox, create_web, generate,
    generate_with, image, sandbox_storage, spec,
};

#[test]
fn an_honest_node_starts_the_pod_and_a_container_again() {
    let mut agent = begun();
    assert_eq!(agent.failed(&create_web(WEB)), [""; 0]);
    assert!(agent.allows("CreateContainerRequest", &create_web(WEB)));
    let of = |id: &str| json!({"container_id": id});
    assert!(agent.allows("StartContainerRequest", &of(WEB)));
    assert!(!agent.allows("CreateContainerRequest", &create_web(WEB)), "the same identifier");
    // An attempt that fails in the guest leaves a container that is never started.
    assert!(agent.allows("CreateContainerRequest", &create_web(AGAIN)));
    assert!(!agent.allows("StartContainerRequest", &of(AGAIN)), "one at a time");
    assert!(agent.allows("RemoveContainerRequest", &of(WEB)));
    assert!(!agent.allows("RemoveContainerRequest", &of(WEB)));
    assert!(agent.allows("StartContainerRequest", &of(AGAIN)));
    assert!(agent.allows("RemoveContainerRequest", &of(AGAIN)));
}

#[test]
fn identifiers_do_not_reach_what_is_pinned() {
    let mut agent = begun();
    for id in ["pins", "started", "../pins", "name", "", "/", "~0"] {
        let request = json!({"container_id": id});
        assert!(!agent.allows("RemoveContainerRequest", &request), "{id}");
        assert!(!agent.allows("StartContainerRequest", &request), "{id}");
    }
    assert!(!agent.allows("CreateContainerRequest", &create_pause()), "a second sandbox");
}

#[test]
fn each_departure_is_refused_by_the_check_that_is_named_after_it() {
    let args = "/OCI/Process/Args";
    let cases: Vec<(&str, &str, Value)> = vec![
        ("command", args, json!(["/bin/web"])),
        ("command", "/OCI/Process/Args/1", json!("--name=other")),
        ("command", "/OCI/Process/Cwd", json!("/tmp")),
        ("command", "/OCI/Process/Terminal", json!(true)),
        ("environment", "/OCI/Process/Env/0", json!("PATH=/evil")),
        ("environment", "/OCI/Process/Env/0", json!("PATH")),
        ("environment", "/OCI/Process/Env/0", json!("LD_PRELOAD=/evil")),
        ("environment", "/OCI/Process/Env/1", json!("HOSTNAME=other")),
        ("environment", "/OCI/Process/Env/4", json!("A=b=c")),
        ("environment", "/OCI/Process/Env/4", json!("KUBERNETES_SERVICE_HOST=evil.example")),
        ("environment", "/OCI/Process/Env/4", json!("DB_SERVICE_HOST=10.96.0.1")),
        ("environment", "/OCI/Process/Env", json!([])),
        ("user", "/OCI/Process/User/UID", json!(1000)),
        ("user", "/OCI/Process/User/GID", json!(1000)),
        ("user", "/OCI/Process/User/AdditionalGids", json!([10])),
        ("user", "/OCI/Process/User/Username", json!("root")),
        ("user", "/string_user", json!({"uid": "0", "gid": "0", "additionalGids": []})),
        ("rights", "/OCI/Process/NoNewPrivileges", json!(true)),
        ("rights", "/OCI/Process/Capabilities/Effective/0", json!("CAP_SYS_ADMIN")),
        ("rights", "/OCI/Process/Capabilities/Ambient", json!(["CAP_CHOWN"])),
        ("rights", "/OCI/Process/Capabilities", Value::Null),
        ("rights", "/OCI/Process/SelinuxLabel", json!("x")),
        ("rights", "/OCI/Process/Rlimits", json!([{"Type": "RLIMIT_CORE", "Hard": 1, "Soft": 1}])),
        ("root", "/OCI/Root/Readonly", json!(true)),
        ("image", "/storages/0/source", json!("example.com/evil")),
        ("image", "/storages/0/source", json!("pause")),
        ("image", "/storages/0/mount_point", json!("/etc")),
        (
            "image",
            "/storages/0/driver_options",
            json!(["image_guest_pull={\"metadata\":{\"io.kubernetes.cri.container-type\":\"sandbox\"}}"]),
        ),
        ("mounts", "/OCI/Mounts", json!([])),
        ("mounts", "/OCI/Mounts/0/source", json!("/")),
        ("mounts", "/OCI/Mounts/4/options", json!(["nosuid", "noexec", "nodev", "rw"])),
        ("mounts", "/OCI/Mounts/8/source", json!("/tmp")),
        ("mounts", "/OCI/Mounts/9/source", json!("/run/secrets")),
        ("mounts", "/OCI/Mounts/9/destination", json!("/etc/passwd")),
        ("mounts", "/OCI/Mounts/10/destination", json!("/etc/hosts")),
        ("mounts", "/OCI/Mounts/13/options", json!(["rbind", "rprivate", "rw"])),
        ("mounts", "/OCI/Mounts/6/source", json!("/run/kata-containers/sandbox/ephemeral/memory")),
        ("storages", "/storages/1/driver_options", json!(["create-filesystem=true"])),
        ("storages", "/storages/1/mount_point", json!("/etc")),
        ("storages", "/storages/1/source", json!("/dev/vda")),
        ("storages", "/storages/2/mount_point", json!("/etc")),
        ("storages", "/storages/2/driver", json!("local")),
        ("devices", "/OCI/Linux/Devices", json!([{"Path": "/dev/mem", "Type": "c", "Major": 1, "Minor": 1}])),
        ("devices", "/devices", json!([{"container_path": "/dev/mem"}])),
        ("namespaces", "/sandbox_pidns", json!(true)),
        ("namespaces", "/OCI/Linux/Namespaces/0/Path", json!("/proc/1/ns/ipc")),
        ("namespaces", "/OCI/Linux/Namespaces/0", json!({"Type": "pid", "Path": ""})),
        ("namespaces", "/OCI/Linux/Namespaces", json!([])),
        ("kernel", "/OCI/Linux/Sysctl", json!({"kernel.core_pattern": "|/evil"})),
        ("kernel", "/OCI/Linux/MaskedPaths", json!([])),
        ("kernel", "/OCI/Linux/ReadonlyPaths", json!([])),
        ("kernel", "/OCI/Linux/CgroupsPath", json!("/../x")),
        ("nothing else", "/OCI/Hooks", json!({"Prestart": [{"Path": "/evil"}]})),
        ("nothing else", "/OCI/Linux/Seccomp", json!({"DefaultAction": "x"})),
        ("nothing else", "/OCI/Linux/UIDMappings", json!([{"HostID": 0, "ContainerID": 0, "Size": 1}])),
        ("nothing else", "/shared_mounts", json!([{"name": "x"}])),
        ("nothing else", "/OCI/Process/ApparmorProfile", json!("unconfined")),
        ("pod", "/OCI/Annotations/io.kubernetes.cri.sandbox-name", json!("web-5d4f8c7b9-other")),
        ("pod", "/OCI/Annotations/io.kubernetes.cri.sandbox-namespace", json!("other")),
        ("pod", "/OCI/Annotations/io.kubernetes.cri.sandbox-id", json!(AGAIN)),
        ("name", "/OCI/Annotations/io.kubernetes.cri.container-name", json!("other")),
        ("name", "/OCI/Annotations/io.katacontainers.pkg.oci.container_type", json!("pod_sandbox")),
        ("name", "/OCI/Version", json!("9.9.9")),
        ("name", "/OCI", Value::Null),
        ("name", "/container_id", json!("../x")),
        ("annotations", "/OCI/Annotations/io.kubernetes.cri.evil", json!("x")),
        ("annotations", "/OCI/Annotations/io.katacontainers.config.hypervisor.kernel", json!("x")),
    ];
    for (check, path, value) in cases {
        let mut agent = begun();
        let mut request = create_web(WEB);
        match request.pointer_mut(path) {
            Some(place) => *place = value,
            None => {
                let (parent, key) = path.rsplit_once('/').unwrap();
                request.pointer_mut(parent).unwrap()[key] = value;
            }
        }
        assert!(!agent.allows("CreateContainerRequest", &request), "{path}");
        let failed = agent.failed(&request);
        assert!(failed.iter().any(|name| name == check), "{path}: {failed:?}");
    }
}

#[test]
fn a_second_image_in_a_request_is_refused() {
    let mut agent = begun();
    let mut request = create_web(WEB);
    let image = request["storages"][0].clone();
    request["storages"].as_array_mut().unwrap().push(image);
    assert_eq!(agent.failed(&request), ["image"]);
}

#[test]
fn storages_are_those_of_the_pod_and_no_two_volumes_are_one() {
    let without = |index: usize| {
        let mut request = create_web(WEB);
        request["storages"].as_array_mut().unwrap().remove(index);
        begun().failed(&request)
    };
    assert_eq!(without(1), ["mounts"], "a mount of a device that is not there");
    assert_eq!(without(2), ["storages"], "the volume in memory");
    let mut request = create_web(WEB);
    let memory = request["storages"][2].clone();
    request["storages"].as_array_mut().unwrap().push(memory);
    assert_eq!(begun().failed(&request), ["storages"], "the volume in memory, twice");
    let mut spec = spec();
    spec["containers"][0]["volumeMounts"][1] = json!({"name": "other", "mountPath": "/other"});
    spec["volumes"][1] = json!({"name": "other", "emptyDir": {}});
    let mut agent = begun_with(generate(spec).unwrap().text(), &create_pause());
    let mut request = create_web(WEB);
    let mut other = request["storages"][1].clone();
    request["storages"][2] = other.clone();
    let mounts = request["OCI"]["Mounts"].as_array_mut().unwrap();
    let at = mounts.iter().position(|mount| mount["destination"] == "/memory").unwrap();
    mounts[at]["destination"] = json!("/other");
    mounts[at]["source"] = other["mount_point"].clone();
    assert_eq!(agent.failed(&request), ["storages"], "one device for two volumes");
    other["source"] = json!("01/03");
    other["mount_point"] = json!("/run/kata-containers/sandbox/storage/MDEvMDM=");
    request["OCI"]["Mounts"][at]["source"] = other["mount_point"].clone();
    request["storages"][2] = other;
    assert_eq!(agent.failed(&request), [""; 0]);
}

#[test]
fn commands_of_probes_run_as_their_container_and_nothing_else_does() {
    let mut agent = begun();
    let create = create_web(WEB);
    assert!(agent.allows("CreateContainerRequest", &create));
    let start = json!({"container_id": WEB});
    assert!(agent.allows("StartContainerRequest", &start));
    let mut process = create["OCI"]["Process"].clone();
    process["Args"] = json!(["/bin/check", "-q"]);
    let request = json!({"container_id": WEB, "exec_id": "1", "string_user": null, "process": process});
    assert!(agent.allows("ExecProcessRequest", &request));
    for (path, value) in [
        ("/process/Args", json!(["/bin/check -q"])),
        ("/process/Args", json!(["/bin/check", "-q", "-v"])),
        ("/process/Args", json!(["/bin/sh"])),
        ("/process/User/UID", json!(1)),
        ("/process/Cwd", json!("/tmp")),
        ("/process/Env/0", json!("PATH=/evil")),
        ("/process/Terminal", json!(true)),
        ("/process/Capabilities/Ambient", json!(["CAP_SYS_ADMIN"])),
        ("/process", Value::Null),
        ("/container_id", json!(SANDBOX)),
        ("/container_id", json!(AGAIN)),
        ("/string_user", json!({"uid": "0", "gid": "0", "additionalGids": []})),
    ] {
        let mut request = request.clone();
        *request.pointer_mut(path).unwrap() = value;
        assert!(!agent.allows("ExecProcessRequest", &request), "{path}");
    }
}

#[test]
fn what_is_no_rule_of_the_pod_is_what_the_agent_asks_for_in_vain() {
    let mut agent = begun();
    for kind in [
        "SetPolicyRequest",
        "PauseContainerRequest",
        "UpdateContainerRequest",
        "AddSwapRequest",
        "GetMetricsRequest",
        "SetGuestDateTimeRequest",
        "ReadStreamRequest",
        "WriteStreamRequest",
        "CloseStdinRequest",
        "MemAgentMemcgConfig",
        "UpdateEphemeralMountsRequest",
        "GetDiagnosticDataRequest",
        "ListRoutesRequest",
    ] {
        assert!(!agent.allows(kind, &json!({"container_id": SANDBOX})), "{kind}");
    }
    for kind in ["GuestDetailsRequest", "WaitProcessRequest", "SignalProcessRequest", "DestroySandboxRequest"]
    {
        assert!(agent.allows(kind, &json!({})), "{kind}");
    }
}

#[test]
fn what_the_first_container_says_of_the_pod_has_its_form() {
    let policy = generate(spec()).unwrap();
    let uid = "io.kubernetes.cri.sandbox-uid";
    let failed = |text: &str| {
        let mut pause = create_pause();
        pause["OCI"]["Annotations"][uid] = json!(text);
        let metadata = json!({"metadata": pause["OCI"]["Annotations"]});
        pause["storages"][0]["driver_options"] = json!([format!("image_guest_pull={metadata}")]);
        crate::agent::Agent::load(policy.text()).failed(&pause)
    };
    assert_eq!(failed("01234567-89ab-cdef-0123-456789abcdef"), [""; 0]);
    // Of a pod that a node has from a file of its own.
    assert_eq!(failed("0123456789abcdef0123456789abcdef"), [""; 0]);
    for text in ["x; evil", "$(evil)", "0123\n", "0123456789abcdef0123456789abcdef012345"] {
        assert_eq!(failed(text), ["annotations"], "{text}");
    }
}

#[test]
fn the_sandbox_is_as_a_node_makes_it() {
    for (path, value) in [
        ("/storages", json!([])),
        ("/storages", json!([sandbox_storage(), sandbox_storage()])),
        ("/storages/0/mount_point", json!("/etc")),
        ("/guest_hook_path", json!("/hooks")),
        ("/kernel_modules", json!([{"name": "evil", "parameters": []}])),
        ("/sandbox_pidns", json!(true)),
    ] {
        let mut request = create_sandbox();
        *request.pointer_mut(path).unwrap() = value;
        assert!(!agent().allows("CreateSandboxRequest", &request), "{path}");
    }
}

#[test]
fn files_come_in_where_they_are_shared_and_nowhere_else() {
    let mut agent = agent();
    let base = format!("/run/kata-containers/shared/containers/{WEB}-0123456789abcdef-web");
    let mut ask = |path: &str, kind: &str, target: Value| {
        let request = json!({
            "path": path, "file_type": kind, "symlink_target": target, "file_size": 0, "file_mode": 0, "dir_mode": 0,
            "uid": 0, "gid": 0, "offset": 0,
        });
        agent.allows("CopyFileRequest", &request)
    };
    for (path, kind, target) in [
        (base.clone(), "Regular", Value::Null),
        (format!("{base}/..data/key"), "Regular", Value::Null),
        (format!("{base}/..2026"), "Directory", Value::Null),
        (format!("{base}/..data"), "Symlink", json!("..2026")),
    ] {
        assert!(ask(&path, kind, target), "{path}");
    }
    for (path, kind, target) in [
        ("/etc/passwd".to_owned(), "Regular", Value::Null),
        (format!("{base}/../../x"), "Regular", Value::Null),
        (format!("/x{base}"), "Regular", Value::Null),
        (format!("/etc\n{base}"), "Regular", Value::Null),
        (base.clone(), "Symlink", json!("x")),
        (format!("{base}/x"), "Symlink", json!("/etc")),
        (format!("{base}/x"), "Symlink", json!("a/../../x")),
        (format!("{base}/x"), "Symlink", Value::Null),
        (base.clone(), "Unknown", Value::Null),
    ] {
        assert!(!ask(&path, kind, target), "{path}");
    }
}

#[test]
fn nothing_of_the_network_is_the_loopback() {
    let mut agent = agent();
    let address = |address: &str| json!({"family": 0, "address": address, "mask": "24"});
    let interface = |name: &str, address: Value| {
        json!({"interface": {
            "device": name, "name": name, "IPAddresses": [address], "mtu": 1500, "hwAddr": "02:00:00:00:00:01",
            "devicePath": "", "type_": "", "raw_flags": 0,
        }})
    };
    let route = |source: &str, device: &str| {
        json!({"routes": {"Routes": [{
            "dest": "", "gateway": "10.0.0.1", "device": device, "source": source, "scope": 0, "family": 0, "flags": 0,
            "mtu": 0,
        }]}})
    };
    assert!(agent.allows("UpdateInterfaceRequest", &interface("eth0", address("10.0.0.2"))));
    assert!(!agent.allows("UpdateInterfaceRequest", &interface("lo", address("10.0.0.2"))));
    for loopback in ["127.0.0.1", "127.1.2.3", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1"]
    {
        let request = interface("eth0", address(loopback));
        assert!(!agent.allows("UpdateInterfaceRequest", &request), "{loopback}");
        assert!(!agent.allows("UpdateRoutesRequest", &route(loopback, "eth0")), "{loopback}");
    }
    assert!(agent.allows("UpdateRoutesRequest", &route("10.0.0.2", "eth0")));
    assert!(!agent.allows("UpdateRoutesRequest", &route("10.0.0.2", "lo")));
}

#[test]
fn the_host_reads_logs_of_the_project_s_own_containers_and_others_if_it_may() {
    let read = |spec: Value, settings: &Settings| {
        let policy = generate_with(spec, image(), settings).unwrap();
        let mut agent = begun_with(policy.text(), &create_pause());
        let (mut own, web) = (create_web(AGAIN), create_web(WEB));
        let name = json!("contrast-initializer");
        own["OCI"]["Annotations"]["io.kubernetes.cri.container-name"] = name.clone();
        let metadata =
            own["storages"][0]["driver_options"][0].as_str().unwrap().replace("\"web\"", &name.to_string());
        own["storages"][0]["driver_options"][0] = json!(metadata);
        [(own, AGAIN), (web, WEB)].map(|(request, id)| {
            assert_eq!(agent.failed(&request), [""; 0]);
            assert!(agent.allows("CreateContainerRequest", &request));
            ["ReadStreamRequest", "WriteStreamRequest", "CloseStdinRequest"]
                .map(|kind| agent.allows(kind, &json!({"container_id": id})))
        })
    };
    let mut spec = spec();
    let mut own = spec["containers"][0].clone();
    own["name"] = json!("contrast-initializer");
    spec["initContainers"] = json!([own]);
    assert_eq!(read(spec.clone(), &Settings::default()), [[true, false, false], [false, false, false]]);
    let logs = Settings { logs: true, ..Settings::default() };
    assert_eq!(read(spec.clone(), &logs), [[true, false, false], [true, false, false]]);
    spec["containers"][0]["stdin"] = json!(true);
    assert_eq!(read(spec, &Settings::default()), [[true, false, false], [false, true, true]]);
}

#[test]
fn a_device_may_be_of_another_bus() {
    let mut request = create_web(WEB);
    let at = "/run/kata-containers/sandbox/storage/MDox";
    request["storages"][1]["driver"] = json!("scsi");
    assert_eq!(begun().failed(&request), ["mounts", "storages"]);
    request["storages"][1]["source"] = json!("0:1");
    request["storages"][1]["mount_point"] = json!(at);
    let mounts = request["OCI"]["Mounts"].as_array_mut().unwrap();
    let data = mounts.iter_mut().find(|mount| mount["destination"] == "/data").unwrap();
    data["source"] = json!(at);
    assert_eq!(begun().failed(&request), [""; 0]);
}

#[test]
fn neighbours_are_not_the_loopback() {
    let neighbor = |device: &str, address: &str, state: u32| {
        json!({"neighbors": {"ARPNeighbors": [{
            "toIPAddress": {"family": 0, "address": address, "mask": ""}, "device": device,
            "lladdr": "02:00:00:00:00:01", "state": state, "flags": 0,
        }]}})
    };
    let mut agent = agent();
    assert!(agent.allows("AddARPNeighborsRequest", &neighbor("eth0", "10.0.0.1", 128)));
    for request in
        [neighbor("lo", "10.0.0.1", 128), neighbor("eth0", "127.0.0.1", 128), neighbor("eth0", "10.0.0.1", 4)]
    {
        assert!(!agent.allows("AddARPNeighborsRequest", &request), "{request}");
    }
}

/// A function that does not exist is noticed only by the request that reaches it, which then fails (Kata's agent has a part of
/// the functions of Rego).
#[test]
fn rules_call_only_functions_that_the_agent_has() {
    let agents = [
        "array.concat",
        "array.reverse",
        "array.slice",
        "base64url.encode",
        "concat",
        "count",
        "endswith",
        "indexof",
        "is_object",
        "is_string",
        "json.unmarshal",
        "object.get",
        "object.keys",
        "regex.find_all_string_submatch_n",
        "regex.match",
        "regex.replace",
        "replace",
        "sort",
        "split",
        "startswith",
        "substring",
        "trim_prefix",
    ];
    let text = generate(spec()).unwrap().text().to_owned();
    let rules: String = text
        .split("\npod := ")
        .next()
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    // Without the texts that are patterns.
    let rules = regex::Regex::new("`[^`]*`|\"[^\"]*\"").unwrap().replace_all(&rules, "_").into_owned();
    let call = regex::Regex::new(r"([a-z0-9_.]+)\(").unwrap();
    let own: BTreeSet<_> = regex::Regex::new(r"(?m)^([a-z_]+)\(")
        .unwrap()
        .captures_iter(&rules)
        .map(|found| found[1].to_owned())
        .collect();
    let called: BTreeSet<_> = call.captures_iter(&rules).map(|found| found[1].to_owned()).collect();
    assert!(own.len() > 20 && called.len() > own.len(), "{own:?} {called:?}");
    let foreign: Vec<_> = called.difference(&own).collect();
    assert_eq!(foreign, agents.iter().collect::<Vec<_>>());
}
