//! What the kernel is told, and when.

use std::{io, net::TcpStream, process::Command, time::Duration};

use contrast_tests::{Sidecar, in_own_namespaces};

use crate::world::{APPLICATION, MeshPod, World};

const NFTABLES: &[&str] = &["nft"];
const NOTHING: &[&str] = &[];

#[test]
fn nobody_comes_in_before_the_rules_stand() {
    in_own_namespaces("rules::nobody_comes_in_before_the_rules_stand", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        assert_eq!(front.dial(&web).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(web.says("iptables-legacy", "-S INPUT").contains("-j DROP"));

        // A sidecar that has nothing to lead them with leaves it so.
        let broken = Sidecar::start(&web.network, &world.deployment.workspace, "", "", "");
        assert!(!broken.end().0.success());
        assert_eq!(front.dial(&web).unwrap_err().kind(), io::ErrorKind::TimedOut);

        let sidecar = web.sidecar("", "");
        sidecar.wait_for_log("the network is open now");
        assert!(!web.says("iptables-legacy", "-S INPUT").contains("DROP"));
        assert!(front.dial(&web).is_ok());
    });
}

/// In pods without a service mesh the Initializer does it, and in its own the Coordinator.
#[test]
fn programs_in_pods_without_a_mesh_open_the_network_when_they_are_told_to() {
    in_own_namespaces(
        "rules::programs_in_pods_without_a_mesh_open_the_network_when_they_are_told_to",
        || {
            let mut world = World::new(&["web", "front"]);
            let (web, front) = (world.pod("web"), world.pod("front"));
            assert!(front.dial(&web).is_err(), "it is not told to");
            let mut initializer = world.initializer(&web, "web");
            initializer.env("CONTRAST_DISABLE_SERVICE_MESH", "true");
            web.run(&initializer).unwrap();
            assert!(front.dial(&web).is_ok());
            web.run(&initializer).unwrap();

            // The Coordinator opens it before it needs anything else: here it has no evidence to give.
            let alone = world.network.pod("alone");
            let mut coordinator = contrast_tests::program("coordinator");
            coordinator
                .args(["--attester", "snp", "--open-network", "--state-dir"])
                .arg(&world.deployment.workspace);
            let alone = MeshPod { network: alone, tls_dir: world.deployment.workspace.clone() };
            assert!(alone.says("iptables-legacy", "-S INPUT").contains("DROP"));
            assert!(alone.run(&coordinator).is_err());
            assert!(!alone.says("iptables-legacy", "-S INPUT").contains("DROP"));
        },
    );
}

#[test]
fn rules_are_the_same_after_every_start_whatever_was_there_before() {
    in_own_namespaces("rules::rules_are_the_same_after_every_start_whatever_was_there_before", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        contrast_tests::application::serve_in(&web.network, 9100);
        let mut seen: Vec<(String, String)> = Vec::new();
        // Without nftables and then with them, and with other ports in between.
        for (missing, ingress) in [
            (NFTABLES, "other#9101#true"),
            (NFTABLES, "stats#9100#true"),
            (NFTABLES, "other#9101#true"),
            (NOTHING, "stats#9100#true"),
            (NOTHING, "other#9101#true"),
            (NOTHING, "stats#9100#true"),
        ] {
            let sidecar = Sidecar::start_without(missing, &web.network, &web.tls_dir, ingress, "").wait();
            sidecar.wait_for_log(if missing.is_empty() {
                "rules stand (Nftables)"
            } else {
                "rules stand (Iptables)"
            });
            let is_open = ingress.contains("9100");
            assert_eq!(front.curl(&["http://web:9100/x"]).is_ok(), is_open, "{missing:?} {ingress}");
            assert!(front.curl(&["http://web:8080/x"]).is_err(), "{missing:?} {ingress}");
            let rules = web.rules();
            if missing.is_empty() {
                assert!(!rules.contains("CONTRAST"), "chains of iptables stay: {rules}");
            } else {
                assert_eq!(rules.matches("-A PREROUTING").count(), 2, "once for each family: {rules}");
            }
            let key = format!("{missing:?} {ingress}");
            if let Some((_, before)) = seen.iter().find(|(other, _)| *other == key) {
                assert_eq!(*before, rules);
            }
            seen.push((key, rules));
        }
    });
}

