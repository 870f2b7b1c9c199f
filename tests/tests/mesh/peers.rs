//! Whom a pod takes for the peer that it asked for.

use std::{fs, path::Path, time::Duration};

use contrast_tests::{Sidecar, in_own_namespaces};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use time::OffsetDateTime;

use crate::world::{World, folder};

#[test]
fn peers_are_found_by_name_and_by_address_of_both_families() {
    in_own_namespaces("peers::peers_are_found_by_name_and_by_address_of_both_families", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        let _web = web.sidecar("", "");
        let egress = format!(
            "name#127.20.0.1:9000#web:8080##v4#127.20.0.2:9000#{}:8080##v6#127.20.0.3:9000#[{}]:8080",
            web.network.v4, web.network.v6
        );
        let _front = front.sidecar("", &egress);
        let to_v4 = format!("x from {0} to {0}:8080", web.network.v4);
        let to_v6 = format!("x from {0} to {0}:8080", web.network.v6);
        // A name has both, of which IPv4 counts.
        for (peer, expected) in [(1, &to_v4), (2, &to_v4), (3, &to_v6)] {
            let answer = front.curl(&[&format!("http://127.20.0.{peer}:9000/x")]).unwrap();
            assert_eq!(answer.trim(), expected, "peer {peer}");
        }
        // Plain clients do not get around by the other family.
        let v6 = format!("http://[{}]:8080/", web.network.v6);
        assert!(front.curl(&["--globoff", &v6]).is_err());
    });
}

#[test]
fn a_peer_that_is_named_has_to_have_that_name() {
    in_own_namespaces("peers::a_peer_that_is_named_has_to_have_that_name", || {
        let mut world = World::new(&["web", "pay", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        let _web = web.sidecar("", "");
        let sidecar = front.sidecar(
            "",
            "right#127.20.0.1:9000#web:8080#san=web##either#127.20.0.2:9000#web:8080#san=pay,web##wrong#127.20.0.3:9000#web:8080#san=pay",
        );
        assert!(front.curl(&["http://127.20.0.1:9000/x"]).is_ok());
        assert!(front.curl(&["http://127.20.0.2:9000/x"]).is_ok());
        assert!(front.curl(&["http://127.20.0.3:9000/x"]).is_err());
        let line = sidecar.wait_for_access("\"peer\":\"wrong\"");
        assert!(line.contains("CERTIFICATE_VERIFY_FAILED") && line.contains("SAN"), "{line}");
    });
}

#[test]
fn certificates_of_others_are_refused_at_both_ends() {
    in_own_namespaces("peers::certificates_of_others_are_refused_at_both_ends", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        let (now, hour) = (OffsetDateTime::now_utc(), Duration::from_secs(3600));
        let (mine, other) = (Authority::new("mesh"), Authority::new("mesh"));
        let honest = folder();
        mine.issue(honest.path(), now - hour, now + hour, &mine);
        let _web = Sidecar::start(&web.network, honest.path(), "", "", "").wait();

        let cases: [(&str, &Authority, OffsetDateTime, OffsetDateTime, bool); 4] = [
            ("of this mesh", &mine, now - hour, now + hour, true),
            ("of another mesh CA of the same name", &other, now - hour, now + hour, false),
            ("expired", &mine, now - 2 * hour, now - hour, false),
            ("not valid yet", &mine, now + hour, now + 2 * hour, false),
        ];
        for (case, issuer, from, until, is_accepted) in cases {
            // As a client, which trusts the right CA.
            let files = folder();
            issuer.issue(files.path(), from, until, &mine);
            let client =
                Sidecar::start(&front.network, files.path(), "", "web#127.20.0.1:9000#web:8080", "").wait();
            let answer = front.curl(&["http://127.20.0.1:9000/x"]);
            assert_eq!(answer.is_ok(), is_accepted, "client {case}: {answer:?}");
            drop(client);
        }
        // As a server: the client trusts another CA than the server's.
        let files = folder();
        other.issue(files.path(), now - hour, now + hour, &other);
        let client =
            Sidecar::start(&front.network, files.path(), "", "web#127.20.0.1:9000#web:8080", "").wait();
        assert!(front.curl(&["http://127.20.0.1:9000/x"]).is_err());
        let line = client.wait_for_access("\"peer\":\"web\"");
        assert!(line.contains("CERTIFICATE_VERIFY_FAILED"), "{line}");
    });
}

/// Names are the manifest's, and those of refused peers anybody's. None of them makes lines of its own.
#[test]
fn names_of_a_peer_cannot_forge_lines_of_the_access_log() {
    in_own_namespaces("peers::names_of_a_peer_cannot_forge_lines_of_the_access_log", || {
        let mut world = World::new(&["web", "front"]);
        let (web, front) = (world.pod("web"), world.pod("front"));
        let (now, hour) = (OffsetDateTime::now_utc(), Duration::from_secs(3600));
        let mesh = Authority::new("mesh");
        let (honest, forging) = (folder(), folder());
        mesh.issue(honest.path(), now - hour, now + hour, &mesh);
        let forged =
            "a\"}\r\n{\"direction\":\"in\",\"peer_dns_names\":\"admin\"}\n%START_TIME%\u{1b}[2J\u{7f}";
        mesh.issue_for(forging.path(), forged, now - hour, now + hour, &mesh);
        // JSON leaves DEL as it is; terminals do nothing about it.
        let commands = |letter: char| letter.is_control() && letter != '\u{7f}';
        let server = Sidecar::start(&web.network, honest.path(), "", "", "").wait();
        let egress = "web#127.20.0.1:9000#web:8080";
        let client = Sidecar::start(&front.network, forging.path(), "", egress, "").wait();
        assert!(front.curl(&["http://127.20.0.1:9000/x"]).is_ok());
        let line = server.wait_for_access("\"direction\":\"in\"");
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(!line.contains(commands), "{line:?}");
        let names = entry["peer_dns_names"].as_str().unwrap();
        assert!(names.contains("admin") && names.contains("%START_TIME%"), "{line}");
        assert!(entry["peer_subject"].as_str().unwrap().contains("admin"), "{line}");
        assert_eq!(entry["tls"], "TLSv1.3", "{line}");
        drop(client);

        // As a server.
        drop(server);
        let _server = Sidecar::start(&web.network, forging.path(), "", "", "").wait();
        let client = Sidecar::start(&front.network, honest.path(), "", egress, "").wait();
        assert!(front.curl(&["http://127.20.0.1:9000/x"]).is_ok());
        let line = client.wait_for_access("\"direction\":\"out\"");
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(entry["peer_dns_names"].as_str().unwrap().contains("admin"), "{line}");
        assert!(!line.contains(commands), "{line:?}");
    });
}

/// A mesh CA of the test's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes what an initializer would have written.
    fn issue(&self, folder: &Path, from: OffsetDateTime, until: OffsetDateTime, trusted: &Self) {
        self.issue_for(folder, "web", from, until, trusted);
    }

    /// The same for any name.
    fn issue_for(
        &self,
        folder: &Path,
        name: &str,
        from: OffsetDateTime,
        until: OffsetDateTime,
        trusted: &Self,
    ) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        (params.not_before, params.not_after) = (from, until);
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join("certChain.pem"), leaf.pem()).unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        fs::write(folder.join("mesh-ca.pem"), &trusted.pem).unwrap();
    }
}
