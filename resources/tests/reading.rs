//! What is read from files as people have them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test program")]

use contrast_resources::{File, MAX_FILE, ReadError, ValueFault, WorkloadKind, annotate, misfits, objects};
use serde_json::{Value, json};

fn read(text: &str) -> Vec<Value> {
    let file = File::read("test.yaml", text.as_bytes().to_vec()).unwrap();
    file.documents().iter().map(|document| document.value().clone()).collect()
}

fn fault(text: &str) -> (String, ValueFault) {
    match File::read("test.yaml", text.as_bytes().to_vec()).unwrap_err() {
        ReadError::Meaningless { place, fault } => (format!("{}:{}", place.line, place.column), fault),
        other => panic!("{other}"),
    }
}

#[test]
fn streams_are_cut_into_documents_as_kubectl_cuts_them() {
    let text = "\u{feff}---\nkind: A\n--- # the second\nkind: B\n---\n# nothing\n---\n...\nkind: C\n";
    assert_eq!(read(text), [json!({"kind": "A"}), json!({"kind": "B"}), json!({"kind": "C"})]);
    assert_eq!(fault("kind: A\n--- kind: B\n"), ("2:1".into(), ValueFault::TextAfterSeparator));
}

#[test]
fn json_values_may_follow_each_other_and_a_flow_mapping_is_yaml() {
    assert_eq!(read("{\"a\":1}\n\t{\"b\":\"\\u00e9\"}"), [json!({"a": 1}), json!({"b": "é"})]);
    assert_eq!(read("{a: [b, c]}\n"), [json!({"a": ["b", "c"]})]);
}

#[test]
fn keys_are_text_as_kubernetes_reads_them() {
    assert_eq!(read("1: a\nyes: b\ny: c\n0x10: d\n"), [json!({"1": "a", "true": "c", "16": "d"})]);
    assert_eq!(fault("? [a]\n: b\n").1, ValueFault::KeyNotText);
    assert_eq!(fault("a: {~: b}\n"), ("1:5".into(), ValueFault::KeyNotText));
}

#[test]
fn merges_and_aliases_are_written_out() {
    let text = "a: &a {x: 1, z: 2}\nb: &b {x: 3}\nc:\n  <<: [*a, *b]\n  v: *b\nd:\n  x: 4\n  <<: *a\n";
    let value = &read(text)[0];
    assert_eq!(value["c"], json!({"x": 1, "z": 2, "v": {"x": 3}}));
    assert_eq!(value["d"], json!({"x": 1, "z": 2}), "in the order of the text, as kubectl does it");
    assert_eq!(read("'<<': 1\n"), [json!({"<<": 1})]);
    assert_eq!(fault("<<: 1\n").1, ValueFault::MergeNotAMap);
}

#[test]
fn what_never_ends_or_grows_out_of_measure_is_refused_where_it_stands() {
    assert_eq!(fault("a: &a\n  - *a\n"), ("2:5".into(), ValueFault::EndlessAlias));
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        text.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{}", level - 1); 10].join(", ")
        ));
    }
    assert!(matches!(fault(&text).1, ValueFault::TooMuch { .. }));
    let block: String = (0..300).map(|level| format!("{:level$}a:\n", "")).collect();
    assert!(matches!(fault(&block).1, ValueFault::TooDeep { .. }));
    let flow = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(File::read("test.yaml", flow.into_bytes()).unwrap_err().to_string().contains("recursion limit"));
    let json = format!("{{\"a\": {}{}}}", "[".repeat(300), "]".repeat(300));
    assert!(matches!(fault(&json).1, ValueFault::TooDeep { .. }));
    // Shallow in the text, deep when written out.
    let mut text = String::from("a0: &a0 x\n");
    for level in 1..300 {
        text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(matches!(fault(&text).1, ValueFault::TooDeep { .. }));
}

#[test]
fn what_is_no_yaml_says_where_and_what_it_looks_like() {
    let error = File::read("a.yaml", b"metadata:\n  name: {{ .Release.Name }}\n".to_vec()).unwrap_err();
    assert!(error.to_string().contains("helm template"), "{error}");
    let error = File::read("a.yaml", b"a:\n\t- b\n".to_vec()).unwrap_err();
    assert!(error.to_string().starts_with("a.yaml:2:"), "{error}");
    let error = File::read("a.yaml", b"\xff\xfea\0".to_vec()).unwrap_err();
    assert!(matches!(error, ReadError::NotUtf8 { utf16: true, .. }), "{error}");
    let error = File::read("a.yaml", vec![b' '; MAX_FILE + 1]).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { .. }), "{error}");
}

const CRON: &str = "\
apiVersion: v1
kind: List
items:
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: tick, annotations: {who: object, only: object}}
    spec:
      schedule: '* * * * *'
      jobTemplate:
        spec:
          template:
            metadata: {annotations: {who: template}}
            spec:
              containers:
                - name: c
                  image: i
                  imagee: j
                  tty: 1
              restartPolicy: Never
  - apiVersion: example.org/v1
    kind: Widget
    anything: [goes]
";

#[test]
fn workloads_are_found_in_lists_with_their_annotations() {
    let values = read(CRON);
    let objects = objects(&values);
    assert_eq!(
        objects.iter().map(|object| (object.kind(), object.name())).collect::<Vec<_>>(),
        [("CronJob", "tick"), ("Widget", "")]
    );
    assert_eq!(objects[0].address.of(&values), Some(objects[0].value));
    let kind = WorkloadKind::of(&objects[0]).unwrap();
    assert_eq!(kind, WorkloadKind::CronJob);
    let annotation =
        |key| kind.annotation(objects[0].value, key).map(|found| (found.value, found.on_template));
    assert_eq!(annotation("who"), Some(("template", true)));
    assert_eq!(annotation("only"), Some(("object", false)));
    assert_eq!(WorkloadKind::of(&objects[1]), None);
}

#[test]
fn what_the_api_server_would_refuse_is_named_and_placed() {
    let file = File::read("cron.yaml", CRON.as_bytes().to_vec()).unwrap();
    let values = read(CRON);
    let objects = objects(&values);
    let misfits = misfits(&objects[0]);
    let said: Vec<String> = misfits.iter().map(ToString::to_string).collect();
    assert!(
        said.iter()
            .any(|line| line.starts_with("spec.jobTemplate.spec.template.spec.containers[0].imagee: ")),
        "{said:?}"
    );
    let wrong = said
        .iter()
        .find(|line| line.starts_with("spec.jobTemplate.spec.template.spec.containers[0].tty: "))
        .unwrap();
    assert!(wrong.contains("expected a boolean"), "{wrong}");
    let path = match &misfits[0] {
        contrast_resources::Misfit::Unknown { path } | contrast_resources::Misfit::WrongType { path, .. } => {
            path
        }
    };
    let place = objects[0].address.place(&file, &path.steps()).unwrap();
    assert_eq!((place.line, place.column), (17, 27));
    assert!(contrast_resources::misfits(&objects[1]).is_empty());
}

#[test]
fn an_annotation_is_set_once_and_removed_again() {
    let mut template = json!({"spec": {}});
    annotate(&mut template, "k", Some("v"));
    assert_eq!(template, json!({"metadata": {"annotations": {"k": "v"}}, "spec": {}}));
    annotate(&mut template, "k", None);
    assert_eq!(template, json!({"metadata": {"annotations": {}}, "spec": {}}));
}
