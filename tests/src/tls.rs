//! Two pods that talk, with `openssl` at both ends.

use std::{
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::programs::Printed;

/// What the client says. The server hears it only after it has accepted the client's certificate.
const GREETING: &str = "hello from the other pod\n";

/// How a conversation between two pods went.
#[derive(Debug)]
pub struct MutualTls {
    /// Whether both ends accepted the other's certificate.
    pub verified: bool,
    /// What the server printed.
    pub server: String,
    /// What the client printed.
    pub client: String,
}

/// Lets the pod with the files in `client` talk to the one with those in `server`, each checking the
/// other's certificate against its file `anchor` (`mesh-ca.pem` or `coordinator-root-ca.pem`).
///
/// # Panics
/// When `openssl` cannot be started.
#[must_use]
pub fn mutual_tls(server: &Path, client: &Path, anchor: &str) -> MutualTls {
    let port = {
        // Free a moment ago; openssl cannot report a port that it chose itself.
        let probe = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
        probe.local_addr().expect("it is bound").port()
    };
    let address = format!("127.0.0.1:{port}");
    let mut listening = openssl("s_server", server, anchor)
        .args(["-accept", &address, "-Verify", "2", "-naccept", "1", "-quiet", "-verify_return_error"])
        // At the end of its input it would hang up; this one stays open.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    let heard = Printed::collect(listening.stdout.take().expect("a pipe"));
    let complaints = Printed::collect(listening.stderr.take().expect("a pipe"));
    wait_for_listener(port, &mut listening);
    let mut speaking = openssl("s_client", client, anchor)
        .args(["-connect", &address, "-verify_return_error", "-verify", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    if let Some(mut words) = speaking.stdin.take() {
        // If the handshake failed, the pipe may be closed already; the outcome shows below.
        let _ = words.write_all(GREETING.as_bytes());
    }
    let output = speaking.wait_with_output().expect("it is our process");
    // One connection is all that it accepts, so that it ends by itself.
    let _ = listening.wait();
    let (heard, complaints) = (heard.all(), complaints.all());
    MutualTls {
        verified: output.status.success() && heard.contains(GREETING.trim()),
        server: format!("{heard}\n{complaints}"),
        client: String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr),
    }
}

fn openssl(program: &str, files: &Path, anchor: &str) -> Command {
    let mut command = Command::new("openssl");
    command
        .arg(program)
        .arg("-cert")
        .arg(files.join("certChain.pem"))
        .arg("-cert_chain")
        .arg(files.join("certChain.pem"))
        .arg("-key")
        .arg(files.join("key.pem"))
        .arg("-CAfile")
        .arg(files.join(anchor))
        .args(["-no-CApath", "-no-CAstore"]);
    command
}

/// Looks into the kernel's table of sockets, since a connection would use up the only one that is accepted.
fn wait_for_listener(port: u16, server: &mut Child) {
    let pattern = format!(":{port:04X} 00000000:0000 0A");
    while !std::fs::read_to_string("/proc/net/tcp").expect("Linux has this").contains(&pattern) {
        assert!(server.try_wait().expect("it is our process").is_none(), "openssl s_server ended at once");
        std::thread::yield_now();
    }
}
