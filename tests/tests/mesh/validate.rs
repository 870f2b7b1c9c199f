//! Whatever annotations say, Envoy takes the configuration that is made of it.

use std::{fs, process::Command};

use contrast_service_mesh::{
    bootstrap::{Mesh, bootstrap},
    egress, ingress,
    secrets::secrets,
};
use contrast_tests::{envoy_folder, workspace_root};
use rcgen::{CertificateParams, KeyPair};

use crate::world::folder;

#[test]
fn envoy_takes_every_configuration_that_annotations_can_ask_for() {
    let many: Vec<_> = (1..=60)
        .map(|number| format!("peer-{number}#127.1.2.{number}:9000#host-{number}:{number}"))
        .collect();
    for list in [
        "",
        "web#127.0.0.1:1#web:65535",
        "v4#127.255.255.254:9000#10.0.0.1:80##v6#127.0.0.1:9001#[2001:db8::1]:80",
        "100% of \"it\" \\ {x} <y> €\u{1f512}#127.0.0.1:9000#web:80",
        "%START_TIME%#127.0.0.1:9000#web:80",
        "a#127.0.0.1:9000#web.shop.svc.cluster.local:80#san=web,10.0.0.1,2001:db8::1,spiffe://a/b",
        "IngressCluster-2#127.0.0.1:9000#web:80##BlackHole#127.0.0.1:9001#web:80",
        &many.join("##"),
    ] {
        for (admin_port, ipv6) in [(None, true), (Some(9901), true), (Some(1), false), (None, false)] {
            assert_eq!(complaint(list, admin_port, ipv6), None, "{list:?} {admin_port:?} {ipv6}");
        }
    }
}

#[test]
fn what_the_manual_shows_is_taken() {
    let page = fs::read_to_string(workspace_root().join("docs/service-mesh.md")).unwrap();
    let value = |name: &str| {
        let line = page.lines().find(|line| line.contains(&format!("servicemesh-{name}: "))).unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(ingress(&value("ingress")).unwrap().len(), 2);
    let shown: Vec<_> = page.lines().filter(|line| line.contains("#san=") && !line.contains('`')).collect();
    let lists = shown.iter().map(|line| line.trim().rsplit(": ").next().unwrap().to_owned());
    for list in lists.chain([value("egress")]) {
        assert_eq!(complaint(&list, None, true), None, "{list}");
    }
    assert_eq!(shown.len(), 3);
}

/// What `envoy --mode validate` has against it.
fn complaint(list: &str, admin_port: Option<u16>, ipv6: bool) -> Option<String> {
    let folder = folder();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["web".to_owned()]).unwrap().self_signed(&key).unwrap();
    for (name, content) in [
        ("certChain.pem", certificate.pem()),
        ("mesh-ca.pem", certificate.pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    for (name, secret) in secrets(folder.path()) {
        fs::write(folder.path().join(name), secret.to_string()).unwrap();
    }
    let config = folder.path().join("envoy-config.yml");
    let mesh = Mesh { egress: &egress(list).unwrap(), admin_port, ipv6, secrets: folder.path() };
    fs::write(&config, bootstrap(&mesh).to_string()).unwrap();
    let mut envoy = Command::new(envoy_folder().join("envoy"));
    let output = envoy.args(["--mode", "validate", "-c"]).arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success() || said.contains("eprecat")).then_some(said)
}
