//! An API server that goes away while somebody watches.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    sync::mpsc,
    time::{Duration, Instant},
};

use contrast_tests::Answer;
use serde_json::{Value, json};

use super::place::Place;

/// Far beyond what anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_watch_tells_of_an_api_server_that_is_away_and_goes_on_when_it_is_back() {
    let place = Place::new("status-watch");
    let plain = Answer::command(
        place.workspace.path(),
        ["status", "-c", &place.coordinator(), "--output", "json", "--watch"],
    );
    let mut child = place.in_network(&plain).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let status: Value = serde_json::from_str(&line).expect("one object a line");
            if sender.send(status).is_err() {
                return;
            }
        }
    });
    let wait_for = |what: &str, is_right: &dyn Fn(&Value) -> bool| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let status = receiver.recv_timeout(left).unwrap_or_else(|_| panic!("never told: {what}"));
            if is_right(&status) {
                return;
            }
        }
    };
    let has =
        |pod: &'static str| move |status: &Value| status["cluster"]["strangers"].to_string().contains(pod);
    wait_for("the beginning", &|status| status["cluster"]["unreachable"].is_null());
    let systemctl = |action: &str| {
        let mut command = place.cluster.on_node("systemctl");
        assert!(command.args([action, "kube-apiserver.service"]).status().unwrap().success());
    };
    systemctl("stop");
    wait_for("that it is away", &|status| status["verdict"] == "unreachable");
    systemctl("start");
    wait_for("that it is back", &|status| status["cluster"]["unreachable"].is_null());
    let role = json!({ "contrast.edgeless.systems/pod-role": "coordinator" });
    place.make_pod("stranger", &role, &json!({}));
    wait_for("a new pod", &has("stranger"));
    drop(receiver);
    child.kill().unwrap();
    child.wait().unwrap();
    // The program in the network is a child of its child, or it itself; its pipe tells when it has ended.
    place.kubectl(&["delete", "pod", "stranger", "-n", place.namespace]);
    reader.join().unwrap();
}
