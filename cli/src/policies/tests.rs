use std::{fs, io::Write, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use contrast_manifest::ManifestDocument;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::*;

fn annotated(key: &str, value: &str) -> String {
    format!("annotations: {{ \"{key}\": \"{value}\" }}")
}

fn rego(text: &str) -> String {
    annotated(annotation::REGO, &BASE64_STANDARD.encode(text))
}

fn initdata(toml: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(toml).unwrap();
    annotated(annotation::INITDATA, &BASE64_STANDARD.encode(encoder.finish().unwrap()))
}

fn deployment(name: &str, annotations: &str) -> String {
    format!(
        "kind: Deployment\nmetadata: {{ name: {name} }}\nspec: {{ template: {{ metadata: {{ {annotations} }} }} }}\n"
    )
}

fn found(dir: &Path) -> Vec<(String, String)> {
    let workloads = find(&[dir.to_owned()]).unwrap();
    workloads.into_iter().map(|w| (w.name, String::from_utf8(w.policy).unwrap())).collect()
}

fn pair(name: &str, policy: &str) -> (String, String) {
    (name.to_owned(), policy.to_owned())
}

#[test]
fn every_kind_that_makes_pods_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let kinds = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"];
    let mut documents: Vec<_> =
        kinds.iter().map(|kind| deployment("x", &rego(kind)).replace("Deployment", kind)).collect();
    documents.push(format!("kind: Pod\nmetadata: {{ name: x, {} }}\n", rego("Pod")));
    let job = format!("{{ spec: {{ template: {{ metadata: {{ {} }} }} }} }}", rego("CronJob"));
    documents.push(format!("kind: CronJob\nmetadata: {{ name: x }}\nspec: {{ jobTemplate: {job} }}\n"));
    documents.push("kind: Service\nmetadata: { name: x }\n".to_owned());
    fs::write(dir.path().join("all.yml"), documents.join("---\n")).unwrap();
    let found = found(dir.path());
    let expected: Vec<_> =
        kinds.iter().chain(&["Pod", "CronJob"]).map(|kind| pair(&format!("{kind}/x"), kind)).collect();
    assert_eq!(found, expected);
}

#[test]
fn folders_are_walked_in_order_and_other_files_ignored() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("b")).unwrap();
    for (file, name) in [("a.yaml", "first"), ("b/x.yml", "second"), ("c.yaml", "third"), ("d.txt", "never")]
    {
        fs::write(dir.path().join(file), deployment(name, &rego(name))).unwrap();
    }
    let names: Vec<_> = found(dir.path()).into_iter().map(|(_, policy)| policy).collect();
    assert_eq!(names, ["first", "second", "third"]);
}

#[test]
fn items_of_a_list_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let pod = format!("{{ kind: Pod, metadata: {{ name: p, {} }} }}", rego("listed"));
    fs::write(dir.path().join("l.yaml"), format!("kind: List\nitems: [{pod}]\n")).unwrap();
    assert_eq!(found(dir.path()), [pair("Pod/p", "listed")]);
}

#[test]
fn a_file_that_is_not_yaml_is_skipped_in_a_folder_and_an_error_if_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), "a: b: c: [\n").unwrap();
    fs::write(dir.path().join("b.yaml"), deployment("b", &rego("b"))).unwrap();
    assert_eq!(found(dir.path()).len(), 1);
    let error = find(&[dir.path().join("a.yaml")]).unwrap_err().to_string();
    assert!(error.contains("a.yaml:1:"), "{error}");
}

#[test]
fn a_file_that_is_named_is_read_whatever_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("web.YML");
    fs::write(&file, deployment("b", &rego("b"))).unwrap();
    assert!(matches!(
        find(&[dir.path().to_owned()]),
        Err(PoliciesError::Files(ResourceFileError::None { .. }))
    ));
    assert_eq!(find(&[file]).unwrap().len(), 1);
}

#[test]
fn json_is_read_as_kubectl_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let key = annotation::REGO;
    let pod = |name: &str| {
        let policy = BASE64_STANDARD.encode(name);
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "annotations": { key: policy } } })
    };
    fs::write(dir.path().join("all.json"), format!("{}\n{}", pod("one"), pod("two"))).unwrap();
    assert_eq!(found(dir.path()), [pair("Pod/one", "one"), pair("Pod/two", "two")]);
}

#[test]
fn a_policy_on_the_object_instead_of_its_pod_template_has_no_effect() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "kind: Deployment\nmetadata: {{ name: web, {} }}\nspec: {{ template: {{ metadata: {{}} }} }}\n",
        rego("web")
    );
    fs::write(dir.path().join("a.yaml"), text).unwrap();
    assert_eq!(found(dir.path()), []);
}

