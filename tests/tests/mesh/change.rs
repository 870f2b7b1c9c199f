//! Certificates that are replaced while pods talk.

use std::{
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use contrast_tests::{application::Client, in_own_namespaces};

use crate::world::{MeshPod, World, text};

const REQUESTS: usize = 100_000;
const CLIENTS: usize = 8;
/// After so many, a client connects anew.
const ON_A_CONNECTION: usize = 50;
/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn no_request_is_lost_while_certificates_are_replaced() {
    in_own_namespaces("change::no_request_is_lost_while_certificates_are_replaced", || {
        let mut world = World::new(&["web", "front"]);
        let (web, web_initializer) = world.renewing_pod("web");
        let (front, front_initializer) = world.renewing_pod("front");
        let _web = web.sidecar("", "");
        let _front = front.sidecar("", "web#127.20.0.1:9000#web:8080");
        let asked = AtomicUsize::new(0);
        let (front, asked) = (&front, &asked);
        let replaced = thread::scope(|scope| {
            let ask = move || {
                for _ in 0..REQUESTS / CLIENTS / ON_A_CONNECTION {
                    let mut client = Client::connect(&front.network, "127.20.0.1", 9000).unwrap();
                    for _ in 0..ON_A_CONNECTION {
                        let number = asked.fetch_add(1, Ordering::Relaxed).to_string();
                        let answer = client.get(&number).unwrap();
                        assert_eq!(answer.split(' ').next(), Some(number.as_str()));
                    }
                }
            };
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
            let mut replaced = 0;
            while !clients.iter().all(thread::ScopedJoinHandle::is_finished) {
                replaced += 1;
                for initializer in [&web_initializer, &front_initializer] {
                    initializer.renew();
                    initializer.wait_for_logs("replaced the certificate", replaced);
                }
            }
            replaced
        });
        assert_eq!(asked.load(Ordering::Relaxed), REQUESTS);
        assert!(replaced >= 3, "certificates were replaced only {replaced} times");
        println!("{REQUESTS} requests, certificates of both pods replaced {replaced} times");
        // It is the last one that is shown.
        until(|| shows_the_last(&web, front).then_some(()));
    });
}

#[test]
fn certificates_that_somebody_deletes_stay_in_use_and_come_back_with_the_next_ones() {
    in_own_namespaces(
        "change::certificates_that_somebody_deletes_stay_in_use_and_come_back_with_the_next_ones",
        || {
            let mut world = World::new(&["web", "front"]);
            let (web, initializer) = world.renewing_pod("web");
            let front = world.pod("front");
            let _web = web.sidecar("", "");
            let _front = front.sidecar("", "web#127.20.0.1:9000#web:8080");
            for entry in fs::read_dir(&web.tls_dir).unwrap().flatten() {
                let path = entry.path();
                if path.is_symlink() {
                    fs::remove_file(path).unwrap()
                } else {
                    fs::remove_dir_all(path).unwrap()
                }
            }
            assert!(front.curl(&["http://127.20.0.1:9000/x"]).is_ok());
            initializer.renew();
            initializer.wait_for_log("replaced the certificate");
            until(|| shows_the_last(&web, &front).then_some(()));
            assert!(front.curl(&["http://127.20.0.1:9000/x"]).is_ok());
        },
    );
}

/// What a manifest refuses is refused from the moment when a pod has a certificate of the new mesh CA; what talks already is not interrupted.
#[test]
fn after_an_update_and_a_recovery_pods_with_renewal_find_each_other_again_and_others_after_a_restart() {
    in_own_namespaces(
        "change::after_an_update_and_a_recovery_pods_with_renewal_find_each_other_again_and_others_after_a_restart",
        || {
            let workloads = ["web", "front", "old"];
            let mut world = World::new(&workloads);
            let ((web, _web), (front, _front), old) =
                (world.renewing_pod("web"), world.renewing_pod("front"), world.pod("old"));
            let egress = "web#127.20.0.1:9000#web:8080";
            let _sidecars = (web.sidecar("", ""), front.sidecar("", egress), old.sidecar("", egress));
            let connect = |pod: &MeshPod| Client::connect(&pod.network, "127.20.0.1", 9000);
            let answers = |pod: &MeshPod| connect(pod).and_then(|mut client| client.get("x")).is_ok();
            let (mut of_front, mut of_old) = (connect(&front).unwrap(), connect(&old).unwrap());
            assert!(of_front.get("x").is_ok() && of_old.get("x").is_ok());

            for change in ["update", "recovery"] {
                let before = fs::read(web.tls_dir.join("mesh-ca.pem")).unwrap();
                match change {
                    "update" => world.set(&["web", "front", "old", "new"], |manifest| manifest),
                    _ => world.recover(),
                }
                until(|| (fs::read(web.tls_dir.join("mesh-ca.pem")).unwrap() != before).then_some(()));
                until(|| answers(&front).then_some(()));
                assert!(!answers(&old), "{change}: its certificate is of the mesh CA of before");
                assert!(
                    of_front.get("x").is_ok() && of_old.get("x").is_ok(),
                    "{change}: open connections go on"
                );
                world.certify(&old, "old");
                until(|| answers(&old).then_some(()));
            }
        },
    );
}

/// Whether the pod `web` shows to another pod the certificate that was written last.
fn shows_the_last(web: &MeshPod, to: &MeshPod) -> bool {
    const END: &str = "-----END CERTIFICATE-----";
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", "web:8080", "-showcerts", "-cert"]);
    command.arg(text(&to.tls_dir.join("certChain.pem"))).arg("-key").arg(text(&to.tls_dir.join("key.pem")));
    let said = to.run(command.stdin(Stdio::null())).unwrap_or_default();
    let written = fs::read_to_string(web.tls_dir.join("certChain.pem")).unwrap();
    let first = written.split_inclusive(END).next().unwrap();
    first.contains(END) && said.contains(first)
}

/// Asks again and again.
fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never happened");
        thread::sleep(Duration::from_millis(100));
    }
}
