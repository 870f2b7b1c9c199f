use contrast_resources::File;
use serde_json::json;

use super::*;
use crate::resource_files::Input;

const INITIALIZER: &str = "ghcr.io/edgelesssys/contrast/initializer:latest";
const MESH: &str = "ghcr.io/edgelesssys/contrast/service-mesh-proxy:latest";
const HANDLER: &str = "contrast-cc-metal-qemu-snp-00000000";

fn resources(text: &str) -> Resources {
    let file = File::read("pods.yaml", text.as_bytes().to_vec()).unwrap();
    Resources::new(vec![(Input::Standard, file)])
}

/// A Deployment with these annotations on its pods, and this specification of them.
fn deployment(annotations: &str, spec: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  selector: {{}}\n  template:\n    \
         metadata: {{ annotations: {{ {annotations} }} }}\n    spec: {{ runtimeClassName: contrast-cc, {spec} }}\n"
    )
}

const PLAIN: &str = "containers: [{ name: web, image: x }]";

fn injection(replacements: &Replacements) -> Injection<'_> {
    Injection {
        replacements,
        coordinator_host: "coordinator",
        skip_initializer: false,
        skip_service_mesh: false,
        initial_owners: Some("aa"),
        is_first: true,
        collateral_proxy: None,
    }
}

/// The template after everything was put into it, and again.
fn put(text: &str, platform: Platform) -> Result<(Value, Vec<String>), Vec<Finding>> {
    let replacements = Replacements::default();
    put_with(text, platform, &injection(&replacements))
}

fn put_with(
    text: &str,
    platform: Platform,
    injection: &Injection<'_>,
) -> Result<(Value, Vec<String>), Vec<Finding>> {
    let mut resources = resources(text);
    let workload = resources.workloads()?.remove(0);
    let notes = injection.put_into(&mut resources, &workload, platform, HANDLER)?;
    let once = resources.template(&workload).unwrap().clone();
    let again = injection.put_into(&mut resources, &workload, platform, HANDLER)?;
    assert_eq!(resources.template(&workload), Some(&once), "twice is not the same as once");
    assert_eq!(notes, again);
    Ok((once, notes))
}

fn names(template: &Value, list: &str) -> Vec<String> {
    let containers = template["spec"][list].as_array().into_iter().flatten();
    containers.map(|container| container["name"].as_str().unwrap().to_owned()).collect()
}

fn container<'v>(template: &'v Value, name: &str) -> &'v Value {
    let lists = ["initContainers", "containers"].map(|list| template["spec"][list].as_array());
    lists.into_iter().flatten().flatten().find(|container| container["name"] == name).unwrap()
}

fn variable(container: &Value, name: &str) -> Option<String> {
    container::variable(container, name).map(str::to_owned)
}

#[test]
fn the_initializer_comes_first_and_its_volume_is_shown_to_all() {
    let spec = "initContainers: [{ name: own, image: other }], containers: [{ name: web, image: x }, { name: log, image: x }]";
    let (template, notes) = put(&deployment("", spec), Platform::AksClhSnp).unwrap();
    assert_eq!(names(&template, "initContainers"), ["contrast-initializer", "own"]);
    assert_eq!(
        *container(&template, "contrast-initializer"),
        json!({
            "name": "contrast-initializer",
            "image": INITIALIZER,
            "env": [{ "name": "COORDINATOR_HOST", "value": "coordinator" }],
            "resources": { "requests": { "memory": "50Mi" }, "limits": { "memory": "50Mi" } },
            "volumeMounts": [{ "name": "contrast-tls-certs", "mountPath": "/tls-config" }],
        })
    );
    for name in ["own", "web", "log"] {
        assert_eq!(container(&template, name)["volumeMounts"], json!([volumes::mount()]), "{name}");
    }
    assert_eq!(
        template["spec"]["volumes"],
        json!([{ "name": "contrast-tls-certs", "emptyDir": { "medium": "Memory" } }])
    );
    assert_eq!(template["spec"]["runtimeClassName"], HANDLER);
    assert!(notes.is_empty());
}

