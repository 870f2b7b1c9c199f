use contrast_resources::File;

use super::*;
use crate::resource_files::Input;

const PINNED: &str = "x.example/a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What a rule says of a pod with this specification.
fn findings(rule: fn(&Pods<'_>) -> Vec<Finding>, platform: Platform, text: &str) -> Vec<Finding> {
    let file = File::read("a.yaml", text.as_bytes().to_vec()).unwrap();
    let resources = Resources::new(vec![(Input::Standard, file)]);
    let workload = &resources.workloads().unwrap()[0];
    rule(&Pods { resources: &resources, workload, platform })
}

fn pod(metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n{metadata}spec:\n  runtimeClassName: contrast-cc\n{spec}"
    )
}

/// One finding of this severity at this line that says this.
fn assert_one(found: &[Finding], severity: Severity, line: usize, expected: &str) {
    let [finding] = found else { panic!("{found:?}") };
    assert_eq!((finding.severity, finding.place.as_ref().unwrap().line), (severity, line), "{finding}");
    assert!(finding.message.contains(expected) && finding.message.contains("; "), "{finding}");
}

#[test]
fn an_image_without_a_digest_is_found_in_every_container() {
    let spec = format!(
        "  initContainers:\n  - name: first\n    image: x.example/a:1\n  containers:\n  - name: main\n    image: {PINNED}\n  - name: none\n"
    );
    let found = findings(images::check, Platform::MetalQemuSnp, &pod("", &spec));
    assert_one(&found[..1], Severity::Error, 9, "`x.example/a:1` of container `first` is not pinned");
    assert_one(&found[1..], Severity::Error, 13, "container `none` names no image");
}

#[test]
fn an_annotation_that_there_is_not_is_found_and_those_of_others_are_not() {
    let metadata = |key: &str| format!("  annotations:\n    {key}: x\n");
    let spec = "  containers: [{ name: a, image: x }]\n";
    let found = |key: &str| findings(annotations::check, Platform::MetalQemuSnp, &pod(&metadata(key), spec));
    let typed = found("contrast.edgeless.systems/service-mesh-ingress");
    assert_one(&typed, Severity::Error, 6, "`servicemesh-ingress`");
    for key in [
        "contrast.edgeless.systems/servicemesh-ingress",
        "contrast.edgeless.systems/image-store-size",
        "example.com/service-mesh-ingress",
    ] {
        assert_eq!(found(key), [], "{key}");
    }
}

#[test]
fn an_empty_list_of_peers_is_probably_a_mistake() {
    let metadata = |value: &str| {
        format!("  annotations:\n    contrast.edgeless.systems/servicemesh-egress: \"{value}\"\n")
    };
    let spec = "  containers: [{ name: a, image: x }]\n";
    let found = findings(mesh::check, Platform::MetalQemuSnp, &pod(&metadata(""), spec));
    assert_one(&found, Severity::Warning, 6, "no peer is reached");
    for text in [pod("", spec), pod(&metadata("a#127.0.0.1:1#b:2"), spec)] {
        assert_eq!(findings(mesh::check, Platform::MetalQemuSnp, &text), []);
    }
}

#[test]
fn more_processors_than_a_vm_has_are_found_and_fewer_than_gpus() {
    let spec = |init: &str, sidecar: &str, main: &str, gpus: &str| {
        format!(
            "  initContainers:\n  - {{ name: i, image: x, resources: {{ limits: {{ cpu: {init} }} }} }}\n  \
             - {{ name: s, image: x, restartPolicy: Always, resources: {{ requests: {{ cpu: {sidecar} }} }} }}\n  containers:\n  \
             - {{ name: m, image: x, resources: {{ limits: {{ cpu: {main}, nvidia.com/gpu: {gpus} }} }} }}\n"
        )
    };
    let check = |text: &str| findings(processors::check, Platform::MetalQemuSnp, &pod("", text));
    assert_eq!(check(&spec("219", "0", "0", "1")), []);
    assert_eq!(check(&spec("100", "100", "119", "0")), []);
    assert_one(&check(&spec("219001m", "0", "0", "0")), Severity::Error, 10, "221 processors");
    assert_one(&check(&spec("0", "100", "119500m", "0")), Severity::Error, 10, "221 processors");
    assert_one(&check(&spec("0", "0", "1500m", "4")), Severity::Error, 10, "4 GPUs and has 3 processors");
}

