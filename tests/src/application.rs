//! An application in a pod that knows nothing of TLS: it answers in plain HTTP, and says who it thinks is talking to whom.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Ipv6Addr, TcpListener, TcpStream},
    thread,
};

use crate::network::PodNetwork;

/// Serves on `port` of all of the pod's addresses, as long as the process lives. The answer to `GET /X` is
/// `X from ADDRESS to ADDRESS`.
///
/// # Panics
/// When somebody else has the port.
pub fn serve_in(pod: &PodNetwork, port: u16) {
    let listener = pod.enter(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).expect("the port is free"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // How a connection ends is the client's business.
            thread::spawn(move || converse(stream));
        }
    });
}

fn converse(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (peer, own) = (stream.peer_addr()?, stream.local_addr()?);
    let whom = format!("from {} to {}", peer.ip().to_canonical(), own.ip().to_canonical());
    let mut requests = BufReader::new(stream.try_clone()?);
    while let Some(path) = request(&mut requests)? {
        let body = format!("{path} {whom}:{}\n", own.port());
        stream.write_all(
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes(),
        )?;
    }
    Ok(())
}

/// The path of the next request, without its first slash; `None` if there is no further one.
fn request(lines: &mut impl io::BufRead) -> io::Result<Option<String>> {
    let mut first = String::new();
    if lines.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 && line.trim_end() != "" {
        line.clear();
    }
    Ok(first.split(' ').nth(1).map(|path| path.trim_start_matches('/').to_owned()))
}

/// One connection to an application, for many requests.
pub struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    /// Connects from inside a pod.
    ///
    /// # Errors
    /// When nobody takes the connection.
    pub fn connect(pod: &PodNetwork, host: &str, port: u16) -> io::Result<Self> {
        pod.enter(|| Self::connect_from_here(host, port))
    }

    /// Connects from where this thread is.
    ///
    /// # Errors
    /// When nobody takes the connection.
    pub fn connect_from_here(host: &str, port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((host, port))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: host.to_owned() })
    }

    /// Asks for a path, and gives the answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is none of [`serve_in`]'s.
    pub fn get(&mut self, path: &str) -> io::Result<String> {
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut lines = [const { String::new() }; 4];
        for line in &mut lines {
            if self.stream.read_line(line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let [status, _, _, body] = lines;
        let broken = || io::Error::new(io::ErrorKind::InvalidData, status.clone());
        status.starts_with("HTTP/1.1 200 ").then(|| body.trim_end().to_owned()).ok_or_else(broken)
    }
}
