//! Which ports of a pod take connections of whom.

use std::{
    fs,
    net::IpAddr,
    process::Command,
    time::{Duration, Instant},
};

use contrast_tests::{Sidecar, in_own_namespaces};

use crate::world::{APPLICATION, MeshPod, World, text};

#[test]
fn an_application_is_reached_through_the_mesh_and_in_no_other_way() {
    in_own_namespaces("ports::an_application_is_reached_through_the_mesh_and_in_no_other_way", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        let sidecar = web.sidecar("", "");
        let _front = front.sidecar("", "web#127.20.0.1:9000#web:8080");

        // Through both proxies, to the address that was asked for.
        let answer = front.curl(&["http://127.20.0.1:9000/x"]).unwrap();
        assert_eq!(answer.trim(), format!("x from {} to {}:{APPLICATION}", web.network.v4, web.network.v4));
        let line = sidecar.wait_for_access("\"direction\":\"in\"");
        for part in ["\"peer_dns_names\":\"front,*\"", "\"tls\":\"TLSv1.3\""] {
            assert!(line.contains(part), "{part}: {line}");
        }

        for (arguments, why, reason) in [
            (vec!["http://web:8080/plain"], "in plain", "HTTP_REQUEST"),
            (
                vec!["--insecure", "https://web:8080/none"],
                "without a certificate",
                "PEER_DID_NOT_RETURN_A_CERTIFICATE",
            ),
        ] {
            refused(&front, &arguments, why);
            sidecar.wait_for_access(reason);
        }
        // Inside the pod everything goes straight.
        assert!(web.curl(&["http://web:8080/own"]).unwrap().starts_with("own from"));
    });
}

#[test]
fn ports_that_are_listed_are_open_to_clients_without_certificates_or_not_protected_at_all() {
    in_own_namespaces(
        "ports::ports_that_are_listed_are_open_to_clients_without_certificates_or_not_protected_at_all",
        || {
            let mut world = World::new(&["web", "front"]);
            let (web, front) = (world.pod("web"), world.pod("front"));
            contrast_tests::application::serve_in(&web.network, 8443);
            contrast_tests::application::serve_in(&web.network, 9100);
            let _web = web.sidecar("shop#8443#false##stats#9100#true", "");

            let anchor = text(&front.tls_dir.join("mesh-ca.pem"));
            let own = ["certChain.pem", "key.pem"].map(|name| text(&front.tls_dir.join(name)));
            let with_anchor = ["--cacert", &anchor, "https://web:8443/tls"];
            assert!(front.curl(&with_anchor).unwrap().starts_with("tls from"));
            // Who has a certificate may show it.
            let with_own =
                ["--cert", &own[0], "--key", &own[1], "--cacert", &anchor, "https://web:8443/mutual"];
            assert!(front.curl(&with_own).unwrap().starts_with("mutual from"));
            refused(&front, &["http://web:8443/plain"], "in plain");

            assert!(front.curl(&["http://web:9100/stats"]).unwrap().starts_with("stats from"));
            refused(&front, &["http://web:8080/plain"], "a port that is not listed");
            let unlisted =
                ["--cert", &own[0], "--key", &own[1], "--cacert", &anchor, "https://web:8080/mutual"];
            assert!(front.curl(&unlisted).unwrap().starts_with("mutual from"));
        },
    );
}

#[test]
fn who_connects_to_the_proxy_itself_is_cut_off() {
    in_own_namespaces("ports::who_connects_to_the_proxy_itself_is_cut_off", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        let _web = web.sidecar("", "");
        let [anchor, chain, key] =
            ["mesh-ca.pem", "certChain.pem", "key.pem"].map(|name| text(&front.tls_dir.join(name)));
        for port in [15006, 15007] {
            refused(&front, &[&format!("http://web:{port}/")], "in plain");
            let url = format!("https://web:{port}/");
            refused(&front, &["--cert", &chain, "--key", &key, "--cacert", &anchor, &url], "mutual");
        }
    });
}

