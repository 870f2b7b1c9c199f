//! What a container writes, and what is written to it.

use crate::{node::Node, pod::Pod};

const SCRIPT: &str = "echo told; echo told >&2";

#[test]
fn output_gets_out_only_where_the_policy_lets_it_be_read() {
    let node = Node::new();
    for (logs, expected) in [(true, "told\ntold\n"), (false, "")] {
        let pod = Pod::new(&node, SCRIPT, logs);
        let app = pod.run(SCRIPT);
        app.wait_until_stopped(&node);
        assert_eq!(app.output(), expected);
    }
}

#[test]
fn output_of_a_probe_is_not_told_either() {
    let script = "exec /bin/busybox sleep 1000";
    let node = Node::new();
    let pod = Pod::new(&node, script, false);
    let app = pod.run(script);
    let probe = app.exec(&node, &["/bin/busybox", "echo", "ready"]);
    assert!(probe.is_done, "{}", probe.error);
    assert_eq!(probe.output, "");
}
