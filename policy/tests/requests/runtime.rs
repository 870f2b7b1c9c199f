//! The way from an OCI runtime configuration to a request, and from there to faulty ones.

use contrast_policy::request::Request;
use serde_json::{Value, json};

use crate::support::{
    faults,
    honest::{self, APP},
    runtime,
};

#[test]
fn a_configuration_becomes_what_the_runtime_sends() {
    let input = honest::request();
    let oci = &input["OCI"];
    assert_eq!(oci["Version"], "1.2.1");
    assert_eq!(
        oci["Process"]["User"],
        json!({ "UID": 7, "GID": 8, "AdditionalGids": [8, 9], "Username": "" })
    );
    assert_eq!(oci["Process"]["OOMScoreAdj"], 1000);
    assert_eq!(oci["Process"]["SelinuxLabel"], "");
    assert_eq!(oci["Process"]["Rlimits"], json!([{ "Type": "RLIMIT_NOFILE", "Hard": 1, "Soft": 1 }]));
    assert_eq!(
        oci["Root"],
        json!({ "Path": format!("/run/kata-containers/{APP}/rootfs"), "Readonly": true })
    );
    let sources: Vec<_> =
        oci["Mounts"].as_array().unwrap().iter().map(|mount| mount["source"].as_str().unwrap()).collect();
    assert_eq!(
        sources,
        [
            "proc",
            "/run/kata-containers/sandbox/ephemeral/tls",
            &format!("/run/kata-containers/shared/containers/{APP}-0000000000000002-hosts"),
            "/run/kata-containers/sandbox/shm",
        ]
    );
    assert_eq!(
        oci["Linux"]["Namespaces"],
        json!([{ "Type": "ipc", "Path": "" }, { "Type": "uts", "Path": "" }, { "Type": "mount", "Path": "" }])
    );
    assert_eq!(oci["Linux"]["Seccomp"], Value::Null);
    assert_eq!(oci["Linux"]["Resources"]["Memory"]["Limit"], 5);
    assert_eq!(oci["Linux"]["Resources"]["Devices"], json!([]));
    assert_eq!(oci["Linux"]["Sysctl"], json!({ "net.ipv4.x": "1" }));
    assert!(oci["Annotations"].get("io.katacontainers.config.agent.policy").is_none());
    assert_eq!(oci["Annotations"]["io.katacontainers.pkg.oci.container_type"], "pod_container");
    let pull = &input["storages"][1];
    assert_eq!(pull["source"], format!("example.com/a@sha256:{}", "1".repeat(64)));
    assert!(pull["driver_options"][0].as_str().unwrap().contains("\"metadata\":{"));
}

#[test]
fn a_process_becomes_a_request_without_capabilities() {
    let request = runtime::exec_process(&honest::config()["process"], "c0ffee");
    let Request::ExecProcess(exec) = request else { panic!() };
    let process = exec.process.unwrap();
    assert_eq!(process.args, ["/app"]);
    assert_eq!(process.capabilities, None);
}

#[test]
fn faults_differ_from_the_honest_request_in_one_member() {
    let honest = honest::request();
    let faults = faults::single_faults(&honest);
    assert!(faults.iter().all(|fault| fault.members != honest));
    let has = |what: &str, path: &str| faults.iter().any(|fault| fault.what == what && fault.path == path);
    assert!(has("changed", "OCI.Process.Args[0]"));
    assert!(has("dropped an item of", "OCI.Mounts"));
    assert!(has("repeated an item of", "OCI.Process.Env"));
    assert!(has("added to", "OCI.Annotations"));
    assert!(has("changed", "OCI.Annotations[\"io.kubernetes.cri.container-type\"]"));
    assert!(has("changed", "storages[1].source"));
    let mut other = honest.clone();
    other["OCI"]["Process"]["Args"] = json!(["/other"]);
    let swapped = faults::swapped(&honest, &other);
    let paths: Vec<_> = swapped.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["OCI.Process.Args", "OCI.Process.Args[0]"]);
}
