//! What users are given to apply: the Coordinator, the example application, and what goes with them, plain and as a chart.

use std::fs;

use contrast_resources::File;
use contrast_tests::{Answer, helm, program, project_images, workspace_root};
use serde_json::{Value, json};

use crate::Room;

const FILES: [&str; 4] =
    ["coordinator.yml", "shop.yml", "port-forwarder.yml", "monitoring/service-monitor.yml"];
const PLATFORMS: [&str; 7] = [
    "simulated",
    "aks-clh-snp",
    "k3s-qemu-snp",
    "k3s-qemu-tdx",
    "rke2-qemu-tdx",
    "metal-qemu-snp",
    "metal-qemu-tdx",
];

/// A room for every platform.
fn room() -> Room {
    let room = Room::empty();
    // Some platforms want to know the node's pause image; here another one stands for it.
    room.write("settings.json", &json!({ "pause_image": project_images()[0].pinned() }).to_string());
    room
}

/// A room with the files of `deploy`.
fn with_all_files() -> Room {
    let room = room();
    for name in FILES {
        let text = fs::read_to_string(workspace_root().join("deploy").join(name)).unwrap();
        room.write(&format!("resources/{name}"), &text);
    }
    room
}

/// All objects of a text.
fn values(text: &str) -> Vec<Value> {
    let file = File::read("resources".to_owned(), text.as_bytes().to_vec()).unwrap();
    file.documents()
        .iter()
        .map(|document| document.value().clone())
        .filter(|value| !value.is_null())
        .collect()
}

#[test]
fn all_of_it_becomes_ready_on_every_platform_without_a_warning() {
    for platform in PLATFORMS {
        let room = with_all_files();
        let mut arguments = vec!["generate", "--reference-values", platform, "resources"];
        arguments.extend(["--image-layout=images", "--image-replacements=image-replacements.txt"]);
        arguments.extend(["--simulator-dir=simulator"]);
        let answer = Answer::of(room.bare_command(&arguments));
        assert_eq!(answer.code, 0, "{platform}: {}{}", answer.stdout, answer.stderr);
        let warnings: Vec<_> = answer.stderr.lines().filter(|line| line.contains("warning")).collect();
        assert!(warnings.iter().all(|line| line.contains("manifest")), "{platform}: {}", answer.stderr);
        let manifest = room.manifest();
        let policies = manifest["Policies"].as_object().unwrap();
        assert_eq!(policies.len(), 5, "{platform}");
        let roles = policies.values().filter(|entry| entry["Role"] == "coordinator").count();
        assert_eq!(roles, 1, "{platform}: {manifest}");
    }
}

#[test]
fn pods_that_are_not_confidential_stay_as_they_are() {
    let room = with_all_files();
    room.run(&["resources"]).success();
    for name in ["port-forwarder.yml", "monitoring/service-monitor.yml"] {
        let before = fs::read_to_string(workspace_root().join("deploy").join(name)).unwrap();
        assert_eq!(room.read(&format!("resources/{name}")), before, "{name}");
    }
}

#[test]
fn the_application_gets_its_mesh_by_annotations_alone() {
    let room = with_all_files();
    room.run(&["resources"]).success();
    let shop = values(&room.read("resources/shop.yml"));
    let mut seen = 0;
    for object in shop.iter().filter(|value| value["kind"] == "Deployment") {
        let spec = &object["spec"]["template"]["spec"];
        let names: Vec<_> =
            spec["initContainers"].as_array().unwrap().iter().map(|own| own["name"].clone()).collect();
        assert_eq!(names, ["contrast-initializer", "contrast-service-mesh"]);
        seen += 1;
    }
    assert_eq!(seen, 4);
    // Each peer that a pod calls is a Service of the application, at a port that it has.
    let services: Vec<_> = shop.iter().filter(|value| value["kind"] == "Service").collect();
    for object in shop.iter().filter(|value| value["kind"] == "Deployment") {
        let template = &object["spec"]["template"];
        let egress = &template["metadata"]["annotations"]["contrast.edgeless.systems/servicemesh-egress"];
        let variables = template["spec"]["containers"][0]["env"].as_array().cloned().unwrap_or_default();
        for peer in contrast_service_mesh::egress(egress.as_str().unwrap_or_default()).unwrap() {
            let service = services.iter().find(|service| service["metadata"]["name"] == *peer.remote_host);
            assert_eq!(service.unwrap()["spec"]["ports"][0]["port"], peer.remote_port);
            let listen = peer.listen.to_string();
            assert!(variables.iter().any(|variable| variable["value"] == *listen), "{listen} is not asked");
        }
    }
}

#[test]
fn a_chart_goes_through_generate_on_its_way_to_the_cluster() {
    let Some(mut helm) = helm() else { return };
    let room = room();
    helm.args(["template", "contrast"]).arg(workspace_root().join("deploy/chart"));
    helm.args(["--kube-version", "1.37", "--set", "shop.enabled=true", "--post-renderer"]);
    helm.arg(program("contrast").get_program());
    let workspace = room.path("");
    let arguments = [
        "--workspace-dir",
        workspace.to_str().unwrap(),
        "generate",
        "--reference-values=simulated",
        "--simulator-dir=simulator",
        "--image-layout=images",
        "--image-replacements=image-replacements.txt",
        "-",
    ];
    for argument in arguments {
        helm.arg(format!("--post-renderer-args={argument}"));
    }
    helm.env("CONTRAST_CACHE_DIR", room.path("cache")).env("HOME", room.path("")).current_dir(room.path(""));
    let output = helm.output().unwrap();
    let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert_eq!(text.matches("name: contrast-initializer").count(), 4, "{text}");
    assert_eq!(room.manifest()["Policies"].as_object().unwrap().len(), 5);

    // The same pods as from the plain files, so the same policies.
    let plain = with_all_files();
    for key in ["workload-owner.pem", "seedshare-owner.pem"] {
        fs::copy(room.path(key), plain.path(key)).unwrap();
    }
    plain.run(&["resources"]).success();
    assert_eq!(plain.manifest()["Policies"], room.manifest()["Policies"]);
}
