//! Debian's `docker-registry` on this machine, with its files in a temporary folder.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
};

use tempfile::TempDir;

use crate::images::{ContainerImage, MANIFEST};

/// A registry without TLS. It ends when it is dropped.
pub struct Registry {
    /// Host and port.
    pub address: String,
    child: Child,
    _folder: TempDir,
}

impl Registry {
    /// Starts one that is empty.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\n",
            folder.path().display()
        );
        let path = folder.path().join("config.yml");
        fs::write(&path, config).expect("its configuration can be written");
        let mut child = std::process::Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry of Debian's package of that name; `cargo xtask test` installs it");
        let mut log = BufReader::new(child.stderr.take().expect("its log is piped"));
        let mut seen = String::new();
        let address = loop {
            let mut line = String::new();
            let length = log.read_line(&mut line).expect("its log can be read");
            assert!(length > 0, "docker-registry ended: {seen}");
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split(['"', ',', ' ', '\n']).next().unwrap_or_default().to_owned();
            }
            seen.push_str(&line);
        };
        // It must never wait for somebody to read its log.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { address, child, _folder: folder }
    }

    /// Stores an image whose name begins with this registry.
    ///
    /// # Panics
    /// When the registry does not take it.
    pub fn push(&self, image: &ContainerImage) {
        let name =
            image.name.strip_prefix(&format!("{}/", self.address)).expect("the image is for this registry");
        let (repository, tag) = name.rsplit_once(':').expect("the image has a tag");
        for blob in image.blobs() {
            let (status, head) = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
            assert_eq!(status, 202, "{head}");
            let location =
                head.lines().find_map(|line| line.strip_prefix("Location: ")).expect("it says where");
            let path = location.trim_start_matches(&format!("http://{}", self.address));
            let path = format!("{path}&digest=sha256:{}", crate::policy_digest(blob));
            assert_eq!(self.send("PUT", &path, "application/octet-stream", blob).0, 201);
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        assert_eq!(self.send("PUT", &path, MANIFEST, image.manifest()).0, 201);
    }

    /// The layer of an image, as it is stored.
    ///
    /// # Panics
    /// When the registry does not have it.
    #[must_use]
    pub fn layer(&self, image: &ContainerImage) -> Vec<u8> {
        let name =
            image.name.strip_prefix(&format!("{}/", self.address)).expect("the image is for this registry");
        let (repository, _) = name.rsplit_once(':').expect("the image has a tag");
        let path = format!("/v2/{repository}/blobs/sha256:{}", image.layer_digest());
        let (status, _, body) = self.exchange("GET", &path, "", b"");
        assert_eq!(status, 200);
        body
    }

    /// Status and head of the answer.
    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let (status, head, _) = self.exchange(method, path, kind, body);
        (status, head)
    }

    /// Status, head and body of the answer.
    fn exchange(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("the registry listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\nContent-Type: {kind}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).expect("it takes requests");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("it answers in HTTP");
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("it answers in HTTP"), head, body)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
