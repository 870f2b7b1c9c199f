use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::symlink,
};

use super::*;

struct Node {
    folder: tempfile::TempDir,
    host: Host,
}

const PATH: &str = "/opt/edgeless/contrast-cc-simulated-00000000/bin/x";

impl Node {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("host")).unwrap();
        fs::write(folder.path().join("source"), "program").unwrap();
        let host = Host::new(&folder.path().join("host"));
        Self { folder, host }
    }

    fn entry(&self) -> FileEntry {
        FileEntry {
            source: Source::Image(self.folder.path().join("source")),
            path: PATH.into(),
            integrity: Some(digest(&self.folder.path().join("source"), None).unwrap()),
            executable: true,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("host").join(PATH.trim_start_matches('/'))
    }

    async fn put(&self, entry: &FileEntry) -> Result<bool, String> {
        let result = put(&self.host, entry).await.map_err(|error| error.to_string());
        let folder = self.file().parent().unwrap().to_owned();
        let left = fs::read_dir(folder).map_or(0, |entries| entries.count());
        assert!(left <= 1, "something is left behind");
        result
    }
}

#[tokio::test]
async fn a_file_is_put_once_and_repaired_when_it_changes() {
    let node = Node::new();
    let mut entry = node.entry();
    for integrity in [entry.integrity.take(), node.entry().integrity] {
        entry.integrity = integrity;
        let _ = fs::remove_file(node.file());
        assert_eq!(node.put(&entry).await, Ok(true));
        assert_eq!(fs::metadata(node.file()).unwrap().mode() & 0o777, 0o755);
        let inode = fs::metadata(node.file()).unwrap().ino();
        assert_eq!(node.put(&entry).await, Ok(false));
        assert_eq!(fs::metadata(node.file()).unwrap().ino(), inode, "what is right is left alone");

        fs::write(node.file(), "prog").unwrap();
        assert_eq!(node.put(&entry).await, Ok(true));
        fs::set_permissions(node.file(), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(node.put(&entry).await, Ok(true));
        assert_eq!(fs::read_to_string(node.file()).unwrap(), "program");
    }
}

#[tokio::test]
async fn a_file_with_another_digest_is_not_installed() {
    let node = Node::new();
    let entry = node.entry();
    node.put(&entry).await.unwrap();
    let wrong = FileEntry { integrity: Some(digest(Path::new("/dev/null"), None).unwrap()), ..entry };
    let said = node.put(&wrong).await.unwrap_err();
    assert!(said.contains(PATH) && said.contains("not installed"), "{said}");
    assert_eq!(fs::read_to_string(node.file()).unwrap(), "program", "what was there stays");
}

#[tokio::test]
async fn a_link_in_the_place_of_a_file_is_written_through_inside_the_node_only() {
    let node = Node::new();
    fs::create_dir_all(node.file().parent().unwrap()).unwrap();
    symlink("/etc/shadow", node.file()).unwrap();
    fs::create_dir(node.folder.path().join("host/etc")).unwrap();
    node.put(&node.entry()).await.unwrap();
    assert_eq!(fs::read_to_string(node.folder.path().join("host/etc/shadow")).unwrap(), "program");
}

#[tokio::test]
async fn a_source_that_is_away_is_told() {
    let node = Node::new();
    let entry = FileEntry { source: Source::Image("/nonexistent/x".into()), ..node.entry() };
    let said = node.put(&entry).await.unwrap_err();
    assert!(said.contains("/nonexistent/x"), "{said}");
}

/// Answers each request with the next of these texts; `PORT` stands for its own.
fn server(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            (&stream).write_all(answer.replace("PORT", &port.to_string()).as_bytes()).unwrap();
        }
    });
    format!("http://127.0.0.1:{port}/file")
}

async fn from_server(answers: &'static [&'static str]) -> Result<String, String> {
    let node = Node::new();
    let source = Source::Server(server(answers).parse().unwrap());
    let entry = FileEntry { source, executable: false, ..node.entry() };
    node.put(&entry).await?;
    assert_eq!(fs::metadata(node.file()).unwrap().mode() & 0o777, 0o644);
    Ok(fs::read_to_string(node.file()).unwrap())
}

const FILE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nprogram";

#[tokio::test]
async fn a_file_of_a_server_is_fetched_also_from_where_it_sends() {
    assert_eq!(from_server(&[FILE]).await.as_deref(), Ok("program"));
    const SENT: &str = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
    const FAR: &str = "HTTP/1.1 307 Found\r\nLocation: http://127.0.0.1:PORT/x\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(from_server(&[SENT, FAR, FILE]).await.as_deref(), Ok("program"));
}

#[tokio::test]
async fn what_a_server_does_wrong_is_told() {
    const AGAIN: &str = "HTTP/1.1 302 Found\r\nLocation: /file\r\nContent-Length: 0\r\n\r\n";
    const CASES: [(&[&str], &str); 5] = [
        (&["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], "answers 404"),
        (&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nprogram"], "cannot get"),
        (&["HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPROGRAM"], "not installed"),
        (
            &["HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"],
            "sends elsewhere",
        ),
        (&[AGAIN, AGAIN, AGAIN, AGAIN, AGAIN, AGAIN], "sends elsewhere"),
    ];
    for (answers, expected) in CASES {
        let said = from_server(answers).await.unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}