#[test]
fn where_the_guest_blocks_the_network_the_initializer_opens_it_unless_the_mesh_does() {
    let mesh = "\"contrast.edgeless.systems/servicemesh-ingress\": \"\"";
    for (annotations, platform, opens) in [
        ("", Platform::MetalQemuTdx, true),
        ("", Platform::K3sQemuSnp, false),
        (mesh, Platform::MetalQemuTdx, false),
        (mesh, Platform::K3sQemuSnp, false),
    ] {
        let (template, _) = put(&deployment(annotations, PLAIN), platform).unwrap();
        let initializer = container(&template, "contrast-initializer");
        let expected = opens.then(|| "true".to_owned());
        assert_eq!(
            variable(initializer, "CONTRAST_DISABLE_SERVICE_MESH"),
            expected,
            "{platform} {annotations}"
        );
        assert_eq!(initializer["securityContext"]["capabilities"]["add"] == json!(["NET_ADMIN"]), opens);
    }
}

#[test]
fn the_mesh_comes_last_with_what_its_annotations_say_and_goes_with_them() {
    let annotations = "\"contrast.edgeless.systems/servicemesh-ingress\": \"web#8080#false\", \
         \"contrast.edgeless.systems/servicemesh-admin-interface-port\": \"9901\"";
    let spec = "initContainers: [{ name: own, image: other }], containers: [{ name: web, image: x }]";
    let (template, _) = put(&deployment(annotations, spec), Platform::MetalQemuSnp).unwrap();
    assert_eq!(names(&template, "initContainers"), ["contrast-initializer", "own", "contrast-service-mesh"]);
    let sidecar = container(&template, "contrast-service-mesh");
    assert_eq!(variable(sidecar, "CONTRAST_INGRESS_PROXY_CONFIG").as_deref(), Some("web#8080#false"));
    assert_eq!(variable(sidecar, "CONTRAST_EGRESS_PROXY_CONFIG"), None);
    assert_eq!(variable(sidecar, "CONTRAST_ADMIN_PORT").as_deref(), Some("9901"));
    assert_eq!(sidecar["ports"], json!([{ "name": "contrast-admin", "containerPort": 9901 }]));
    assert_eq!((&sidecar["restartPolicy"], &sidecar["image"]), (&json!("Always"), &json!(MESH)));

    let mut without = template.clone();
    without["metadata"]["annotations"] = json!({});
    without["spec"]["runtimeClassName"] = json!("contrast-cc");
    let object = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "selector": {}, "template": without } });
    let (template, notes) = put(&object.to_string(), Platform::MetalQemuSnp).unwrap();
    assert_eq!(names(&template, "initContainers"), ["contrast-initializer", "own"]);
    assert!(notes.is_empty());
}

#[test]
fn a_sidecar_that_somebody_wrote_stays_and_is_told_of() {
    let spec = "initContainers: [{ name: contrast-service-mesh, image: mine, command: [run] }], containers: [{ name: web, image: x }]";
    let (template, notes) = put(&deployment("", spec), Platform::MetalQemuSnp).unwrap();
    assert_eq!(container(&template, "contrast-service-mesh")["command"], json!(["run"]));
    assert!(notes[0].contains("by hand"), "{notes:?}");
}