#[test]
fn half_a_set_of_rules_of_an_earlier_start_is_replaced() {
    in_own_namespaces("rules::half_a_set_of_rules_of_an_earlier_start_is_replaced", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        for left in [
            vec!["iptables-legacy -t mangle -N CONTRAST_INBOUND"],
            vec![
                "iptables-legacy -t mangle -N CONTRAST_IN_REDIRECT",
                "ip6tables-legacy -t mangle -N CONTRAST_INBOUND",
            ],
            vec![
                "iptables-legacy -t mangle -N CONTRAST_INBOUND",
                "iptables-legacy -t mangle -A PREROUTING -p tcp -j CONTRAST_INBOUND",
                "iptables-legacy -t mangle -A CONTRAST_INBOUND -p tcp -j RETURN",
            ],
            vec![
                "nft add table inet contrast_service_mesh",
                "nft add chain inet contrast_service_mesh other",
            ],
        ] {
            for missing in [NOTHING, NFTABLES] {
                // What only nftables can remove is not there where there is no nftables.
                if !missing.is_empty() && left.iter().any(|line| line.starts_with("nft")) {
                    continue;
                }
                web.remove_rules();
                left.iter().for_each(|line| drop(web.does(line)));
                let _web = Sidecar::start_without(missing, &web.network, &web.tls_dir, "", "").wait();
                assert!(front.curl(&["http://web:8080/x"]).is_err(), "{left:?} {missing:?}");
                let rules = web.rules();
                let table = rules.contains("tproxy to :15006");
                let jumps = rules.matches("-A PREROUTING").count();
                assert_eq!(
                    (table, jumps),
                    if missing.is_empty() { (true, 0) } else { (false, 2) },
                    "{left:?}: {rules}"
                );
            }
        }
    });
}

#[test]
fn rules_are_removed_without_a_trace_and_twice_is_no_error() {
    in_own_namespaces("rules::rules_are_removed_without_a_trace_and_twice_is_no_error", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        web.remove_rules();
        for missing in [NOTHING, NFTABLES] {
            let sidecar = Sidecar::start_without(missing, &web.network, &web.tls_dir, "", "").wait();
            drop(sidecar);
            assert!(front.dial(&web).is_err(), "without the proxy nobody gets past its place");
            web.remove_rules();
            web.remove_rules();
            let rules = web.rules();
            assert!(!rules.contains("CONTRAST") && !rules.contains("table inet"), "{rules}");
            assert!(front.curl(&["http://web:8080/x"]).is_ok());
        }
    });
}

impl MeshPod {
    /// A TCP connection to another pod's application, for a second.
    fn dial(&self, other: &Self) -> io::Result<TcpStream> {
        let address = (other.network.v4, APPLICATION).into();
        self.network.enter(|| TcpStream::connect_timeout(&address, Duration::from_secs(1)))
    }

    fn remove_rules(&self) {
        self.run(contrast_tests::program("service-mesh").arg("remove-rules")).unwrap();
    }

    fn does(&self, line: &str) -> Result<String, String> {
        let mut words = line.split(' ');
        self.run(Command::new(words.next().unwrap()).args(words))
    }

    fn says(&self, program: &str, arguments: &str) -> String {
        self.does(&format!("{program} {arguments}")).unwrap()
    }

    /// Everything that the kernel was told.
    fn rules(&self) -> String {
        ["iptables-legacy -t mangle -S", "ip6tables-legacy -t mangle -S", "nft list ruleset"]
            .map(|line| self.does(line).unwrap())
            .concat()
    }
}
