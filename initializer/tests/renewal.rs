//! The program with `--renew`, as a process, between a Coordinator that answers by a script and an ops API that lies.

#[cfg(test)]
mod false_ops;
#[cfg(test)]
mod scripted;

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{BufRead as _, BufReader, Lines, Read as _, Write as _},
        net::{TcpListener, TcpStream},
        path::Path,
        process::{Child, ChildStderr, Command, Stdio},
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
        time::{Duration, Instant},
    };

    use contrast_proto::meshapi::NewMeshCertResponse;
    use rustix::process::{Pid, Signal, kill_process};
    use tonic::Status;

    use crate::{
        false_ops::{FalseOps, bytes, endless, http},
        scripted::{Coordinator, POLICY, authority, certificate_for, simulator},
    };

    /// A running one; killed when dropped.
    struct Renewing {
        process: Child,
        log: Lines<BufReader<ChildStderr>>,
        folder: tempfile::TempDir,
    }

    impl Renewing {
        fn start(mesh_api: &str, ops: &str, more: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut process = Command::new(env!("CARGO_BIN_EXE_initializer"))
                .env_clear()
                .env("CONTRAST_MESH_API_ADDR", mesh_api)
                .env("CONTRAST_OPS_ADDR", ops)
                .env("CONTRAST_TLS_DIR", folder.path().join("tls-config"))
                .env("CONTRAST_DONE_FILE", folder.path().join("done"))
                .env("CONTRAST_ATTESTER", "simulated")
                .env("CONTRAST_SIMULATOR_DIR", simulator())
                .env("CONTRAST_SIMULATOR_POLICY", simulator().join(POLICY))
                .env("CONTRAST_RENEW_CERTIFICATES", "true")
                .env("CONTRAST_RENEWAL_PAUSE", "1")
                .envs(more.iter().copied())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let log = BufReader::new(process.stderr.take().unwrap()).lines();
            Self { process, log, folder }
        }

        /// Reads the log up to a line with `text`.
        fn wait_for(&mut self, text: &str) -> String {
            let mut read = Vec::new();
            for line in self.log.by_ref().map(Result::unwrap) {
                if line.contains(text) {
                    return line;
                }
                read.push(line);
            }
            panic!("no line with {text} in {read:?}");
        }

        fn signal(&self, signal: Signal) {
            kill_process(Pid::from_child(&self.process), signal).unwrap();
        }

        fn folder(&self) -> &Path {
            self.folder.path()
        }
    }

    impl Drop for Renewing {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    /// A Coordinator that serves as long as `serves` says so of the attempt, and the times of all attempts.
    fn coordinator(
        mesh_ca: &[u8],
        serves: impl Fn(usize) -> bool + Send + Sync + 'static,
    ) -> (Coordinator, Arc<Mutex<Vec<Instant>>>) {
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let (seen, mesh_ca) = (Arc::clone(&attempts), mesh_ca.to_vec());
        let coordinator = Coordinator::start(move |attempt, peer| {
            seen.lock().unwrap().push(Instant::now());
            if !serves(attempt) {
                return Err(Status::permission_denied(
                    "the evidence was refused:\n  report field HOST_DATA: one",
                ));
            }
            Ok(NewMeshCertResponse {
                mesh_ca_cert: mesh_ca.clone(),
                cert_chain: certificate_for(&peer.certificate.unwrap()),
                root_ca_cert: mesh_ca.clone(),
                workload_secret: Vec::new(),
            })
        });
        (coordinator, attempts)
    }

    fn count(attempts: &Mutex<Vec<Instant>>) -> usize {
        attempts.lock().unwrap().len()
    }

    #[test]
    fn an_ops_api_that_lies_floods_dawdles_or_sends_away_moves_a_pod_to_nothing_but_one_question() {
        let (mesh_ca, other) = (authority(), authority());
        let (coordinator, attempts) = coordinator(&mesh_ca, |_| true);
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let location = format!("Location: http://{}/mesh-ca.pem\r\n", elsewhere.local_addr().unwrap());
        let flood = Arc::new(AtomicUsize::new(0));
        let at_once = Duration::ZERO;
        let ops = FalseOps::start(vec![
            bytes("220 mail.example ESMTP\r\n"),
            http("302 Found", &location, b""),
            http("200 OK", "", b"-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n"),
            http("503 Service Unavailable", "", "locked\u{1b}[2J\r\n2026 INFO all good".as_bytes()),
            endless("HTTP/1.1 200 OK\r\n\r\n", &[b'A'; 4096], at_once, Arc::clone(&flood)),
            endless("HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n", at_once, Arc::default()),
            endless("", b"H", Duration::from_millis(200), Arc::default()),
            http("200 OK", "", &other),
            http("200 OK", "", &other),
            http("200 OK", "", &other),
            http("200 OK", "", &mesh_ca),
        ]);
        let mut pod = Renewing::start(&coordinator.address, &ops.address, &[]);
        pod.wait_for("wrote certificates");
        let cannot = "cannot tell whether the Coordinator has another mesh CA";
        pod.wait_for(cannot);
        assert!(pod.wait_for(cannot).contains("302"));
        assert!(pod.wait_for(cannot).contains("200"), "no certificate");
        let forged = pod.wait_for("locked");
        assert!(forged.contains(cannot) && forged.contains("all good"), "one line: {forged}");
        assert!(!forged.contains('\u{1b}'), "{forged}");
        pod.wait_for(cannot);
        assert!(flood.load(Ordering::Relaxed) < 16 << 20, "it stops to listen");
        pod.wait_for(cannot);
        assert!(pod.wait_for(cannot).contains("no answer in time"));
        assert_eq!(count(&attempts), 1, "nothing of that is a reason to ask with evidence");

        // This one is, once.
        pod.wait_for("replaced the certificate");
        while ops.asked() < 11 {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(count(&attempts), 2);
        assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody followed");
    }

    #[test]
    fn a_pod_that_the_manifest_refuses_asks_ever_more_rarely_while_the_mesh_ca_is_the_same() {
        let (mesh_ca, other, third) = (authority(), authority(), authority());
        let (coordinator, attempts) = coordinator(&mesh_ca, |attempt| attempt == 0);
        let mut answers: Vec<_> = (0..14).map(|_| http("200 OK", "", &other)).collect();
        answers.push(http("200 OK", "", &third));
        let ops = FalseOps::start(answers);
        let mut pod = Renewing::start(&coordinator.address, &ops.address, &[]);
        pod.wait_for("HOST_DATA: one");
        while ops.asked() < 14 {
            thread::sleep(Duration::from_millis(20));
        }
        let before = count(&attempts);
        assert!((3..=8).contains(&before), "{before} attempts at 14 looks");
        // Another manifest is a reason to ask at once.
        while count(&attempts) == before {
            thread::sleep(Duration::from_millis(20));
        }
        assert!(ops.asked() <= 16, "{}", ops.asked());
    }

    #[test]
    fn signals_do_not_make_a_pod_ask_more_often_than_it_looks() {
        let mesh_ca = authority();
        let (coordinator, attempts) = coordinator(&mesh_ca, |_| true);
        let ops = FalseOps::start(vec![http("200 OK", "", &mesh_ca)]);
        let mut pod = Renewing::start(&coordinator.address, &ops.address, &[("CONTRAST_RENEWAL_PAUSE", "4")]);
        pod.wait_for("wrote certificates");
        for _ in 0..2 {
            pod.signal(Signal::HUP);
            pod.wait_for("replaced the certificate");
        }
        let attempts = attempts.lock().unwrap();
        let [_, second, third] = attempts[..] else { panic!("{attempts:?}") };
        assert!(third - second >= Duration::from_secs(2), "{:?}", third - second);
    }

    #[test]
    fn a_port_for_metrics_that_somebody_has_is_found_before_anybody_waits() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mut pod =
            Renewing::start("127.0.0.1:1", "127.0.0.1:1", &[("CONTRAST_RENEWAL_METRICS_ADDR", &address)]);
        assert!(pod.wait_for("cannot listen at").contains(&address));
        assert_eq!(pod.process.wait().unwrap().code(), Some(1));
    }

    #[test]
    fn metrics_are_told_in_both_families_and_no_age_before_there_is_a_certificate() {
        let free = TcpListener::bind("[::]:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let address = format!("[::]:{port}");
        let mut pod =
            Renewing::start("127.0.0.1:1", "127.0.0.1:1", &[("CONTRAST_RENEWAL_METRICS_ADDR", &address)]);
        pod.wait_for("waiting for");
        for host in ["127.0.0.1", "::1"] {
            let mut stream = TcpStream::connect((host, port)).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert!(text.contains("contrast_certificate_renewals_total{outcome=\"failed\"} 0"), "{text}");
            assert!(!text.contains("timestamp_seconds"), "{text}");
        }
    }

    #[test]
    fn a_pod_ends_in_order_though_somebody_has_removed_its_done_file() {
        let mesh_ca = authority();
        let (coordinator, _) = coordinator(&mesh_ca, |_| true);
        let ops = FalseOps::start(vec![http("200 OK", "", &mesh_ca)]);
        let mut pod = Renewing::start(&coordinator.address, &ops.address, &[]);
        while fs::remove_file(pod.folder().join("done")).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        pod.signal(Signal::TERM);
        pod.wait_for("ended by SIGTERM");
        assert_eq!(pod.process.wait().unwrap().code(), Some(0));
    }
}
