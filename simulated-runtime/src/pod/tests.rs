//! Pods across calls, and what is left of them after an accident.

use contrast_policy::request::{Kind, Request};
use serde_json::json;

use super::*;
use crate::requests::{Disks as _, Volume};

const SANDBOX: &str = "5a00";
const POLICY: &str = r#"package agent_policy
StartContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/started", "value": input.container_id}]} if {
    not data.pstate.started
}
"#;

fn policy() -> PodPolicy {
    PodPolicy { text: POLICY.to_owned(), host_data: [7; 32] }
}

fn start(pod: &mut Pod) -> bool {
    let request = Request::read(Kind::StartContainer, &json!({ "container_id": "ab" })).unwrap();
    pod.engine.evaluate(&request).verdict.is_allowed()
}

#[test]
fn what_the_policy_remembers_is_there_at_the_next_call() {
    let pods = tempfile::tempdir().unwrap();
    let mut pod = Pod::create(pods.path(), SANDBOX, &policy()).unwrap();
    pod.note("c0de").unwrap();
    pod.save().unwrap();
    drop(pod);
    let mut pod = Pod::of_container(pods.path(), "c0de").unwrap();
    assert!(start(&mut pod));
    drop(pod);
    // What was not saved did not happen.
    let mut pod = Pod::open(pods.path(), SANDBOX).unwrap();
    assert!(start(&mut pod));
    pod.save().unwrap();
    drop(pod);
    let mut pod = Pod::open(pods.path(), SANDBOX).unwrap();
    assert!(!start(&mut pod));
    assert_eq!(pod.state.host_data, "07".repeat(32));
    pod.remove();
    assert!(matches!(Pod::open(pods.path(), SANDBOX), Err(PodError::Unknown { .. })));
    assert_eq!(fs::read_dir(pods.path()).unwrap().count(), 0);
}

#[test]
fn a_pod_that_is_half_made_or_damaged_is_refused_with_what_to_do() {
    let pods = tempfile::tempdir().unwrap();
    let folder = pods.path().join(SANDBOX);
    let mut pod = Pod::create(pods.path(), SANDBOX, &policy()).unwrap();
    let unknown = || Pod::open(pods.path(), SANDBOX).unwrap_err();
    let text = {
        drop(Pod::create(pods.path(), "5b00", &policy()).unwrap());
        Pod::open(pods.path(), "5b00").unwrap_err().to_string()
    };
    assert!(text.contains("delete the pod"), "{text}");
    assert!(matches!(Pod::create(pods.path(), SANDBOX, &policy()), Err(PodError::Exists { .. })));
    pod.save().unwrap();
    drop(pod);
    let state = fs::read(folder.join(STATE)).unwrap();
    let other = String::from_utf8(state.clone()).unwrap().replace("\"version\":1", "\"version\":2");
    for damage in [&b""[..], b"{}", b"\0\0\0\0", other.as_bytes(), &state[..state.len() / 2]] {
        fs::write(folder.join(STATE), damage).unwrap();
        assert!(matches!(unknown(), PodError::Damaged { .. }));
    }
    fs::write(folder.join(STATE), &state).unwrap();
    fs::write(folder.join(super::POLICY), "package agent_policy\ndefault StartContainerRequest := true\n")
        .unwrap();
    assert!(matches!(unknown(), PodError::Damaged { .. }));
    fs::remove_file(folder.join(super::POLICY)).unwrap();
    assert!(matches!(unknown(), PodError::Damaged { .. }));
}

#[test]
fn a_policy_that_does_not_load_makes_no_pod() {
    let pods = tempfile::tempdir().unwrap();
    let policy = PodPolicy { text: "package agent_policy\nx {".to_owned(), host_data: [0; 32] };
    assert!(matches!(Pod::create(pods.path(), SANDBOX, &policy), Err(PodError::Load(_))));
    assert_eq!(fs::read_dir(pods.path()).unwrap().count(), 0);
}

#[test]
fn two_calls_for_one_pod_go_one_after_the_other() {
    let pods = tempfile::tempdir().unwrap();
    Pod::create(pods.path(), SANDBOX, &policy()).unwrap().save().unwrap();
    let allowed: usize = std::thread::scope(|scope| {
        let call = || {
            let mut pod = Pod::open(pods.path(), SANDBOX).unwrap();
            let allowed = start(&mut pod);
            pod.save().unwrap();
            usize::from(allowed)
        };
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).sum()
    });
    assert_eq!(allowed, 1);
}

#[test]
fn a_volume_stays_what_it_was_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("kubernetes.io~empty-dir/data");
    fs::create_dir_all(&volume).unwrap();
    std::os::unix::fs::chown(&volume, None, Some(4711)).unwrap();
    fs::set_permissions(&volume, std::os::unix::fs::PermissionsExt::from_mode(0o2777)).unwrap();
    let source = volume.to_str().unwrap();
    let mut state = State::new(SANDBOX, &policy());
    let first = state.volume(source);
    assert_eq!(first, Some(Volume::Disk { address: "01".to_owned(), group: Some(4711) }));
    std::os::unix::fs::chown(&volume, None, Some(0)).unwrap();
    assert_eq!(state.volume(source), first);
    assert_eq!(state.device(&json!({ "major": 7, "minor": 1 })), "02");
    assert_eq!(state.device(&json!({ "major": 7, "minor": 2 })), "03");
    assert_eq!(state.device(&json!({ "major": 7, "minor": 1 })), "02");
    assert_eq!(state.volume("/var/lib/kubelet/pods/x/volumes/kubernetes.io~configmap/data"), None);
}
