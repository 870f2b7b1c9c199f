//! What happens when the program is killed, or called twice at once.

use std::{fs, process::Stdio, thread, time::Duration};

use crate::{node::Node, pod::Pod};

const SCRIPT: &str = "exec /bin/busybox sleep 1000";

#[test]
fn a_create_that_is_killed_at_any_moment_leaves_what_delete_removes_and_the_next_one_works() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    pod.start();
    for step in 0..12_u64 {
        let bundle = pod.container_bundle(SCRIPT);
        let log = bundle.folder.join("log.json");
        let mut command = node.command(&log, &["create", "--bundle"]);
        command.arg(&bundle.folder).arg(&bundle.id).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Not to wait for something, but to kill it somewhere else each time.
        thread::sleep(Duration::from_millis(step * 12));
        let _ = child.kill();
        child.wait().unwrap();
        let removed = node.call(&["delete", "--force", &bundle.id]);
        assert!(removed.is_done, "{}", removed.error);
    }
    pod.container_bundle(SCRIPT).run(&node);
    assert!(node.call(&["delete", "--force", &pod.sandbox]).is_done);
    assert_eq!(fs::read_dir(node.state()).unwrap().count(), 0);
}

#[test]
fn two_containers_that_are_made_at_once_are_both_remembered() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    pod.start();
    let bundles: Vec<_> = (0..4).map(|_| pod.container_bundle(SCRIPT)).collect();
    thread::scope(|scope| {
        let calls: Vec<_> = bundles.iter().map(|bundle| scope.spawn(|| bundle.create(&node))).collect();
        for call in calls {
            let called = call.join().unwrap();
            assert!(called.is_done, "{}", called.error);
        }
    });
    // All exist for the policy, so that each may be started, but only one at a time.
    let started = bundles.iter().filter(|bundle| node.call(&["start", &bundle.id]).is_done).count();
    assert_eq!(started, 1);
    for bundle in &bundles {
        assert!(node.call(&["delete", "--force", &bundle.id]).is_done);
    }
    pod.container_bundle(SCRIPT).run(&node);
}
