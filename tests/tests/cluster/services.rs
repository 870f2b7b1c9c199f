//! Pods, Services, names and addresses, and images that come from the node's registry.

use std::process::Command;

use contrast_tests::{Cluster, ContainerImage, write_layout};

use crate::world::{BOTH, in_namespace, web_server};

/// What a web server answers. Its Service's rules follow a moment after its readiness.
fn get(cluster: &Cluster, address: &str) -> String {
    let mut curl: Command = cluster.command("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--retry",
        "30",
        "--retry-connrefused",
        "--retry-delay",
        "1",
        "--max-time",
        "60",
    ]);
    let output = curl.arg(format!("http://{address}/index.html")).output().expect("curl is installed");
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), cluster.report());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn pods_find_a_service_by_its_name_and_people_by_its_address() {
    for containerd in BOTH {
        in_namespace(containerd, "services", |cluster| {
            cluster.apply(&web_server("front", "LoadBalancer", "front-end"));
            cluster.apply(&web_server("other", "LoadBalancer", "other-end"));
            cluster.wait_for_rollout("deployment/front");
            cluster.wait_for_rollout("deployment/other");
            let address = |service: &str| {
                let path = "jsonpath={.status.loadBalancer.ingress[0].ip}";
                cluster.wait(&format!("service/{service}"), path);
                cluster.kubectl(&["get", "service", service, "--output", path])
            };
            let (front, other) = (address("front"), address("other"));
            assert_ne!(front, other, "each Service has an address of its own");
            assert_eq!(get(cluster, &front), "front-end");
            assert_eq!(get(cluster, &other), "other-end");
            let by_name = [
                "exec",
                "deployment/other",
                "--",
                "wget",
                "-qO-",
                "http://front.services.svc.cluster.local/",
            ];
            assert_eq!(cluster.kubectl(&by_name).trim(), "front-end");
        });
    }
}

#[test]
fn an_image_of_any_registry_runs_under_the_name_and_digest_that_the_yaml_has() {
    let folder = tempfile::tempdir().expect("there is room");
    let name = "registry.example/team/nothing:1.0";
    let image = ContainerImage::new(name, serde_json::json!({"Entrypoint": ["/nothing"]}));
    write_layout(folder.path(), std::slice::from_ref(&image));
    for containerd in BOTH {
        in_namespace(containerd, "images", |cluster| {
            cluster.push(folder.path(), name);
            let pinned = image.pinned();
            let pod = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: pulled}}\nspec:\n  restartPolicy: Never\n  containers:\n  \
                 - {{name: only, image: '{pinned}', imagePullPolicy: Always}}\n"
            );
            cluster.apply(&pod);
            // The image is there; that there is no such program in it is found out only by running it.
            cluster.wait(
                "pod/pulled",
                "jsonpath={.status.containerStatuses[0].state.terminated.reason}=StartError",
            );
            let id = cluster.kubectl(&[
                "get",
                "pod",
                "pulled",
                "--output",
                "jsonpath={.status.containerStatuses[0].imageID}",
            ]);
            assert!(pinned.ends_with(id.rsplit('@').next().unwrap_or_default()), "{id}");
        });
    }
}