#[test]
fn an_initializer_that_somebody_wrote_is_kept_and_completed() {
    let spec = "initContainers: [{ name: contrast-initializer, image: \"mine/init@sha256:00\", args: [-v], \
         env: [{ name: COORDINATOR_HOST, value: elsewhere }, { name: CONTRAST_LOG_LEVEL, value: debug }], \
         resources: { limits: { memory: 77Mi } }, \
         volumeMounts: [{ name: contrast-tls-certs, mountPath: /elsewhere }] }], \
         containers: [{ name: web, image: x, volumeMounts: [{ name: contrast-tls-certs, mountPath: /certs }] }], \
         volumes: [{ name: contrast-tls-certs, emptyDir: {} }]";
    let (template, notes) = put(&deployment("", spec), Platform::MetalQemuSnp).unwrap();
    let initializer = container(&template, "contrast-initializer");
    assert_eq!(
        (&initializer["image"], &initializer["args"]),
        (&json!("mine/init@sha256:00"), &json!(["-v"]))
    );
    assert_eq!(variable(initializer, "COORDINATOR_HOST").as_deref(), Some("elsewhere"));
    assert_eq!(variable(initializer, "CONTRAST_LOG_LEVEL").as_deref(), Some("debug"));
    assert_eq!(variable(initializer, "CONTRAST_DISABLE_SERVICE_MESH").as_deref(), Some("true"));
    assert_eq!(initializer["resources"], json!({ "limits": { "memory": "77Mi" } }));
    assert_eq!(initializer["volumeMounts"][0]["mountPath"], "/elsewhere");
    assert_eq!(container(&template, "web")["volumeMounts"][0]["mountPath"], "/certs");
    assert_eq!(template["spec"]["volumes"], json!([{ "name": "contrast-tls-certs", "emptyDir": {} }]));
    assert!(notes.is_empty(), "the Coordinator's place is not known: {notes:?}");
}

#[test]
fn an_initializer_of_another_name_is_known_by_its_image() {
    let spec = format!(
        "initContainers: [{{ name: own, image: other }}, {{ name: init, image: \"{INITIALIZER}\" }}], {PLAIN}"
    );
    let (template, _) = put(&deployment("", &spec), Platform::MetalQemuSnp).unwrap();
    assert_eq!(names(&template, "initContainers"), ["own", "init"]);
}

#[test]
fn images_are_pinned_and_pinned_anew_by_a_newer_release() {
    let text = deployment("", PLAIN);
    let mut resources = resources(&text);
    let workload = resources.workloads().unwrap().remove(0);
    for version in ["1", "2"] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pinned = format!("registry.example/init:v{version}");
        std::fs::write(file.path(), format!("{INITIALIZER} = {pinned}\nx = y:{version}\n")).unwrap();
        let replacements = Replacements::of_file(file.path()).unwrap();
        injection(&replacements)
            .put_into(&mut resources, &workload, Platform::MetalQemuSnp, HANDLER)
            .unwrap();
        let template = resources.template(&workload).unwrap();
        assert_eq!(container(template, "contrast-initializer")["image"], pinned.as_str());
        assert_eq!(
            container(template, "web")["image"],
            "y:1",
            "a user's image is replaced by its whole name only"
        );
    }
}

#[test]
fn a_coordinator_is_told_who_may_be_first_once_and_opens_its_network_and_gets_nothing_else() {
    let role = "\"contrast.edgeless.systems/pod-role\": coordinator";
    let spec = "containers: [{ name: other, image: x }, { name: coordinator, image: x }]";
    let (template, notes) = put(&deployment(role, spec), Platform::MetalQemuSnp).unwrap();
    assert_eq!((names(&template, "initContainers"), notes.len()), (Vec::new(), 0));
    assert_eq!(
        variable(container(&template, "coordinator"), "CONTRAST_INITIAL_OWNERS").as_deref(),
        Some("aa")
    );
    assert_eq!(container(&template, "other").get("env"), None);
    assert_eq!(
        variable(container(&template, "coordinator"), "CONTRAST_OPEN_NETWORK").as_deref(),
        Some("true")
    );
    assert_eq!(
        container(&template, "coordinator")["securityContext"]["capabilities"]["add"],
        json!(["NET_ADMIN", "NET_RAW"])
    );
    let (open, _) = put(&deployment(role, spec), Platform::AksClhSnp).unwrap();
    assert_eq!(variable(container(&open, "coordinator"), "CONTRAST_OPEN_NETWORK"), None);
    let spec = "containers: [{ name: c, image: x, env: [{ name: CONTRAST_INITIAL_OWNERS, value: bb }] }]";
    let (template, notes) = put(&deployment(role, spec), Platform::MetalQemuSnp).unwrap();
    assert_eq!(variable(container(&template, "c"), "CONTRAST_INITIAL_OWNERS").as_deref(), Some("bb"));
    assert!(notes[0].contains("names others than the present owners"), "{notes:?}");
    let replacements = Replacements::default();
    let nobody =
        Injection { initial_owners: None, collateral_proxy: Some("http://p"), ..injection(&replacements) };
    let (template, _) = put_with(&deployment(role, PLAIN), Platform::MetalQemuSnp, &nobody).unwrap();
    assert_eq!(variable(container(&template, "web"), "CONTRAST_INITIAL_OWNERS"), None);
    assert_eq!(
        variable(container(&template, "web"), "CONTRAST_COLLATERAL_PROXY").as_deref(),
        Some("http://p")
    );
}