#[test]
fn the_admin_interface_is_where_the_annotation_says_and_behind_the_mesh_unless_it_is_listed() {
    in_own_namespaces(
        "ports::the_admin_interface_is_where_the_annotation_says_and_behind_the_mesh_unless_it_is_listed",
        || {
            let mut world = World::new(&["web", "front"]);
            let (web, front) = (world.pod("web"), world.pod("front"));
            for (ingress, is_open) in [("", false), ("admin#9901#true", true)] {
                let sidecar = Sidecar::start(&web.network, &web.tls_dir, ingress, "", "9901");
                sidecar.wait_until_ready();
                let statistics = "http://127.0.0.1:9901/stats/prometheus";
                let seen = web.curl(&[statistics]).unwrap();
                assert!(seen.contains("envoy_listener_manager_listener_added"), "{seen}");
                let from_outside = front.curl(&["http://web:9901/stats/prometheus"]);
                assert_eq!(from_outside.is_ok(), is_open, "{from_outside:?}");
            }
        },
    );
}

/// The kernel remembers a connection longer than the proxy's socket lives, and takes what comes in its name for a part of it.
#[test]
fn a_connection_that_is_begun_again_does_not_get_past_the_proxy() {
    in_own_namespaces("ports::a_connection_that_is_begun_again_does_not_get_past_the_proxy", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        // With the kernel's own five it takes a minute.
        web.network.enter(|| fs::write("/proc/sys/net/ipv4/tcp_synack_retries", "1").unwrap());
        // A port of its own each time, which nobody remembers.
        let mut ports = 40_000_u16..;
        for missing in [&["nft"][..], &[]] {
            let _web = Sidecar::start_without(missing, &web.network, &web.tls_dir, "", "").wait();
            for address in [IpAddr::from(web.network.v4), web.network.v6.into()] {
                let url = if address.is_ipv4() {
                    format!("http://{address}:8080/again")
                } else {
                    format!("http://[{address}]:8080/again")
                };
                let port = ports.next().unwrap().to_string();
                let begin = |seconds| front.curl(&["--local-port", &port, "--max-time", seconds, &url]);
                front.loses_answers("-I", address);
                begin("0.5").unwrap_err();
                web.wait_until_nothing_is_half_open();
                front.loses_answers("-D", address);
                let answer = begin("5");
                assert!(answer.is_err(), "{missing:?}: the application itself answers: {answer:?}");
            }
        }
    });
}

impl MeshPod {
    /// Begins or ends to lose what an application answers from this address' family.
    fn loses_answers(&self, change: &str, from: IpAddr) {
        let program = if from.is_ipv4() { "iptables-legacy" } else { "ip6tables-legacy" };
        let mut rule = Command::new(program);
        rule.args([change, "INPUT", "-p", "tcp", "--sport", "8080", "-j", "DROP"]);
        self.run(&rule).unwrap();
    }

    fn wait_until_nothing_is_half_open(&self) {
        const SYN_RECV: &str = "03";
        let is_half_open = || {
            self.network.enter(|| {
                let tables = ["tcp", "tcp6"].map(|name| format!("/proc/thread-self/net/{name}"));
                let text = tables.map(|path| fs::read_to_string(path).unwrap()).concat();
                text.lines().any(|line| line.split_whitespace().nth(3) == Some(SYN_RECV))
            })
        };
        let patience = Instant::now() + Duration::from_secs(60);
        while is_half_open() {
            assert!(Instant::now() < patience, "it stays half open");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The application does not answer, and the client does not wait for it either.
fn refused(client: &MeshPod, arguments: &[&str], why: &str) {
    let refusal = client.curl(arguments).unwrap_err();
    let is_cut = ["Empty reply", "reset", "alert", "SSL_ERROR", "wrong version", "EOF", "not connected"];
    assert!(is_cut.iter().any(|sign| refusal.contains(sign)), "{why}, {arguments:?}: {refusal}");
}