#[test]
fn aliases_that_stand_for_very_much_are_refused_before_they_are_resolved() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bomb.yaml");
    // Each level ten times the one before: 10^9 values.
    let levels: String = (1..9)
        .map(|level| format!("l{level}: &l{level} [{}]\n", vec![format!("*l{}", level - 1); 10].join(",")))
        .collect();
    let nested = format!("l0: &l0 [x]\n{levels}");
    // One long list, again and again.
    let wide = format!("a: &a [{}]\nb: [{}]\n", vec!["x"; 50_000].join(","), vec!["*a"; 50_000].join(","));
    // The same, a little of it in each of many documents.
    let documents = format!("a: &a [{}]\nb: [{}]\n", vec!["x"; 1000].join(","), vec!["*a"; 1000].join(","));
    let many = vec![documents; 100].join("---\n");
    for text in [nested, wide, many] {
        fs::write(&file, format!("{}---\n{text}", deployment("web", &rego("web")))).unwrap();
        let error = find(std::slice::from_ref(&file)).unwrap_err().to_string();
        assert!(error.contains("bomb.yaml:") && error.contains("with its aliases written out"), "{error}");
    }
}

#[test]
fn anchors_and_merge_keys_are_resolved_and_the_last_of_repeated_keys_counts() {
    let dir = tempfile::tempdir().unwrap();
    let policy = BASE64_STANDARD.encode("merged");
    let text = format!(
        "\u{feff}---\nkind: Deployment\nmetadata:\n  name: other\n  name: web\n  annotations: &common\n    {}: {policy}\n\
         spec:\n  template:\n    metadata:\n      annotations:\n        <<: *common\n        team: shop\n",
        annotation::REGO
    );
    fs::write(dir.path().join("a.yaml"), text).unwrap();
    assert_eq!(found(dir.path()), [pair("Deployment/web", "merged")]);
}

#[test]
fn no_resource_file_at_all_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        find(&[dir.path().to_owned()]),
        Err(PoliciesError::Files(ResourceFileError::None { .. }))
    ));
    let absent = dir.path().join("absent");
    assert!(matches!(find(&[absent]), Err(PoliciesError::Files(ResourceFileError::Read { .. }))));
}

#[test]
fn a_damaged_annotation_is_an_error_that_names_the_workload() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), deployment("web", &annotated(annotation::REGO, "%%%"))).unwrap();
    let error = find(&[dir.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("Deployment/web") && error.contains("not base64"), "{error}");
}

#[test]
fn initialisation_data_is_unpacked_and_its_bytes_kept() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"policy.rego\" = \"x\"\n";
    fs::write(dir.path().join("a.yaml"), deployment("web", &initdata(toml.as_bytes()))).unwrap();
    assert_eq!(found(dir.path()), [pair("Deployment/web", toml)]);
    assert!(annotation::is_initdata(toml.as_bytes()));
    assert!(!annotation::is_initdata(b"package agent_policy\ndefault allow := false\n"));
}

#[test]
fn initialisation_data_that_is_hashed_otherwise_or_never_ends_is_refused() {
    let value = |toml: &[u8]| initdata(toml).split('"').nth(3).unwrap().to_owned();
    let sha384 = annotation::initdata(&value(b"algorithm = \"sha384\"\n"));
    assert!(matches!(sha384, Err(AnnotationError::Algorithm)));
    let bomb = annotation::initdata(&value(&vec![0; 10 << 20]));
    assert!(matches!(bomb, Err(AnnotationError::Form(contrast_policy::initdata::AnnotationError::TooLong))));
    assert!(matches!(
        annotation::initdata("AAAA"),
        Err(AnnotationError::Form(contrast_policy::initdata::AnnotationError::NotGzip(_)))
    ));
}

fn manifest(policies: &[&str]) -> ManifestDocument {
    let entries: serde_json::Map<_, _> = policies
        .iter()
        .map(|policy| {
            (hex::encode(Sha256::digest(policy)), json!({ "SANs": [policy], "Role": "coordinator" }))
        })
        .collect();
    let simulated = json!({
        "Root": "00".repeat(32), "ProductName": "Milan", "TrustedMeasurement": "00".repeat(48),
        "MinimumTCB": { "BootloaderVersion": 0, "TEEVersion": 0, "SNPVersion": 0, "MicrocodeVersion": 0 },
        "GuestPolicy": { "SMT": true },
    });
    let manifest = json!({ "Policies": entries, "ReferenceValues": { "simulated": [simulated] } });
    ManifestDocument::parse(manifest.to_string().into_bytes()).unwrap()
}

fn workload(policy: &str) -> Workload {
    Workload { name: format!("Pod/{policy}"), file: "pods.yaml".into(), policy: policy.into() }
}

#[test]
fn each_policy_of_the_manifest_is_sent_once() {
    let document = manifest(&["a", "b"]);
    let policies = of_manifest(&[workload("b"), workload("a"), workload("b")], document.manifest()).unwrap();
    assert_eq!(policies, [b"b", b"a"]);
}

#[test]
fn policies_on_one_side_only_are_all_listed() {
    let document = manifest(&["a", "b"]);
    let error = of_manifest(&[workload("b"), workload("c")], document.manifest()).unwrap_err();
    let PoliciesError::Mismatch(mismatch) = &error else { panic!("{error}") };
    assert_eq!(mismatch.without_resource.len(), 1);
    assert!(error.to_string().contains("(a) is in the manifest, but no resource has it"), "{error}");
    assert!(error.to_string().contains("Pod/c in pods.yaml, but is not in the manifest"), "{error}");
}