#[test]
fn volumes_that_would_be_lost_are_found_where_they_are_mounted() {
    let spec = |volume: &str| {
        format!(
            "  containers:\n  - name: a\n    image: x\n    volumeMounts:\n    - {{ name: v, mountPath: /v }}\n  volumes:\n  - {{ name: v, {volume} }}\n"
        )
    };
    let claim = spec("persistentVolumeClaim: { claimName: c }");
    let found = findings(volumes::check, Platform::MetalQemuSnp, &pod("", &claim));
    assert_one(&found, Severity::Error, 11, "the volume `v` is a persistentVolumeClaim");
    let found = findings(volumes::check, Platform::K3sQemuSnp, &pod("", &claim));
    assert_one(&found, Severity::Warning, 11, "persistentVolumeClaim");
    for volume in ["emptyDir: {}", "configMap: { name: c }", "projected: { sources: [] }"] {
        assert_eq!(findings(volumes::check, Platform::MetalQemuSnp, &pod("", &spec(volume))), [], "{volume}");
    }
    let set = |mode: &str| {
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{ name: db }}\nspec:\n  selector: {{}}\n  serviceName: db\n  template:\n    \
             spec: {{ runtimeClassName: contrast-cc, containers: [{{ name: a, image: x }}] }}\n  volumeClaimTemplates:\n  \
             - {{ metadata: {{ name: data }}, spec: {{ volumeMode: {mode} }} }}\n"
        )
    };
    assert_eq!(findings(volumes::check, Platform::MetalQemuSnp, &set("Block")), []);
    let found = findings(volumes::check, Platform::MetalQemuSnp, &set("Filesystem"));
    assert_one(&found, Severity::Error, 8, "claim template `data`");
}

#[test]
fn images_of_another_release_are_found() {
    let check = |pods: &Pods<'_>| versions::check_against(pods, "1.2.3");
    let spec = |tag: &str| {
        format!(
            "  containers:\n  - name: coordinator\n    image: x.example/c{tag}\n  - {{ name: mine, image: \"y:1\" }}\n"
        )
    };
    let digest = format!("@sha256:{}", "0".repeat(64));
    for same in [":v1.2.3", ":1.2.3", digest.as_str()] {
        assert_eq!(findings(check, Platform::MetalQemuSnp, &pod("", &spec(same))), [], "{same}");
    }
    let found = findings(check, Platform::MetalQemuSnp, &pod("", &spec(":v1.2.2")));
    assert_one(&found, Severity::Error, 9, "`coordinator` has version v1.2.2");
}

#[test]
fn what_the_cluster_adds_is_told_with_the_way_to_switch_it_off() {
    let spec = "  containers: [{ name: a, image: x }]\n";
    let found = findings(cluster::check, Platform::MetalQemuSnp, &pod("", spec));
    let codes: Vec<_> = found.iter().map(|finding| (finding.severity, finding.code)).collect();
    let expected = ["service-links", "service-account-token", "security-context"];
    assert_eq!(codes, expected.map(|code| (Severity::Note, code)));
    let off = "  enableServiceLinks: false\n  automountServiceAccountToken: false\n";
    let of_pod = format!("{off}  securityContext: {{ runAsUser: 7 }}\n{spec}");
    let of_container =
        format!("{off}  containers: [{{ name: a, image: x, securityContext: {{ runAsUser: 0 }} }}]\n");
    for text in [of_pod, of_container] {
        assert_eq!(findings(cluster::check, Platform::MetalQemuSnp, &pod("", &text)), []);
    }
}
