//! Clients that mean harm, or do not know better.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use contrast_attestation::atls::{Connector, Identity};
use contrast_tests::{Client, Deployment};

#[test]
fn two_thousand_silent_connections_do_not_keep_an_honest_client_out() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: Some(8192),
            ..rustix::process::getrlimit(rustix::process::Resource::Nofile)
        },
    )
    .unwrap();
    let silent: Vec<TcpStream> = [coordinator.user_api, coordinator.mesh_api]
        .iter()
        .flat_map(|api| (0..1000).map(move |_| TcpStream::connect(api).unwrap()))
        .collect();
    let begin = Instant::now();
    deployment.contrast(&coordinator, "set", &[]).success();
    deployment.pod(&coordinator, "web").finish();
    assert!(
        begin.elapsed() < Duration::from_secs(24),
        "they were served only after the silent ones had timed out"
    );
    assert_eq!(silent.len(), 2000);
    assert!(coordinator.resident_bytes() < 100 * 1024 * 1024, "{}", coordinator.resident_bytes());
}

#[test]
fn two_thousand_connections_one_after_the_other_leave_nothing_behind() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let open_before = coordinator.open_files();
    for round in 0..2000 {
        let mut connection = TcpStream::connect(coordinator.mesh_api).unwrap();
        connection.write_all(&[0x16, 0x03, 0x01, 0x00, (round % 256) as u8]).unwrap();
    }
    deployment.pod(&coordinator, "web").finish();
    // Each of them ends with the handshake's time limit at the latest.
    let deadline = Instant::now() + Duration::from_secs(60);
    while coordinator.open_files() > open_before + 8 {
        assert!(Instant::now() < deadline, "{} files are open", coordinator.open_files());
        std::thread::yield_now();
    }
}

#[test]
fn more_established_connections_than_there_is_room_for_do_not_keep_an_honest_client_out() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Through the handshake, and then silent for ever.
    let silent: Vec<_> = (0..1100)
        .map(|_| {
            runtime.block_on(async {
                let connector = Connector::new(Identity::Fresh, None, Arc::from([]));
                let tcp = tokio::net::TcpStream::connect(coordinator.user_api).await.unwrap();
                connector.connect(tcp).await.unwrap()
            })
        })
        .collect();
    deployment.contrast(&coordinator, "set", &[]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
    assert_eq!(silent.len(), 1100);
}

#[test]
fn a_client_that_says_nothing_is_disconnected() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let mut silent = TcpStream::connect(coordinator.user_api).unwrap();
    // The Coordinator's time limit for handshakes is 25 s; this one only bounds the test.
    silent.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let mut said = Vec::new();
    silent.read_to_end(&mut said).unwrap();
    coordinator.wait_for_log("handshake failed");
}

#[test]
fn a_client_that_speaks_garbage_is_disconnected_and_others_are_served() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        &[0xff; 70_000],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for api in [coordinator.user_api, coordinator.mesh_api] {
        for bytes in garbage {
            let mut connection = TcpStream::connect(api).unwrap();
            connection.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
            // The Coordinator may hang up before everything is sent.
            let _ = connection.write_all(bytes);
            let _ = connection.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = connection.read_to_end(&mut answer);
            assert!(answer.len() < 100, "a TLS alert at most");
        }
    }
    deployment.contrast(&coordinator, "set", &[]).success();
}

#[test]
fn a_tls_client_without_attested_tls_is_refused() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let output = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &coordinator.mesh_api.to_string(), "-alpn", "h2"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success(), "there was no nonce to attest to");
    deployment.contrast(&coordinator, "set", &[]).success();
}

#[test]
fn clients_that_hang_up_in_the_middle_of_a_set_leave_a_whole_history() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let mut sent = vec![fs::read(deployment.manifest_path()).unwrap()];
    for round in 0..20_u32 {
        // Another manifest each time, so that there is something to append.
        let mut manifest = sent.last().unwrap().clone();
        manifest.push(b' ');
        fs::write(deployment.manifest_path(), &manifest).unwrap();
        sent.push(manifest);
        let mut process = deployment
            .contrast_command(&coordinator, "set", &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Anywhere between the first packet and the answer.
        let patience = Instant::now() + Duration::from_millis(u64::from(round) * 8);
        while Instant::now() < patience && process.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let _ = process.kill();
        process.wait().unwrap();
    }
    deployment.contrast(&coordinator, "set", &[]).success();
    let mut history = Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap().manifests;
    // The last one was sent twice.
    history.dedup();
    assert_eq!(history.first(), sent.first());
    assert_eq!(history.last(), sent.last());
    let mut rest = sent.iter();
    assert!(
        history.iter().all(|manifest| rest.any(|other| other == manifest)),
        "in the order they were sent"
    );
    // Whoever hung up did not learn what was set, and reads it now.
    let latest = Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap();
    let latest = hex::encode(latest.latest_transition.unwrap().transition_hash);
    deployment.contrast(&coordinator, "verify", &["--accept-history", &latest]).success();
}

#[test]
fn a_call_on_a_broken_connection_is_never_taken_for_an_answer_of_the_coordinator() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let mut client = Client::connect(coordinator.user_api, Identity::Fresh);
    client.seed_shares().unwrap_err();
    coordinator.kill();
    for call in ["the first", "one that finds the connection closed"] {
        let status = client.seed_shares().unwrap_err();
        assert!(std::error::Error::source(&status).is_some(), "{call}: {status}");
    }
}
