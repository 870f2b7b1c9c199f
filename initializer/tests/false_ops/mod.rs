//! An ops API that answers each question with the next of its answers, and goes on with the last one.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// What is done with one connection, after the question was read.
pub(crate) type Answer = Box<dyn Fn(&mut TcpStream) + Send>;

/// A running one. It ends with the test's process.
pub(crate) struct FalseOps {
    /// Where it listens.
    pub(crate) address: String,
    asked: Arc<AtomicUsize>,
}

impl FalseOps {
    /// Listens from here on.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let number = count.fetch_add(1, Ordering::Relaxed);
                let mut question = Vec::new();
                let mut byte = [0];
                while !question.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    question.push(byte[0]);
                }
                answers[number.min(answers.len() - 1)](&mut stream);
            }
        });
        Self { address, asked }
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// These bytes, and the end.
pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Answer {
    let bytes = bytes.into();
    Box::new(move |stream| {
        let _ = stream.write_all(&bytes);
    })
}

/// An answer with this status line's end, header lines and body.
pub(crate) fn http(status: &str, headers: &str, body: &[u8]) -> Answer {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    bytes([head.as_bytes(), body].concat())
}

/// Begins like this, and repeats `more` with pauses until the other side hangs up. Tells how many bytes it got rid of, of 64 MiB at most.
pub(crate) fn endless(
    begin: &'static str,
    more: &'static [u8],
    pause: Duration,
    written: Arc<AtomicUsize>,
) -> Answer {
    Box::new(move |stream| {
        let _ = stream.write_all(begin.as_bytes());
        while written.load(Ordering::Relaxed) < 64 << 20 && stream.write_all(more).is_ok() {
            written.fetch_add(more.len(), Ordering::Relaxed);
            thread::sleep(pause);
        }
    })
}
