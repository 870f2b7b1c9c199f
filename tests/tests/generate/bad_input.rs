//! What is refused: a clear error, and nothing is written.

use crate::{Room, pod};

/// Runs, and wants a failure that says all of this and changes nothing.
fn refused(room: &Room, more: &[&str], expected: &[&str]) {
    let before = room.files();
    let said = room.run(more).failure();
    for text in expected {
        assert!(said.contains(text), "it does not say {text:?}:\n{said}");
    }
    assert_eq!(room.files(), before, "something was written:\n{said}");
}

#[test]
fn resources_that_cannot_be_made_ready_are_named_with_their_place() {
    let deployment = |rest: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  selector: {{}}\n  template:\n    \
             spec:\n      runtimeClassName: contrast-cc\n      containers: []\n{rest}"
        )
    };
    let with = |from: &str, to: &str| pod("web").replace(from, to);
    let env = |value: &str| {
        with(
            "  - name: main\n",
            &format!("  - name: main\n    env: [{{ name: A, valueFrom: {{ {value} }} }}]\n"),
        )
    };
    for (text, expected) in [
        ("a:\n\tb: 1\n".to_owned(), &["web.yaml:2:2: this is not YAML"][..]),
        (with("image:", "imgae:"), &["web.yaml:9:", "knows no such member"]),
        (with("  - name: main", "  - nam: main"), &["web.yaml:8:"]),
        (with("containers:", "container:"), &["web.yaml:7:"]),
        (with("kind: Pod", "kind: Rollout"), &["web.yaml:2:", "get no policy", "Deployment"]),
        (with("contrast-cc", "contrast-cc-metal"), &["web.yaml:6:", "no runtime class `contrast-cc-metal`"]),
        (with("@sha256:", "@sha256:00"), &["web.yaml:9:", "Pod/web: image `", "web:1.4.2@sha256:00"]),
        (
            env("configMapKeyRef: { name: c, key: k }"),
            &["web.yaml:9:", "ConfigMap `c` is not among the files"],
        ),
        (env("secretKeyRef: { name: s, key: k }"), &["Secret `s` is not among the files"]),
        (env("fieldRef: { fieldPath: spec.hostname }"), &["`spec.hostname` cannot be foreseen"]),
        (
            pod("web") + "---\n" + &pod("web"),
            &["web.yaml:14:", "it is there twice, here and at", "web.yaml:1:"],
        ),
        (deployment("\n---\n{{ .Values.x }}\n"), &["template of Helm"]),
        (
            with("name: web", "name: web\n  annotations: { contrast.edgeless.systems/secure-pv: x }"),
            &["web.yaml:5:", "secure-pv"],
        ),
        (with("spec:", "spec:\n  hostPID: true"), &["`hostPID` means the host"]),
    ] {
        let room = Room::with(&[("resources/web.yaml", &text)]);
        // Named, so that it is not skipped as something else.
        refused(&room, &["resources/coordinator.yml", "resources/web.yaml"], expected);
    }
}

#[test]
fn an_optional_object_may_be_missing() {
    let env = "    env: [{ name: A, valueFrom: { configMapKeyRef: { name: c, key: k, optional: true } } }]\n";
    let room = Room::with(&[("resources/web.yaml", &(pod("web") + env))]);
    room.run(&["resources"]).success();
}

#[test]
fn an_image_that_is_not_pinned_is_refused_wherever_it_stands() {
    let unpinned = pod("web").replace("@sha256:", " #");
    let init =
        pod("web") + "  initContainers:\n  - { name: first, image: \"registry.example/shop/db:1.4.2\" }\n";
    for text in [unpinned, init] {
        let room = Room::with(&[("resources/web.yaml", &text)]);
        refused(&room, &["resources"], &["is not pinned", "@sha256:"]);
    }
}

#[test]
fn a_run_without_anything_to_do_is_an_error() {
    let room = Room::empty();
    refused(&room, &["resources"], &["there are no .yaml, .yml or .json files"]);
    room.write("resources/s.yaml", "apiVersion: v1\nkind: Service\nmetadata: { name: s }\n");
    refused(&room, &["resources"], &["no workload has the runtime class `contrast-cc`", "runtimeClassName"]);
    refused(&room, &["absent"], &["cannot read absent"]);
}

#[test]
fn a_platform_has_to_be_named_and_known() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    let run = |arguments: &[&str]| {
        contrast_tests::Answer::of(
            room.bare_command(&[&["generate", "--image-layout=images"], arguments].concat()),
        )
    };
    let before = room.files();
    let said = run(&["resources"]).failure();
    assert!(said.contains("--reference-values"), "{said}");
    let unknown = run(&["--reference-values", "metal", "resources"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("metal-qemu-snp"), "{}", unknown.stderr);
    let said =
        run(&["--reference-values=simulated", "--image-replacements=image-replacements.txt", "resources"])
            .failure();
    assert!(said.contains("--simulator-dir"), "{said}");
    assert_eq!(room.files(), before);
}

