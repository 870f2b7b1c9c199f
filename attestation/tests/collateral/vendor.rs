//! A web server that answers as a test wants.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What happens to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// 200 with a body and more header lines.
    Ok(Vec<u8>, Vec<String>),
    /// Another status, with more header lines.
    Status(u16, &'static str),
    /// A body that is announced longer than it is.
    Truncated(Vec<u8>),
    /// A body without an announced length.
    Chunked(Vec<u8>),
    /// Not HTTP.
    Noise,
    /// Nothing, for ever.
    Silence,
}

impl Reply {
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::Ok(body.to_vec(), Vec::new())
    }
}

/// A server on this machine. It stops when dropped.
pub(crate) struct Vendor {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Vendor {
    /// `answer` gets the path and the number of the request, from 0.
    pub(crate) async fn start(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                open.spawn(async move { serve(stream, &log, &*answer).await });
            }
        });
        Self { port, requests, task }
    }

    /// A server that gives every request the same answer.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mirror", self.port)
    }

    /// The paths that were asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<String>>,
    answer: &(dyn Fn(&str, usize) -> Reply + Send + Sync),
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.strip_prefix("GET ").unwrap().split(' ').next().unwrap();
    assert!(head.to_ascii_lowercase().contains("\r\nhost: 127.0.0.1:"), "{head}");
    let number = {
        let mut log = log.lock().unwrap();
        log.push(path.strip_prefix("/mirror").unwrap().to_owned());
        log.len() - 1
    };
    let reply = match answer(path.strip_prefix("/mirror").unwrap(), number) {
        Reply::Ok(body, headers) => {
            let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
            let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body].concat()
        }
        Reply::Status(status, headers) => {
            format!("HTTP/1.1 {status} No\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes()
        }
        Reply::Truncated(body) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len() + 1);
            [head.as_bytes(), &body].concat()
        }
        Reply::Chunked(body) => {
            let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len());
            [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
        }
        Reply::Noise => b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        Reply::Silence => return std::future::pending().await,
    };
    stream.write_all(&reply).await?;
    stream.shutdown().await
}
