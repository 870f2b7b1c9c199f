//! The program as a process, on a simulated processor, with a Coordinator that answers by a script.

#[cfg(test)]
mod scripted;

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{BufRead as _, BufReader, Read as _},
        os::unix::fs::PermissionsExt as _,
        path::Path,
        process::{Child, Command, Output, Stdio},
    };

    use contrast_proto::meshapi::NewMeshCertResponse;
    use rustix::process::{Pid, Signal, kill_process};
    use tonic::Status;

    use crate::scripted::{Coordinator, POLICY, authority, certificate_for, simulator};

    const SECRET: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];

    /// The program in an environment of its own, set up for a Coordinator at `address`.
    fn initializer(address: &str, tls_dir: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_initializer"));
        command
            .env_clear()
            .env("CONTRAST_MESH_API_ADDR", address)
            .env("CONTRAST_TLS_DIR", tls_dir)
            .env("CONTRAST_ATTESTER", "simulated")
            .env("CONTRAST_SIMULATOR_DIR", simulator())
            .env("CONTRAST_SIMULATOR_POLICY", simulator().join(POLICY))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn log_of(output: &Output) -> String {
        String::from_utf8(output.stderr.clone()).unwrap()
    }

    fn assert_file(path: &Path, mode: u32, content: &[u8]) {
        assert_eq!(fs::read(path).unwrap(), content, "{}", path.display());
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }

    #[test]
    fn a_pod_waits_for_the_manifest_and_then_gets_its_files() {
        let (mesh_ca, root_ca) = (authority(), authority());
        let authorities = (mesh_ca.clone(), root_ca.clone());
        let coordinator = Coordinator::start(move |attempt, peer| {
            let claims =
                peer.appraisal.unwrap().map_err(|refusal| Status::permission_denied(refusal.to_string()))?;
            assert_eq!(claims.host_data, <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(b"policy")));
            if attempt == 0 {
                return Err(Status::failed_precondition("no manifest configured: run `contrast set` first"));
            }
            Ok(NewMeshCertResponse {
                mesh_ca_cert: authorities.0.clone(),
                cert_chain: certificate_for(&peer.certificate.unwrap()),
                root_ca_cert: authorities.1.clone(),
                workload_secret: SECRET.to_vec(),
            })
        });
        let directory = tempfile::tempdir().unwrap();
        let tls_dir = directory.path().join("tls-config");
        let output = initializer(&coordinator.address, &tls_dir).output().unwrap();
        let log = log_of(&output);
        assert_eq!(output.status.code(), Some(0), "{log}");

        assert!(log.contains("waiting for the Coordinator to have a manifest (`contrast set`)"), "{log}");
        assert!(log.contains("simulated"), "{log}");
        assert_file(&tls_dir.join("mesh-ca.pem"), 0o444, &mesh_ca);
        assert_file(&tls_dir.join("coordinator-root-ca.pem"), 0o444, &root_ca);
        let chain = fs::read(tls_dir.join("certChain.pem")).unwrap();
        assert_file(&tls_dir.join("certChain.pem"), 0o444, &chain);
        assert_file(&tls_dir.join("workload-secret-seed"), 0o400, b"deadbeef");
        let key = fs::read_to_string(tls_dir.join("key.pem")).unwrap();
        assert_file(&tls_dir.join("key.pem"), 0o400, key.as_bytes());
        let public = |input: &str, arguments: &[&str]| {
            let file = tls_dir.join(input);
            Command::new("openssl").args(arguments).arg("-in").arg(file).output().unwrap().stdout
        };
        let (of_key, of_certificate) = (
            public("key.pem", &["pkey", "-pubout"]),
            public("certChain.pem", &["x509", "-noout", "-pubkey"]),
        );
        assert_eq!(of_key, of_certificate);
        assert!(!of_key.is_empty());

        assert!(!log.contains("deadbeef") && !log.contains("222, 173"), "no secret in {log}");
        assert!(!log.contains(key.lines().nth(1).unwrap()), "no key in {log}");
    }

    #[test]
    fn a_refused_pod_logs_every_mismatch_and_waits_until_it_is_ended() {
        let coordinator = Coordinator::start(|_, _| {
            Err(Status::permission_denied(
                "the evidence was refused:\n  report field HOST_DATA: one\n  VMPL: two\u{1b}[2J",
            ))
        });
        let directory = tempfile::tempdir().unwrap();
        let mut child = initializer(&coordinator.address, directory.path()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let before: Vec<_> = lines.by_ref().take_while(|line| !line.contains("next attempt in")).collect();
        for expected in
            ["waiting for a manifest that allows this pod", "HOST_DATA: one", "VMPL: two\u{fffd}[2J"]
        {
            let line = before.iter().find(|line| line.contains(expected));
            assert!(line.is_some_and(|line| line.contains("WARN")), "{expected} in {before:?}");
        }
        end(&child);
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert!(lines.any(|line| line.contains("SIGTERM")));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_answer_that_cannot_be_used_leaves_no_files() {
        let coordinator = Coordinator::start(|_, _| Ok(NewMeshCertResponse::default()));
        let directory = tempfile::tempdir().unwrap();
        let mut child = initializer(&coordinator.address, directory.path()).spawn().unwrap();
        wait_for(&mut child, "holds no certificate");
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(5), Some("0"), "core dumps are off: {core}");
        end(&child);
        child.wait().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_coordinator_that_hangs_up_or_is_not_there_is_waited_for() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let directory = tempfile::tempdir().unwrap();
        let mut child = initializer(&address, directory.path()).spawn().unwrap();
        // The first connection is dropped before a byte is sent, and then nobody listens any more.
        drop(listener.accept().unwrap());
        drop(listener);
        let mut stderr = child.stderr.take().unwrap();
        let mut log = String::new();
        for expected in
            ["waiting for the Coordinator to take connections", "waiting for the Coordinator to be reachable"]
        {
            while !log.contains(expected) {
                let mut byte = [0];
                assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{log}");
                log.push(char::from(byte[0]));
            }
        }
        end(&child);
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }

    #[test]
    fn no_address_is_wrong_usage() {
        let directory = tempfile::tempdir().unwrap();
        for host in [None, Some("")] {
            let mut command = initializer("", directory.path());
            command.env_remove("CONTRAST_MESH_API_ADDR");
            if let Some(host) = host {
                command.env("COORDINATOR_HOST", host);
            }
            let output = command.output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{}", log_of(&output));
            assert!(log_of(&output).contains("--coordinator-host"), "{}", log_of(&output));
        }
    }

    #[test]
    fn a_pod_that_cannot_give_evidence_fails_at_once_and_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = initializer("127.0.0.1:1", directory.path());
        let output = command.env_remove("CONTRAST_SIMULATOR_DIR").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(log_of(&output).contains("CONTRAST_SIMULATOR_DIR"), "{}", log_of(&output));
    }

    #[test]
    fn a_directory_that_cannot_be_written_ends_the_program() {
        let coordinator = Coordinator::start(|_, peer| {
            let certificate = certificate_for(&peer.certificate.unwrap());
            Ok(NewMeshCertResponse {
                mesh_ca_cert: certificate.clone(),
                cert_chain: certificate.clone(),
                root_ca_cert: certificate,
                workload_secret: Vec::new(),
            })
        });
        let directory = tempfile::tempdir().unwrap();
        let occupied = directory.path().join("file");
        fs::write(&occupied, "").unwrap();
        let output = initializer(&coordinator.address, &occupied).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(log_of(&output).contains("cannot make the directory"), "{}", log_of(&output));
    }

    #[test]
    fn a_volume_that_cannot_be_opened_ends_the_program_after_the_files_were_written() {
        let coordinator = Coordinator::start(|_, peer| {
            let certificate = certificate_for(&peer.certificate.unwrap());
            Ok(NewMeshCertResponse {
                mesh_ca_cert: certificate.clone(),
                cert_chain: certificate.clone(),
                root_ca_cert: certificate,
                workload_secret: SECRET.to_vec(),
            })
        });
        let directory = tempfile::tempdir().unwrap();
        let device = directory.path().join("no-device");
        let output = initializer(&coordinator.address, directory.path())
            .env("CRYPTSETUP_DEVICE", &device)
            .output()
            .unwrap();
        let log = log_of(&output);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains(&format!("cannot open the device {}", device.display())), "{log}");
        assert_file(&directory.path().join("workload-secret-seed"), 0o400, b"deadbeef");
        assert!(!log.contains("deadbeef"), "{log}");
    }

    #[test]
    fn a_volume_needs_a_secret() {
        let directory = tempfile::tempdir().unwrap();
        let output = initializer("127.0.0.1:1", directory.path())
            .args(["cryptsetup", "--device-path", "/dev/null", "--mount-point", "/state"])
            .output()
            .unwrap();
        let log = log_of(&output);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains("there is no workload secret") && log.contains("WorkloadSecretID"), "{log}");
    }

    #[test]
    fn nothing_is_ready_before_it_is_done() {
        let directory = tempfile::tempdir().unwrap();
        let output = initializer("127.0.0.1:1", directory.path()).arg("ready").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", log_of(&output));
        assert!(log_of(&output).contains("/done"), "{}", log_of(&output));
    }

    /// Reads the log of a running program up to a line with `text`.
    fn wait_for(child: &mut Child, text: &str) {
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(text)), "no line with {text}");
    }

    fn end(child: &Child) {
        kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    }

    #[test]
    fn a_bundle_of_endorsements_that_is_not_there_is_named_with_a_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let output = initializer("127.0.0.1:1", directory.path())
            .env("CONTRAST_COLLATERAL", directory.path().join("no-bundle.json"))
            .output()
            .unwrap();
        let log = log_of(&output);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains("no-bundle.json") && log.contains("contrast collateral fetch"), "{log}");
    }
}