#[test]
fn options_of_other_programs_are_refused_with_the_present_way() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    for (option, instead) in [
        (&["--policy", "rules.rego"][..], "--settings"),
        (&["-p", "rules.rego"], "--settings"),
        (&["--inject-image-store"], "memory limit"),
        (&["--insecure-enable-debug-shell-access"], "contrast policy explain"),
        (&["--reference-value-patches", "p.json"], "--reference-values-file"),
        (&["--purge-empty-reference-values"], "--reference-values-file"),
    ] {
        refused(&room, &[option, &["resources"]].concat(), &["cannot be followed", instead]);
    }
    let answer = room.run(&["-c", "layers-cache.json", "--skip-trusted-store", "resources"]).success();
    assert!(answer.stderr.contains("CONTRAST_CACHE_DIR"), "{}", answer.stderr);
}

#[test]
fn files_of_other_forms_are_refused() {
    for (name, text, option, expected) in [
        ("settings.json", "{ \"pause_container\": {} }", &[][..], "unknown field `pause_container`"),
        ("s.json", "[]", &["-s", "s.json"], "s.json holds no settings"),
        ("s.json", "{ \"root\": \"(\" }", &["-s", "s.json"], "s.json cannot be followed: `root` must be"),
        ("r.json", "[1]", &["--reference-values-file", "r.json"], "r.json holds no reference values"),
        ("i.txt", "a b\n", &["--image-replacements=i.txt"], "i.txt:1: `a b`"),
        ("manifest.json", "{ \"Policies\": {}, ", &[], "manifest.json:"),
        ("manifest.json", "{ \"policies\": {} }", &[], "policies: is not a field"),
        ("workload-owner.pem", "x", &[], "workload-owner.pem cannot be used"),
        ("seedshare-owner.pem", "x", &[], "seedshare-owner.pem cannot be used"),
        (
            "registries.conf",
            "[[registry]]\nlocation = 1\n",
            &["--registries-conf=registries.conf", "--image-layout=empty"],
            "registries.conf",
        ),
    ] {
        let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
        room.write(name, text);
        if option.contains(&"--image-layout=empty") {
            std::fs::remove_dir_all(room.path("images")).unwrap();
            contrast_tests::write_layout(&room.path("images"), &[]);
            contrast_tests::write_layout(&room.path("empty"), &[]);
        }
        let more: Vec<&str> = option.iter().copied().chain(["resources"]).collect();
        let before = room.files();
        let arguments: Vec<&str> = if name == "i.txt" {
            let usual =
                crate::USUAL.iter().copied().filter(|option| !option.starts_with("--image-replacements"));
            usual.chain(more.iter().copied()).collect()
        } else {
            crate::USUAL.iter().copied().chain(more.iter().copied()).collect()
        };
        let said = contrast_tests::Answer::of(room.bare_command(&arguments)).failure();
        assert!(said.contains(expected), "{name}: it does not say {expected:?}:\n{said}");
        assert_eq!(room.files(), before, "{name}: something was written");
    }
}

#[test]
fn workloads_that_nobody_could_tell_apart_are_refused() {
    let daemon_set = |kind: &str| {
        format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{ name: web }}\nspec:\n  selector: {{ matchLabels: {{ a: b }} }}\n  template:\n    \
             metadata: {{ labels: {{ a: b }} }}\n{}",
            pod("web")
                .split_once("spec:")
                .map(|(_, spec)| format!("    spec:{}", spec.replace('\n', "\n    ")))
                .unwrap()
        )
    };
    let text = daemon_set("DaemonSet") + "\n---\n" + &daemon_set("ReplicaSet");
    let room = Room::with(&[("resources/web.yaml", &text)]);
    refused(&room, &["resources"], &["ReplicaSet/web", "have the same policy as those of DaemonSet/web"]);
}

#[test]
fn a_name_that_means_something_in_a_pattern_admits_no_other_pod() {
    // A name of a pod may have dots.
    let room = Room::with(&[("resources/web.yaml", &pod("a.b"))]);
    room.run(&["resources"]).success();
    let explained =
        contrast_tests::Answer::of(room.bare_command(&["policy", "explain", "resources/web.yaml"]))
            .success()
            .stdout;
    assert!(explained.contains("its name is \"a.b\""), "{explained}");
}