#[test]
fn what_is_to_be_left_out_is_left_out() {
    let skip = "\"contrast.edgeless.systems/skip-initializer\": \"true\"";
    let (template, _) = put(&deployment(skip, PLAIN), Platform::MetalQemuSnp).unwrap();
    assert_eq!(template["spec"].get("initContainers"), None);
    assert_eq!(template["spec"].get("volumes"), None);
    let replacements = Replacements::default();
    let nothing = Injection { skip_initializer: true, skip_service_mesh: true, ..injection(&replacements) };
    let mesh = "\"contrast.edgeless.systems/servicemesh-egress\": \"\"";
    let (template, _) = put_with(&deployment(mesh, PLAIN), Platform::MetalQemuSnp, &nothing).unwrap();
    assert_eq!(template["spec"].get("initContainers"), None);
}

#[test]
fn an_initializer_that_is_there_although_it_is_to_be_left_out_is_told_of() {
    let skip = "\"contrast.edgeless.systems/skip-initializer\": \"true\"";
    let spec =
        "initContainers: [{ name: contrast-initializer, image: x }], containers: [{ name: web, image: x }]";
    let (template, notes) = put(&deployment(skip, spec), Platform::AksClhSnp).unwrap();
    assert_eq!(names(&template, "initContainers"), ["contrast-initializer"]);
    assert!(notes[0].contains("take it out of `initContainers`"), "{notes:?}");
    assert_eq!(put(&deployment(skip, PLAIN), Platform::AksClhSnp).unwrap().1, [""; 0]);
}

#[test]
fn annotations_of_the_object_count_where_the_pods_have_none() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n    \
         contrast.edgeless.systems/servicemesh-ingress: \"\"\nspec:\n  selector: {}\n  template:\n    spec:\n      \
         runtimeClassName: contrast-cc\n      containers: [{ name: web, image: x }]\n";
    let (template, _) = put(text, Platform::MetalQemuSnp).unwrap();
    assert_eq!(names(&template, "initContainers"), ["contrast-initializer", "contrast-service-mesh"]);
}

#[test]
fn an_encrypted_volume_makes_the_initializer_stay() {
    let annotation = "\"contrast.edgeless.systems/secure-pv\": \"state:share\"";
    let spec = format!("{PLAIN}, volumes: [{{ name: state, persistentVolumeClaim: {{ claimName: c }} }}]");
    let (template, _) = put(&deployment(annotation, &spec), Platform::MetalQemuSnp).unwrap();
    let initializer = container(&template, "contrast-initializer");
    assert_eq!(variable(initializer, "CRYPTSETUP_DEVICE").as_deref(), Some("/dev/csi0"));
    assert_eq!(initializer["volumeDevices"], json!([{ "name": "state", "devicePath": "/dev/csi0" }]));
    assert_eq!(
        initializer["volumeMounts"][1],
        json!({ "name": "share", "mountPath": "/state", "mountPropagation": "Bidirectional" })
    );
    assert_eq!(initializer["restartPolicy"], "Always");
    assert_eq!(initializer["securityContext"]["privileged"], true);
    assert_eq!(initializer["resources"]["limits"]["memory"], "100Mi");
    assert_eq!(
        initializer["startupProbe"],
        json!({ "exec": { "command": ["/usr/bin/initializer", "ready"] }, "periodSeconds": 5, "failureThreshold": 20 })
    );
    let share = &template["spec"]["volumes"][2];
    assert_eq!(*share, json!({ "name": "share", "emptyDir": { "medium": "Memory" } }));
}

