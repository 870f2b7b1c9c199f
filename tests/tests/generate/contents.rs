//! What comes out: policies, their delivery, and the manifest.

use base64::{Engine, prelude::BASE64_STANDARD};
use contrast_policy::initdata;
use contrast_tests::{Generated, policy_digest};
use serde_json::{Value, json};

use crate::{Room, application, pod};

fn digests(room: &Room) -> Vec<String> {
    room.manifest()["Policies"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_kind_of_workload_gets_a_policy_that_the_manifest_names() {
    let image = application().pinned();
    let template = json!({
        "metadata": { "labels": { "app": "x" } },
        "spec": { "runtimeClassName": "contrast-cc", "containers": [{ "name": "main", "image": image }] },
    });
    let selector = json!({ "matchLabels": { "app": "x" } });
    let object = |api: &str, kind: &str, spec: Value| json!({ "apiVersion": api, "kind": kind, "metadata": { "name": kind.to_lowercase() }, "spec": spec });
    let with_selector = json!({ "selector": selector, "template": template });
    let claims = json!([{ "metadata": { "name": "data" }, "spec": {
        "accessModes": ["ReadWriteOnce"], "volumeMode": "Block", "resources": { "requests": { "storage": "1Gi" } } } }]);
    let mut stateful = with_selector.clone();
    stateful["volumeClaimTemplates"] = claims;
    let objects = [
        object("apps/v1", "Deployment", with_selector.clone()),
        object("apps/v1", "ReplicaSet", with_selector.clone()),
        object("apps/v1", "StatefulSet", stateful),
        object("apps/v1", "DaemonSet", with_selector),
        object("v1", "ReplicationController", json!({ "template": template })),
        object("batch/v1", "Job", json!({ "template": template })),
        object(
            "batch/v1",
            "CronJob",
            json!({ "schedule": "* * * * *", "jobTemplate": { "spec": { "template": template } } }),
        ),
        object("v1", "Pod", template["spec"].clone()),
    ];
    let room = Room::with(&[(
        "resources/list.json",
        &json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string(),
    )]);
    room.run(&["resources"]).success();
    let list: Value = serde_json::from_str(&room.read("resources/list.json")).unwrap();
    let digests = digests(&room);
    assert_eq!(digests.len(), 9);
    for object in list["items"].as_array().unwrap() {
        room.write("one.json", &object.to_string());
        let document = Generated::read(&room.path("one.json")).initdata();
        assert!(digests.contains(&policy_digest(&document)), "{}", object["kind"]);
    }
    let manifest = room.manifest();
    let ids: Vec<_> = manifest["Policies"]
        .as_object()
        .unwrap()
        .values()
        .map(|entry| entry["WorkloadSecretID"].clone())
        .collect();
    for expected in [
        "batch/v1/CronJob/default/cronjob",
        "core/v1/Pod/default/pod",
        "apps/v1/StatefulSet/default/statefulset",
    ] {
        assert!(ids.contains(&json!(expected)), "{ids:?}");
    }
}

#[test]
fn a_policy_is_handed_over_in_the_way_that_the_platform_measures() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    let run = |more: &[&str]| {
        let arguments = [
            &["generate", "--image-layout=images", "--image-replacements=image-replacements.txt"],
            more,
            &["resources"],
        ]
        .concat();
        let mut command = room.bare_command(&arguments);
        contrast_tests::Answer::of({
            command.env_remove("CONTRAST_SIMULATOR_DIR");
            command
        })
    };
    for (platform, forced, is_initdata) in [
        ("k3s-qemu-snp", "", false),
        ("RKE2-qemu-TDX", "", false),
        ("k3s-qemu-tdx", "--initdata", true),
        ("metal-qemu-snp", "", true),
        ("metal-qemu-tdx", "--initdata=true", true),
        ("k3s-qemu-snp", "--initdata=false", false),
    ] {
        let before = room.read("resources/web.yaml");
        let _ = std::fs::remove_file(room.path("manifest.json"));
        let more: Vec<_> =
            ["--reference-values", platform, forced].into_iter().filter(|text| !text.is_empty()).collect();
        let answer = run(&more).success();
        assert!(
            answer.stderr.contains("cannot be set before these values are filled in"),
            "{}",
            answer.stderr
        );
        let generated = Generated::read(&room.path("resources/web.yaml"));
        let (document, other) = if is_initdata {
            (generated.initdata(), initdata::POLICY_ANNOTATION)
        } else {
            let text = generated.annotation(initdata::POLICY_ANNOTATION).unwrap();
            (BASE64_STANDARD.decode(text).unwrap(), initdata::ANNOTATION)
        };
        assert_eq!(generated.annotation(other), None, "{platform}");
        assert!(digests(&room).contains(&policy_digest(&document)), "{platform}");
        assert!(
            room.read("resources/web.yaml").contains(&format!("contrast-cc-{}-", platform.to_lowercase()))
        );
        // The class names its platform now.
        room.write("resources/web.yaml", &before);
    }
    let refused = run(&["--reference-values", "metal-qemu-snp", "--initdata=false"]).failure();
    assert!(refused.contains("measures initialisation data"), "{refused}");
}

#[test]
fn values_that_only_the_user_knows_are_listed_with_where_to_find_them() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    let arguments = [
        "generate",
        "--image-layout=images",
        "--image-replacements=image-replacements.txt",
        "--reference-values=metal-qemu-tdx",
        "resources",
    ];
    let said = contrast_tests::Answer::of(room.bare_command(&arguments)).success().stderr;
    for expected in ["tdx[0].MrSeam: SHA-384", "tdx[0].MrTd: `contrast measure tdx`"] {
        assert!(said.contains(expected), "{said}");
    }
    // Filled in, they stay.
    let mut manifest = room.manifest();
    let entry = &mut manifest["ReferenceValues"]["tdx"][0];
    for name in ["MrTd", "MrSeam"] {
        entry[name] = "ab".repeat(48).into();
    }
    entry["Rtmrs"] = json!(vec!["cd".repeat(48); 4]);
    room.write("manifest.json", &manifest.to_string());
    let said = contrast_tests::Answer::of(room.bare_command(&arguments)).success().stderr;
    assert!(!said.contains("filled in"), "{said}");
    assert_eq!(room.manifest()["ReferenceValues"], manifest["ReferenceValues"]);
}

