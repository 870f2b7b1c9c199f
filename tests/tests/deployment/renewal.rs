//! Pods whose initializer stays and replaces their certificate in time.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
};

use contrast_tests::{Coordinator, Deployment, Network, Pod, in_own_namespaces, mutual_tls, program};

struct Renewing<'a> {
    deployment: &'a Deployment,
    tls_dir: PathBuf,
}

impl<'a> Renewing<'a> {
    fn of(deployment: &'a Deployment) -> Self {
        Self { deployment, tls_dir: deployment.workspace.join("certificates") }
    }

    fn start(&self, coordinator: &Coordinator, more: &[(&str, &str)]) -> Pod {
        let Deployment { simulator, .. } = self.deployment;
        Pod::renewing(coordinator, simulator, &self.deployment.policy_file("web"), &self.tls_dir, more)
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.tls_dir.join(name)).unwrap()
    }

    fn all(&self) -> Vec<String> {
        ["certChain.pem", "key.pem", "mesh-ca.pem"].map(|name| self.file(name)).to_vec()
    }

    /// `initializer ready`, as a probe runs it.
    fn is_ready(&self) -> bool {
        let done = self.tls_dir.with_extension("done");
        let mut ready = program("initializer");
        ready.arg("ready").env("CONTRAST_DONE_FILE", done).env("CONTRAST_TLS_DIR", &self.tls_dir);
        ready.output().unwrap().status.success()
    }
}

#[test]
fn a_pod_gets_a_new_certificate_when_the_manifest_is_updated_and_when_the_coordinator_is_recovered() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let renewing = Renewing::of(&deployment);
    let pod = renewing.start(&coordinator, &[]);
    pod.wait_for_log("wrote certificates");
    let first = renewing.all();
    let secret = renewing.file("workload-secret-seed");

    deployment
        .manifest()
        .workload(b"package agent_policy\n# web\n", "renamed", Some("apps/v1/Deployment/default/web"))
        .write(&deployment.manifest_path());
    deployment.contrast(&coordinator, "set", &[]).success();
    pod.wait_for_log("the Coordinator has another mesh CA");
    let second = renewing.all();
    assert!(
        first.iter().zip(&second).all(|(before, after)| before != after),
        "certificate, key and CA are new"
    );
    assert_eq!(second[2], fs::read_to_string(deployment.workspace.join("mesh-ca.pem")).unwrap());

    // A Coordinator that is away, and then locked, takes nothing from the pod.
    let coordinator = deployment.start_in_place_of(coordinator);
    pod.wait_for_log("cannot tell whether the Coordinator has another mesh CA");
    pod.wait_for_log("contrast recover");
    assert_eq!(renewing.all(), second);
    assert!(renewing.is_ready());

    deployment.contrast(&coordinator, "recover", &[]).success();
    pod.wait_for_log("tells its mesh CA again");
    pod.wait_for_logs("replaced the certificate and its key", 2);
    let third = renewing.all();
    assert!(second.iter().zip(&third).all(|(before, after)| before != after));
    assert_eq!(renewing.file("workload-secret-seed"), secret, "the secret is the same for ever");
    assert!(mutual_tls(&renewing.tls_dir, &renewing.tls_dir, "mesh-ca.pem").verified);
    pod.end();
    assert!(!renewing.is_ready(), "a container that has ended is not ready");
}

#[test]
fn a_pod_that_the_manifest_does_not_know_any_more_keeps_what_it_has_and_is_told() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let renewing = Renewing::of(&deployment);
    let pod = renewing.start(&coordinator, &[]);
    pod.wait_for_log("wrote certificates");
    let before = renewing.all();
    let mut manifest = deployment.manifest();
    let policies = manifest.json["Policies"].as_object_mut().unwrap();
    policies.retain(|_, entry| entry.get("Role").is_some());
    manifest.write(&deployment.manifest_path());
    fs::remove_file(deployment.workspace.join("resources/web.yml")).unwrap();
    deployment.contrast(&coordinator, "set", &[]).success();
    pod.wait_for_log("refused by the present one");
    pod.wait_for_log("the present one stays in use");
    assert_eq!(renewing.all(), before);
}

#[test]
fn a_pod_is_certified_anew_when_somebody_asks_and_metrics_and_a_file_tell_how_old_its_certificate_is() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let renewing = Renewing::of(&deployment);
    // Where a pod has a group of its own.
    fs::create_dir(&renewing.tls_dir).unwrap();
    fs::set_permissions(&renewing.tls_dir, fs::Permissions::from_mode(0o2777)).unwrap();
    let metrics = free_address();
    let pod = renewing.start(&coordinator, &[("CONTRAST_RENEWAL_METRICS_ADDR", &metrics)]);
    pod.wait_for_log("wrote certificates");
    let before = renewing.all();
    for times in 1..=3 {
        pod.renew();
        pod.wait_for_logs("somebody asked for it", times);
    }
    let after = renewing.all();
    assert!(before[0] != after[0] && before[1] != after[1]);
    assert_eq!(before[2], after[2], "the mesh CA is the same");
    let mode = |name: &str| fs::metadata(renewing.tls_dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("key.pem"), mode("certChain.pem")), (0o440, 0o444));

    let text = get(&metrics);
    assert!(text.contains("contrast_certificate_renewals_total{outcome=\"replaced\"} 3"), "{text}");
    let file: serde_json::Value = serde_json::from_str(&renewing.file("certificate.json")).unwrap();
    let until = file["notAfter"].as_str().unwrap();
    let until = time::OffsetDateTime::parse(until, &time::format_description::well_known::Rfc3339).unwrap();
    let line = format!("contrast_certificate_not_after_timestamp_seconds {}", until.unix_timestamp());
    assert!(text.contains(&line), "{line}: {text}");
}

#[test]
fn a_volume_that_is_full_keeps_the_certificate_of_before() {
    in_own_namespaces("renewal::a_volume_that_is_full_keeps_the_certificate_of_before", || {
        let _network = Network::new();
        let deployment = Deployment::new();
        let coordinator = deployment.start();
        deployment.contrast(&coordinator, "set", &[]).success();
        let renewing = Renewing::of(&deployment);
        fs::create_dir(&renewing.tls_dir).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=256k", "volume"];
        assert!(Command::new("mount").args(mount).arg(&renewing.tls_dir).status().unwrap().success());
        let pod = renewing.start(&coordinator, &[]);
        pod.wait_for_log("wrote certificates");
        let before = renewing.all();
        let filler = renewing.tls_dir.join("filler");
        fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
        pod.renew();
        pod.wait_for_log("the present certificate stays in use: cannot write");
        assert_eq!(renewing.all(), before);
        fs::remove_file(&filler).unwrap();
        pod.renew();
        pod.wait_for_log("replaced the certificate");
        assert_ne!(renewing.all(), before);
        pod.end();
        // The folder of the test can only be removed without it.
        assert!(Command::new("umount").arg(&renewing.tls_dir).status().unwrap().success());
    });
}

/// A port that nobody has at the moment.
fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn get(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
