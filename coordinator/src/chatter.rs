//! Bounds what a connection may say beside what it was asked for.
//!
//! Frames of HTTP/2 that ask for nothing (PING, SETTINGS, WINDOW_UPDATE, empty DATA) cost their sender next to nothing and
//! the receiver processor time. Requests without contents, and what goes with them, are small; contents that come in, in
//! their turn, are not counted, and answers that go out earn what it takes to make room for them.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    crowd::Visitor,
    limits::{CHATTER, CHATTER_RATE},
};

/// A connection that breaks when its other end has said too much.
pub(crate) struct Chatter<IO> {
    stream: IO,
    visitor: Arc<Visitor>,
    said: u64,
    /// Bytes that were read since others had a turn.
    in_turn: usize,
}

/// Bytes after which others have a turn. HTTP/2 reads for as long as there is something, and a thousand frames fit into
/// this.
const TURN: usize = 8 * 1024;

impl<IO> Chatter<IO> {
    pub(crate) fn new(stream: IO, visitor: Arc<Visitor>) -> Self {
        Self { stream, visitor, said: 0, in_turn: 0 }
    }

    fn is_too_much(&self) -> bool {
        let allowed = CHATTER + CHATTER_RATE * self.visitor.age().as_secs();
        self.said > allowed.saturating_add(self.visitor.earned())
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Chatter<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.in_turn > TURN {
            self.in_turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let bytes = buf.filled().len().saturating_sub(before);
        self.in_turn = if read.is_pending() { 0 } else { self.in_turn + bytes };
        self.visitor.is_heard(read.is_pending());
        self.said += bytes as u64;
        if self.is_too_much() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Chatter<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_says_too_much_is_cut_off_unless_it_was_asked_for() {
        let visitor = Visitor::new(Ipv4Addr::LOCALHOST.into());
        let (mut remote, local) = duplex(1 << 20);
        let mut chatter = Chatter::new(local, Arc::clone(&visitor));
        let much = vec![0; usize::try_from(CHATTER).unwrap()];
        let mut heard = vec![0; much.len()];
        let _busy = visitor.begin_work();
        for _ in 0..3 {
            remote.write_all(&much).await.unwrap();
            chatter.read_exact(&mut heard).await.unwrap();
            visitor.earns(much.len());
        }
        remote.write_all(&much).await.unwrap();
        chatter.read_exact(&mut heard).await.unwrap();
        // However slow this machine is, it does not earn so much in the meantime.
        let cut_off = async {
            loop {
                remote.write_all(&much).await.unwrap();
                if let Err(error) = chatter.read_exact(&mut heard).await {
                    return error.kind();
                }
            }
        };
        assert_eq!(cut_off.await, io::ErrorKind::ConnectionAborted);
    }
}