#[test]
fn an_initializer_that_replaces_certificates_is_a_sidecar_that_tells_how_old_they_are() {
    let renew = "\"contrast.edgeless.systems/renew-certificates\": \"true\"";
    let metrics = format!("{renew}, \"contrast.edgeless.systems/renewal-metrics-port\": \"9103\"");
    let (template, _) = put(&deployment(&metrics, PLAIN), Platform::MetalQemuSnp).unwrap();
    let initializer = container(&template, "contrast-initializer");
    assert_eq!(variable(initializer, "CONTRAST_RENEW_CERTIFICATES").as_deref(), Some("true"));
    assert_eq!(variable(initializer, "CONTRAST_RENEWAL_METRICS_ADDR").as_deref(), Some("[::]:9103"));
    assert_eq!(initializer["ports"], json!([{ "name": "renewal-metrics", "containerPort": 9103 }]));
    assert_eq!(initializer["restartPolicy"], "Always");
    for probe in ["startupProbe", "readinessProbe"] {
        assert_eq!(initializer[probe]["exec"]["command"], json!(["/usr/bin/initializer", "ready"]));
    }

    assert_eq!(initializer["startupProbe"]["failureThreshold"], 17_280, "it may wait for a manifest");

    // Whoever does not want it any more has an ordinary one again.
    let spec = format!("initContainers: [{initializer}], {PLAIN}");
    let (template, _) = put(&deployment("", &spec), Platform::MetalQemuSnp).unwrap();
    let initializer = container(&template, "contrast-initializer");
    for member in ["restartPolicy", "startupProbe", "readinessProbe", "ports"] {
        assert_eq!(initializer.get(member), None, "{member}");
    }
    assert_eq!(variable(initializer, "CONTRAST_RENEW_CERTIFICATES"), None);
}

#[test]
fn a_sidecar_that_opens_a_volume_is_not_taken_for_the_initializer() {
    let sidecar = "{ name: own, image: \"ghcr.io/edgelesssys/contrast/initializer:latest\", \
         args: [cryptsetup, -d, /dev/csi0, -m, /state], restartPolicy: Always }";
    let spec = format!("{PLAIN}, initContainers: [{sidecar}]");
    let (template, _) = put(&deployment("", &spec), Platform::MetalQemuSnp).unwrap();
    assert_eq!(names(&template, "initContainers"), ["contrast-initializer", "own"]);
    assert_eq!(container(&template, "own")["volumeMounts"][0]["mountPath"], "/tls-config");
}

