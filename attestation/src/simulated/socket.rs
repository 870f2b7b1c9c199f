//! How containers of the simulated platform get evidence: from a socket that the node mounts into them.
//!
//! One question and one answer on each connection, version 1:
//!
//! - question: 8 bytes [`MAGIC`], then the 64 bytes of report data;
//! - answer: the same 8 bytes; one byte, 0 for evidence and 1 for a refusal; the length of what follows, 4 bytes, the most
//!   significant first; then the document ([`EvidenceType::Simulated`](crate::EvidenceType::Simulated)), or a sentence in UTF-8.
//!
//! Host data is no part of it: the one who listens knows which pod the socket belongs to. Lengths, time and the number of
//! connections are bounded on both sides.

mod attester;
mod listener;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

pub use attester::SocketAttester;
pub use listener::EvidenceSocket;

use crate::ReportData;

/// What question and answer begin with. The last byte is the version.
pub const MAGIC: [u8; 8] = *b"CSIMEVI\x01";
/// Most bytes of a document. One has about 5,000.
pub const MAX_DOCUMENT: usize = 64 << 10;
/// Most bytes of a sentence.
pub const MAX_REFUSAL: usize = 1 << 10;
/// Most connections at a time; further ones are closed.
pub const MAX_CONNECTIONS: usize = 32;
/// Longest time that one side waits for the other, for question and answer together.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Either evidence or why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    Document(Vec<u8>),
    Refusal(String),
}

/// A stream that gives up at a moment, however slowly the other side goes.
struct Patient<'a> {
    stream: &'a UnixStream,
    end: Instant,
}

impl<'a> Patient<'a> {
    fn new(stream: &'a UnixStream, patience: Duration) -> Self {
        Self { stream, end: Instant::now() + patience }
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_question(to: &mut impl Write, report_data: &ReportData) -> io::Result<()> {
    let mut question = [0; 72];
    let (magic, data) = question.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    data.copy_from_slice(&report_data.0);
    to.write_all(&question)
}

fn read_question(from: &mut impl Read) -> io::Result<ReportData> {
    expect_magic(from)?;
    let mut data = [0; 64];
    from.read_exact(&mut data)?;
    Ok(ReportData(data))
}

fn write_answer(to: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let (kind, body) = match answer {
        Answer::Document(document) => (0, document.as_slice()),
        Answer::Refusal(reason) => (1, reason.as_bytes()),
    };
    let length = u32::try_from(body.len()).map_err(|_| invalid("an answer that is too long"))?;
    let head = [&MAGIC[..], &[kind], &length.to_be_bytes()].concat();
    to.write_all(&[head.as_slice(), body].concat())
}

fn read_answer(from: &mut impl Read) -> io::Result<Answer> {
    expect_magic(from)?;
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    let length = u32::from_be_bytes(length) as usize;
    let most = match kind {
        0 => MAX_DOCUMENT,
        1 => MAX_REFUSAL,
        _ => return Err(invalid("an answer of an unknown kind")),
    };
    if length > most {
        return Err(invalid("an answer that is too long"));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(match kind {
        0 => Answer::Document(body),
        _ => Answer::Refusal(String::from_utf8_lossy(&body).into_owned()),
    })
}

fn expect_magic(from: &mut impl Read) -> io::Result<()> {
    let mut magic = [0; 8];
    from.read_exact(&mut magic)?;
    if magic == MAGIC { Ok(()) } else { Err(invalid("another protocol, or another version of it")) }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
