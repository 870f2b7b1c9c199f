//! Evidence, asked for from inside of pods.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use contrast_attestation::{Attester as _, ReportData, simulated::socket::SocketAttester, snp::document};

use crate::{node::Node, pod::Pod};

const SCRIPT: &str = "exec /bin/busybox sleep 1000";

/// The socket as the container sees it.
fn inside(node: &Node, id: &str) -> PathBuf {
    let pid = node.state_of(id)["pid"].as_u64().unwrap();
    PathBuf::from(format!("/proc/{pid}/root/run/contrast-simulator/attestation.sock"))
}

fn host_data(path: &std::path::Path) -> [u8; 32] {
    let evidence = SocketAttester::new(path).attest(&ReportData([4; 64])).unwrap();
    let document = document::parse(&evidence.document).unwrap();
    assert_eq!(document.report.report_data, [4; 64]);
    document.report.host_data
}

#[test]
fn evidence_has_the_host_data_of_the_pod_that_asks() {
    let node = Node::new();
    let other_script = "exec /bin/busybox sleep 2000";
    let (one, other) = (Pod::new(&node, SCRIPT, false), Pod::new(&node, other_script, false));
    let (app, other_app) = (one.run(SCRIPT), other.run(other_script));
    assert_eq!(host_data(&inside(&node, &app.id)), one.host_data());
    assert_eq!(host_data(&inside(&node, &other_app.id)), other.host_data());
    assert_ne!(one.host_data(), other.host_data());
}

#[test]
fn every_user_of_the_container_may_ask_and_nobody_may_change_the_folder() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    let app = pod.run(SCRIPT);
    let socket = inside(&node, &app.id);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o666);
    let folder = socket.parent().unwrap();
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o755);
    let error = fs::write(folder.join("x"), []).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
}

#[test]
fn a_signer_that_was_killed_is_there_again_after_the_next_call() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, true);
    let app = pod.run(SCRIPT);
    let socket = inside(&node, &app.id);
    let signer = signer(&node, &pod).expect("there is a signer");
    assert!(node.call(&["kill", &app.id, "0"]).is_done);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(signer).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    while self::signer(&node, &pod).is_some() {}
    let error = SocketAttester::new(&socket).attest(&ReportData([0; 64])).err().unwrap().to_string();
    assert!(error.contains("starts the signer again"), "{error}");
    assert!(app.exec(&node, &["/bin/busybox", "echo", "ready"]).is_done);
    assert_eq!(host_data(&socket), pod.host_data());
}

#[test]
fn the_signer_is_in_no_group_of_the_pod_and_ends_with_the_sandbox() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    pod.run(SCRIPT);
    let signer = signer(&node, &pod).expect("there is a signer");
    let groups = fs::read_to_string(format!("/proc/{signer}/cgroup")).unwrap();
    assert_eq!(groups, fs::read_to_string("/proc/self/cgroup").unwrap());
    assert!(node.call(&["delete", "--force", &pod.sandbox]).is_done);
    while self::signer(&node, &pod).is_some() {}
}

/// The process of a pod's signer that is not dead.
fn signer(node: &Node, pod: &Pod<'_>) -> Option<i32> {
    let folder = node.state().join(&pod.sandbox);
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.find(|number| {
        let at = |name: &str| format!("/proc/{number}/{name}");
        let is_of_pod = fs::read_link(at("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder));
        is_of_pod && fs::read(at("cmdline")).is_ok_and(|line| line.windows(5).any(|word| word == b"\0sign"))
    })
}