#[test]
fn the_device_of_an_encrypted_volume_may_be_a_claim_of_a_stateful_set() {
    let text = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: { name: db }\nspec:\n  selector: {}\n  serviceName: db\n  \
         volumeClaimTemplates: [{ metadata: { name: state }, spec: { volumeMode: Block } }]\n  template:\n    \
         metadata: { annotations: { \"contrast.edgeless.systems/secure-pv\": \"state:share\" } }\n    \
         spec: { runtimeClassName: contrast-cc, containers: [{ name: a, image: x }] }\n";
    let (template, _) = put(text, Platform::MetalQemuSnp).unwrap();
    let initializer = container(&template, "contrast-initializer");
    assert_eq!(initializer["volumeDevices"], json!([{ "name": "state", "devicePath": "/dev/csi0" }]));
}

#[test]
fn a_list_that_is_null_stays_so() {
    let skip = "\"contrast.edgeless.systems/skip-initializer\": \"true\"";
    let spec = format!("initContainers: null, {PLAIN}");
    let (template, _) = put(&deployment(skip, &spec), Platform::MetalQemuSnp).unwrap();
    assert_eq!(template["spec"].get("initContainers"), Some(&Value::Null));
}

#[test]
fn what_cannot_be_followed_is_told_with_its_place() {
    let key = |name: &str, value: &str| format!("\"contrast.edgeless.systems/{name}\": \"{value}\"");
    let volumes = |volumes: &str| format!("{PLAIN}, volumes: [{volumes}]");
    let plain = || PLAIN.to_owned();
    for (annotations, spec, expected) in [
        (key("pod-role", "contrast-node-installer"), plain(), "no role `contrast-node-installer`"),
        (key("skip-initializer", "yes"), plain(), "write `true` or `false`"),
        (key("servicemesh-admin-interface-port", "ssh"), plain(), "ssh\" is no port"),
        (
            key("servicemesh-ingress", "web#8080"),
            plain(),
            "servicemesh-ingress: entry 1, \"web#8080\", has 2 parts",
        ),
        (
            key("servicemesh-egress", "a#10.0.0.1:1#b:2"),
            plain(),
            "servicemesh-egress: entry 1: 10.0.0.1:1 is not in 127.0.0.0/8",
        ),
        (key("renewal-metrics-port", "ssh"), plain(), "ssh\" is no port"),
        (key("servicemesh-admin-interface-port", "15007"), plain(), "the service mesh has port 15007"),
        (
            [
                key("renew-certificates", "true"),
                key("renewal-metrics-port", "9103"),
                key("servicemesh-admin-interface-port", "9103"),
            ]
            .join(", "),
            plain(),
            "renewal-metrics-port: the service mesh has port 9103",
        ),
        (key("renew-certificates", "yes"), plain(), "write `true` or `false`"),
        (
            key("renewal-metrics-port", "9103"),
            plain(),
            "without contrast.edgeless.systems/renew-certificates",
        ),
        (key("secure-pv", "state"), plain(), "with a colon"),
        (key("secure-pv", "a:b:c"), plain(), "with a colon"),
        (key("secure-pv", "v:w"), volumes("{ name: v, configMap: { name: c } }"), "has to be one of"),
        (key("secure-pv", "v:w"), plain(), "there is no volume `v`"),
        (
            String::new(),
            volumes("{ name: contrast-tls-certs, configMap: { name: c } }"),
            "has to be an `emptyDir`",
        ),
    ] {
        let findings = put(&deployment(&annotations, &spec), Platform::MetalQemuSnp).unwrap_err();
        let text = findings[0].to_string();
        assert!(text.starts_with("pods.yaml:") && text.contains("Deployment/web: "), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn on_the_simulated_platform_initializer_and_coordinator_are_told_so_and_elsewhere_not_any_more() {
    let pod = deployment("", PLAIN);
    let (simulated, _) = put(&pod, Platform::Simulated).unwrap();
    let said = |template: &Value| variable(container(template, "contrast-initializer"), "CONTRAST_ATTESTER");
    assert_eq!(said(&simulated).as_deref(), Some("simulated"));
    assert_eq!(said(&put(&pod, Platform::MetalQemuSnp).unwrap().0), None);
    let mine = deployment(
        "contrast.edgeless.systems/pod-role: coordinator",
        "containers: [{ name: coordinator, image: x, env: [{ name: CONTRAST_ATTESTER, value: simulated }] }]",
    );
    let said = |template: &Value| variable(container(template, "coordinator"), "CONTRAST_ATTESTER");
    assert_eq!(said(&put(&mine, Platform::Simulated).unwrap().0).as_deref(), Some("simulated"));
    assert_eq!(said(&put(&mine, Platform::MetalQemuSnp).unwrap().0), None);
    let bare = mine.replace(", env: [{ name: CONTRAST_ATTESTER, value: simulated }]", "");
    assert_eq!(said(&put(&bare, Platform::Simulated).unwrap().0).as_deref(), Some("simulated"));
}