#[test]
fn the_same_pod_makes_the_same_policy_wherever_it_is_made() {
    let rooms = [(); 2].map(|()| Room::with(&[("resources/web.yaml", &pod("web"))]));
    for room in &rooms {
        room.run(&["resources"]).success();
    }
    assert_eq!(rooms[0].read("resources/web.yaml"), rooms[1].read("resources/web.yaml"));
    assert_eq!(digests(&rooms[0]), digests(&rooms[1]));
}

#[test]
fn updates_that_are_switched_off_leave_the_first_set_to_the_local_owner() {
    let room = Room::with(&[]);
    room.run(&["--disable-updates", "resources"]).success();
    assert_eq!(room.manifest()["WorkloadOwnerPubKeys"], json!([]));
    assert!(
        Generated::read(&room.path("resources/coordinator.yml"))
            .variable("CONTRAST_INITIAL_OWNERS")
            .is_some()
    );
    let open = Room::with(&[]);
    open.run(&["--no-initial-owners", "resources"]).success();
    assert_eq!(
        Generated::read(&open.path("resources/coordinator.yml")).variable("CONTRAST_INITIAL_OWNERS"),
        None
    );
}

#[test]
fn a_coordinator_may_come_in_a_file_of_its_own() {
    let room = Room::with(&[]);
    room.run(&["resources/coordinator.yml"]).success();
    std::fs::rename(room.path("resources/coordinator.yml"), room.path("coordinator.yml")).unwrap();
    std::fs::remove_file(room.path("manifest.json")).unwrap();
    room.write("resources/web.yaml", &pod("web"));
    let refused = room.run(&["resources"]).failure();
    assert!(refused.contains("--coordinator-file"), "{refused}");
    let before = room.read("coordinator.yml");
    room.run(&["--coordinator-file", "coordinator.yml", "resources"]).success();
    assert_eq!(room.read("coordinator.yml"), before);
    let roles: Vec<_> = room.manifest()["Policies"]
        .as_object()
        .unwrap()
        .values()
        .map(|entry| entry["Role"].clone())
        .collect();
    assert_eq!(roles.iter().filter(|role| **role == "coordinator").count(), 1);
    assert_eq!(roles.len(), 2);
}

#[test]
fn the_initializer_finds_a_coordinator_in_another_namespace() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    let coordinator = room.read("resources/coordinator.yml").replacen(
        "  name: coordinator\n",
        "  name: coordinator\n  namespace: shop\n",
        1,
    );
    room.write("resources/coordinator.yml", &coordinator);
    room.run(&["resources"]).success();
    assert!(
        room.read("resources/web.yaml").contains("value: coordinator.shop"),
        "{}",
        room.read("resources/web.yaml")
    );
}

#[test]
fn settings_of_the_workspace_are_followed_and_named() {
    let room = Room::with(&[("resources/web.yaml", &pod("web")), ("settings.json", "{ \"logs\": true }")]);
    let answer = room.run(&["resources"]).success();
    assert!(answer.stderr.contains("settings.json"), "{}", answer.stderr);
    let explained =
        contrast_tests::Answer::of(room.bare_command(&["policy", "explain", "resources/web.yaml"]))
            .success()
            .stdout;
    let plain = Room::with(&[("resources/web.yaml", &pod("web"))]);
    plain.run(&["resources"]).success();
    let other = contrast_tests::Answer::of(plain.bare_command(&["policy", "explain", "resources/web.yaml"]))
        .success()
        .stdout;
    assert_ne!(explained, other);
}

#[test]
fn users_that_only_the_image_names_are_looked_up_where_the_node_has_the_layers() {
    let passwd = b"root:x:0:0:::\napp:x:1234:1235:::\n";
    let process = json!({ "Cmd": ["/bin/app"], "User": "app" });
    let image =
        contrast_tests::ContainerImage::with_file("registry.example/app:1", process, "etc/passwd", passwd);
    let text = pod("web").replace(&application().pinned(), &image.pinned());
    let room = Room::with(&[("resources/web.yaml", &text)]);
    contrast_tests::write_layout(&room.path("more"), std::slice::from_ref(&image));
    let run = |platform: &str| {
        let options = [
            "generate",
            "--image-layout=images",
            "--image-layout=more",
            "--image-replacements=image-replacements.txt",
        ];
        let platform = format!("--reference-values={platform}");
        contrast_tests::Answer::of(room.bare_command(&[&options[..], &[&platform, "resources"]].concat()))
    };
    let refused = run("metal-qemu-snp").failure();
    assert!(refused.contains("runs as user `app`") && refused.contains("runAsUser"), "{refused}");
    let refused = run("aks-clh-snp").failure();
    assert!(refused.contains("pause_image"), "{refused}");
    room.write("settings.json", &json!({ "pause_image": application().pinned() }).to_string());
    run("aks-clh-snp").success();
    let explained = ["policy", "explain", "resources/web.yaml"];
    let explained = contrast_tests::Answer::of(room.bare_command(&explained)).success().stdout;
    for expected in
        ["it runs as user 1234", "it runs with group 1235", "/run/kata-containers/sandbox/layers/"]
    {
        assert!(explained.contains(expected), "{expected}:\n{explained}");
    }
}
