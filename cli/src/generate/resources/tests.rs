use super::*;

fn resources(text: &str) -> Resources {
    let file = File::read("pods.yaml", text.as_bytes().to_vec()).unwrap();
    Resources::new(vec![(Input::Standard, file)])
}

fn pod(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ {name} }}\nspec: {{ runtimeClassName: contrast-cc, containers: [{{ name: a, image: x }}] }}\n"
    )
}

#[test]
fn only_workloads_with_a_runtime_class_for_confidential_pods_are_looked_at() {
    let others = "kind: Service\napiVersion: v1\nmetadata: { name: s }\n---\nkind: Anything\napiVersion: x.example/v9\n---\n";
    let kata = pod("name: other").replace("contrast-cc", "kata").replace("image: x", "imgae: x");
    let text = format!("{others}{kata}---\n{}", pod("name: web, namespace: shop"));
    let workloads = resources(&text).workloads().unwrap();
    let [workload] = &workloads[..] else { panic!("{workloads:?}") };
    assert_eq!(workload.identity(), "core/v1/Pod/shop/web");
    assert_eq!(workload.to_string(), "Pod/web");
}

#[test]
fn a_workload_is_named_as_its_pods_are() {
    let generated = resources(&pod("generateName: web-")).workloads().unwrap().remove(0);
    assert_eq!(
        (generated.naming(), generated.to_string()),
        (Naming::Generated("web-"), "Pod/web-".to_owned())
    );
    let exact = resources(&pod("name: web")).workloads().unwrap().remove(0);
    assert_eq!(exact.naming(), Naming::Exact("web"));
}

#[test]
fn what_the_api_server_would_refuse_is_told_with_its_place() {
    let job = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: r }\nspec: { template: { spec: { runtimeClassName: contrast-cc } } }\n";
    for (text, line, expected) in [
        (pod("name: web").replace("image: x", "imgae: x"), "pods.yaml:4:", "knows no such member"),
        (pod("name: web").replace("[{ name: a, image: x }]", "{}"), "pods.yaml:4:", "containers"),
        (
            pod("name: web").replace(", containers: [{ name: a, image: x }]", ""),
            "pods.yaml:4:",
            "has no container",
        ),
        (pod("labels: {}"), "pods.yaml:3:", "has no name"),
        (pod("name: Web"), "pods.yaml:3:", "no object named `Web`"),
        (pod("name: a..b"), "pods.yaml:3:", "no object named `a..b`"),
        (pod("name: web-"), "pods.yaml:3:", "no object named `web-`"),
        (job.to_owned(), "pods.yaml:2:", "get no policy"),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec: { runtimeClassName: contrast-cc, template: { spec: {} } }\n"
                .to_owned(),
            "pods.yaml:4:",
            "stands where nobody reads it",
        ),
        (job.replace("Rollout", "DaemonSet"), "pods.yaml:2:", "write `apps/v1`"),
        (job.replace("kind: Rollout\n", ""), "pods.yaml:1:", "it says no `kind`"),
        (
            format!("{}---\n{}", pod("name: web"), pod("name: web, namespace: default")),
            "pods.yaml:8:",
            "twice",
        ),
    ] {
        let findings = resources(&text).workloads().unwrap_err();
        let text = findings[0].to_string();
        assert!(text.starts_with(line) && text.contains(expected), "{text}");
    }
}

#[test]
fn config_maps_and_secrets_are_found_by_namespace_and_name() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- { apiVersion: v1, kind: ConfigMap, metadata: { name: c }, data: { a: b } }\n\
         - { apiVersion: v1, kind: Secret, metadata: { name: s, namespace: shop }, stringData: { a: b } }\n\
         - { apiVersion: v1, kind: Secret, metadata: { name: broken }, data: { a: 1 } }\n";
    let resources = resources(text);
    assert_eq!(resources.config_maps()["default"]["c"].data.as_ref().unwrap()["a"], "b");
    assert!(resources.secrets()["shop"].contains_key("s"));
    assert!(!resources.secrets().contains_key("default"));
}
