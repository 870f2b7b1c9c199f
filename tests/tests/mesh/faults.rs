//! Sidecars that cannot do their work say why, and end.

use std::{fs, net::TcpListener, process::Command};

use contrast_tests::{Sidecar, in_own_namespaces, program};

use crate::world::{World, folder};

#[test]
fn a_sidecar_that_cannot_work_says_why_and_ends_and_the_pod_stays_closed() {
    in_own_namespaces(
        "faults::a_sidecar_that_cannot_work_says_why_and_ends_and_the_pod_stays_closed",
        || {
            let mut world = World::new(&["web"]);
            let web = world.pod("web");
            let nothing = folder();
            let half = folder();
            fs::copy(web.tls_dir.join("certChain.pem"), half.path().join("certChain.pem")).unwrap();
            let taken = |port: u16| web.network.enter(|| TcpListener::bind(("0.0.0.0", port)).unwrap());
            let _egress = taken(9000);

            for (tls_dir, ingress, egress, admin, expected) in [
                (web.tls_dir.as_path(), "web#8080", "", "", "servicemesh-ingress"),
                (&web.tls_dir, "web#8080#maybe", "", "", "maybe"),
                (&web.tls_dir, "", "web#10.0.0.1:9000#web:8080", "", "127.0.0.0/8"),
                (&web.tls_dir, "", "web#127.0.0.1:9000#web", "", "servicemesh-egress"),
                (&web.tls_dir, "", "", "ssh", "servicemesh-admin-interface-port"),
                (nothing.path(), "", "", "", "certChain.pem; the Initializer has to run before"),
                (half.path(), "", "", "", "key.pem; the Initializer"),
                (&web.tls_dir, "", "web#127.0.0.1:9000#web:8080", "", "cannot be listened at"),
                (&web.tls_dir, "", "", "9000", "0.0.0.0:9000 cannot be listened at"),
                (&web.tls_dir, "", "", "15006", "0.0.0.0:15006 cannot be listened at"),
                (
                    &web.tls_dir,
                    "",
                    "web#127.0.0.1:9901#web:8080",
                    "9901",
                    "127.0.0.1:9901 cannot be listened at",
                ),
            ] {
                let (status, said) = Sidecar::start(&web.network, tls_dir, ingress, egress, admin).end();
                assert_eq!(status.code(), Some(1), "{said}");
                assert!(said.contains(expected), "{expected}: {said}");
            }
            let _ingress = taken(15007);
            let said = Sidecar::start(&web.network, &web.tls_dir, "", "", "").end().1;
            assert!(said.contains("0.0.0.0:15007 cannot be listened at"), "{said}");
            assert!(web.run(Command::new("iptables-legacy").args(["-S", "INPUT"])).unwrap().contains("DROP"));
        },
    );
}

#[test]
fn what_is_missing_in_the_image_is_named() {
    in_own_namespaces("faults::what_is_missing_in_the_image_is_named", || {
        let mut world = World::new(&["web"]);
        let web = world.pod("web");
        for (missing, expected) in [
            (["envoy"].as_slice(), "cannot start `envoy`"),
            (
                &["nft", "iptables-legacy", "iptables-legacy-restore"],
                "connections cannot be led to the proxy",
            ),
            (&["iptables-legacy"], "the guest's rule against incoming connections cannot be removed"),
        ] {
            let (status, said) = Sidecar::start_without(missing, &web.network, &web.tls_dir, "", "").end();
            assert_eq!(status.code(), Some(1), "{missing:?}: {said}");
            assert!(said.contains(expected), "{expected}: {said}");
        }
    });
}

#[test]
fn who_has_not_the_right_to_change_rules_does_not_take_them_for_absent() {
    in_own_namespaces("faults::who_has_not_the_right_to_change_rules_does_not_take_them_for_absent", || {
        let mut world = World::new(&["web"]);
        let web = world.pod("web");
        let without_right = |program: &Command| {
            let mut command = Command::new("setpriv");
            command.args(["--bounding-set", "-net_admin"]).arg(program.get_program());
            command.args(program.get_args());
            command.envs(program.get_envs().map(|(name, value)| (name, value.unwrap_or_default())));
            web.run(&command).unwrap_err()
        };
        let mut initializer = world.initializer(&web, "web");
        initializer.env("CONTRAST_DISABLE_SERVICE_MESH", "true");
        let said = without_right(&initializer);
        assert!(said.contains("incoming connections cannot be removed"), "{said}");

        let _sidecar = web.sidecar("", "");
        let said = without_right(program("service-mesh").arg("remove-rules"));
        assert!(said.contains("cannot be removed"), "{said}");
    });
}
