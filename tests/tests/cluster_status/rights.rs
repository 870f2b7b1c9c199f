//! Rights that are missing.

use serde_json::Value;

use super::place::{Place, write_kubeconfig};

const NAMESPACE: &str = "status-rights";

/// The rights that `status` names as missing.
fn missing(status: &Value) -> Vec<String> {
    let list = status["cluster"]["missing"].as_array().unwrap();
    list.iter().map(|missing| missing["right"].as_str().unwrap().to_owned()).collect()
}

fn pods(status: &Value) -> Vec<&str> {
    let workloads = status["cluster"]["workloads"].as_array().unwrap();
    let pods = workloads.iter().flat_map(|workload| workload["pods"].as_array().unwrap());
    pods.map(|pod| pod["name"].as_str().unwrap()).collect()
}

#[test]
fn with_the_rights_of_the_handbook_nothing_is_missing_and_each_one_that_goes_is_named_while_the_rest_is_shown()
 {
    let place = Place::new(NAMESPACE);
    let whole = place.status();
    assert_eq!(missing(&whole), Vec::<String>::new(), "{whole:#}");
    assert_eq!(pods(&whole), ["web-1"], "{whole:#}");
    let classes = |status: &Value| status["cluster"]["runtimeClasses"].to_string().contains(NAMESPACE);
    assert!(classes(&whole), "{whole:#}");
    // Nobody runs behind the Service.
    assert_eq!(whole["verdict"], "not-attested", "{whole:#}");
    let way = |status: &Value| status["attested"]["reason"].as_str().unwrap().to_owned();
    for tried in
        ["LoadBalancer: the Service is of type ClusterIP", "port-forwarder: ", "own pod: there is none"]
    {
        assert!(way(&whole).contains(tried), "{}", way(&whole));
    }
    assert!(!way(&whole).contains("cannot"), "{}", way(&whole));

    let here = |right: &str| format!("{right} in namespace {NAMESPACE}");
    for (resource, expected) in [
        ("pods", vec![here("list pods")]),
        ("events", vec![here("list events"), "list events in namespace default".to_owned()]),
        ("nodes", vec!["list nodes".to_owned()]),
        ("runtimeclasses", vec!["list runtimeclasses.node.k8s.io".to_owned()]),
        ("pods/log", vec![here("get pods/log")]),
        ("services", vec![]),
        ("pods/portforward", vec![]),
    ] {
        place.allow(|kept| kept != resource);
        // The API server takes a moment to notice.
        let told = |status: &Value| match resource {
            "services" | "pods/portforward" => {
                way(status).contains(&format!("resource \"{resource}\"")) && way(status).contains("cannot ")
            }
            _ => missing(status) == expected,
        };
        let status = until(|| place.status(), told);
        assert!(told(&status), "without {resource}: {status:#}");
        assert_eq!(missing(&status), expected, "without {resource}: {status:#}");
        if resource != "pods" {
            assert_eq!(pods(&status), ["web-1"], "without {resource}: {status:#}");
        }
        assert_eq!(classes(&status), resource != "runtimeclasses", "without {resource}: {status:#}");
        let nodes = status["cluster"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.is_empty(), resource == "nodes", "without {resource}: {status:#}");
        let text = place.contrast(&["status", "-c", &place.coordinator()]);
        assert_eq!(text.code, 5, "{}{}", text.stdout, text.stderr);
        for right in &expected {
            assert!(text.stdout.contains(right.as_str()), "{}", text.stdout);
        }
    }

    // `verify` has nothing else to go by than the way.
    place.allow(|kept| kept != "pods/portforward");
    let answer = place.contrast(&["verify", "-c", &place.coordinator()]);
    assert!(answer.clone().failure().contains("no way leads to the Coordinator"), "{}", answer.stderr);
    let (code, stderr) = (answer.code, answer.stderr);
    assert!(code == 1 && stderr.contains("pods/portforward") && stderr.contains("help: "), "{stderr}");
    // A token that nobody knows.
    let file = place.workspace.path().join("stranger");
    write_kubeconfig(&place.cluster, &file, "nobody");
    let stranger = ["status", "-c", &place.coordinator(), "--kubeconfig", file.to_str().unwrap()];
    let answer = place.contrast(&stranger);
    assert_eq!(answer.code, 6, "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stdout.contains("does not accept the token of the kubeconfig"), "{}", answer.stdout);
    let answer = place.contrast(&["status", "--context", "none-such"]);
    assert!(answer.failure().contains("no context `none-such`; it has "));
}

/// Asks until the answer is as it should be, or for long enough. The last answer.
fn until(ask: impl Fn() -> Value, is_right: impl Fn(&Value) -> bool) -> Value {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let answer = ask();
        if is_right(&answer) || std::time::Instant::now() > deadline {
            return answer;
        }
    }
}
