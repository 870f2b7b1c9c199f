//! What somebody outside sees with ordinary tools and the mesh CA that `contrast verify` wrote.

use std::process::{Command, Stdio};

use contrast_tests::in_own_namespaces;
use serde_json::json;

use crate::world::{MeshPod, World, text};

#[test]
fn the_front_end_is_known_by_the_mesh_ca_and_its_name_and_by_its_address_once_that_is_in_the_manifest() {
    in_own_namespaces(
        "guide::the_front_end_is_known_by_the_mesh_ca_and_its_name_and_by_its_address_once_that_is_in_the_manifest",
        || {
            let mut world = World::new(&["web", "visitor"]);
            let (web, visitor) = (world.pod("web"), world.pod("visitor"));
            let address = web.network.v4.to_string();
            world.contrast("verify");
            let anchor = text(&world.deployment.workspace.join("verify/mesh-ca.pem"));
            let sidecar = web.sidecar("web#8080#false", "");

            let said = s_client(&visitor, "web:8080", &anchor).unwrap();
            assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
            let root = text(&world.deployment.workspace.join("verify/coordinator-root-ca.pem"));
            assert!(s_client(&visitor, "web:8080", &root).is_ok(), "the root CA stands above the mesh CA");

            let by_name = ["--cacert", &anchor, "https://web:8080/"];
            assert!(visitor.curl(&by_name).is_ok());
            let url = format!("https://{address}:8080/");
            let by_address = ["--cacert", &anchor, &url];
            let refusal = visitor.curl(&by_address).unwrap_err();
            assert!(refusal.contains("alternative") && refusal.contains(&address), "{refusal}");
            let without = visitor.curl(&["https://web:8080/"]).unwrap_err();
            assert!(without.contains("certificate"), "{without}");

            // The address goes into the manifest, and the pod is started again.
            world.set(&["web", "visitor"], |mut manifest| {
                for entry in manifest.json["Policies"].as_object_mut().unwrap().values_mut() {
                    let names = entry["SANs"].as_array_mut().unwrap();
                    if names[0] == "web" {
                        names.push(json!(address));
                    }
                }
                manifest
            });
            drop(sidecar);
            world.certify(&web, "web");
            let _web = web.sidecar("web#8080#false", "");
            let old = visitor.curl(&by_address).unwrap_err();
            assert!(old.contains("certificate"), "the mesh CA of before is not that of now: {old}");
            world.contrast("verify");
            assert!(visitor.curl(&by_address).is_ok());
            assert!(visitor.curl(&by_name).is_ok());
        },
    );
}

/// `openssl s_client -CAfile … -verify_return_error`, as the guide says it.
fn s_client(pod: &MeshPod, server: &str, anchor: &str) -> Result<String, String> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-CAfile", anchor, "-verify_return_error", "-connect", server]);
    command.stdin(Stdio::null());
    pod.run(&command)
}
