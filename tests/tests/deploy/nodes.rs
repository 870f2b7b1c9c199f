//! The runtime of nodes: what its resources may do, and that both files mean the same runtime.

use serde_json::Value;

use crate::plain;

const INSTALL: &str = "runtime-simulated.yml";
const UNINSTALL: &str = "runtime-simulated-uninstall.yml";
/// What `deploy/runtimes.json` has.
const HANDLER: &str = "contrast-cc-simulated-00000000";

fn of_kind<'a>(values: &'a [Value], kind: &str) -> &'a Value {
    let mut found = values.iter().filter(|value| value["kind"] == kind);
    let (first, second) = (found.next(), found.next());
    assert!(second.is_none(), "several of {kind}");
    first.unwrap()
}

#[test]
fn everything_is_named_after_the_runtime_and_says_that_it_is_not_confidential() {
    let values = plain(INSTALL);
    let class = of_kind(&values, "RuntimeClass");
    assert_eq!((&class["metadata"]["name"], &class["handler"]), (&HANDLER.into(), &HANDLER.into()));
    assert_eq!(class["metadata"]["labels"]["contrast.edgeless.systems/confidential"], "false");
    for (file, suffix) in [(INSTALL, "nodeinstaller"), (UNINSTALL, "nodeuninstaller")] {
        let name = format!("{HANDLER}-{suffix}");
        for value in plain(file).iter().filter(|value| value["kind"] != "RuntimeClass") {
            assert_eq!(value["metadata"]["name"], name.as_str(), "{file}: {}", value["kind"]);
        }
        let values = plain(file);
        let template = &of_kind(&values, "DaemonSet")["spec"]["template"]["metadata"];
        // By this label a node knows that its version is wanted.
        assert_eq!(template["labels"]["app.kubernetes.io/name"], name.as_str());
        assert_eq!(template["labels"]["contrast.edgeless.systems/confidential"], "false");
        let annotations = &template["annotations"];
        assert_eq!(annotations["contrast.edgeless.systems/pod-role"], "contrast-node-installer");
        assert_eq!(annotations["contrast.edgeless.systems/platform"], "simulated");
    }
}

#[test]
fn nothing_privileged_stays_and_only_what_works_has_a_token() {
    for file in [INSTALL, UNINSTALL] {
        let values = plain(file);
        let pod = &of_kind(&values, "DaemonSet")["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        let (works, stays) = (&pod["initContainers"], &pod["containers"]);
        assert_eq!((works.as_array().unwrap().len(), stays.as_array().unwrap().len()), (1, 1));
        assert_eq!(works[0]["securityContext"]["privileged"], true);
        let stays = &stays[0];
        assert_eq!(stays["securityContext"]["runAsNonRoot"], true);
        assert_eq!(stays["securityContext"]["capabilities"]["drop"][0], "ALL");
        assert!(stays.get("volumeMounts").is_none(), "{stays}");
    }
}

#[test]
fn an_installer_may_change_nodes_and_write_events_and_nothing_else() {
    for file in [INSTALL, UNINSTALL] {
        let values = plain(file);
        let rules = |kind| of_kind(&values, kind)["rules"].clone();
        let rule = |resource: &str, verb: &str| serde_json::json!([{ "apiGroups": [""], "resources": [resource], "verbs": [verb] }]);
        assert_eq!(rules("ClusterRole"), rule("nodes", "patch"));
        assert_eq!(rules("Role"), rule("events", "create"));
        assert_eq!(of_kind(&values, "Role")["metadata"]["namespace"], "default");
    }
}
