//! Bounds the number of open connections by cutting the oldest one when another comes.
//!
//! Refusing the newest would let whoever holds many connections keep everybody else out. Honest clients need
//! a connection for some milliseconds, so the oldest ones are the last to be missed.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
};
use tonic::transport::server::Connected;

/// The open connections of one API, oldest first.
pub struct Crowd {
    most: usize,
    /// Dropping one cuts its connection.
    members: Mutex<VecDeque<oneshot::Sender<Infallible>>>,
}

/// A stream that ends when it is the oldest of too many, and what is known about its other end.
pub struct Member<IO, Info> {
    stream: IO,
    info: Info,
    cut: oneshot::Receiver<Infallible>,
}

impl Crowd {
    /// A crowd of `most` connections at most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, members: Mutex::default() }
    }

    /// Takes a connection in; if that makes one too many, the oldest is cut.
    pub fn admit<IO, Info>(&self, stream: IO, info: Info) -> Member<IO, Info> {
        let (keep, cut) = oneshot::channel();
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.push_back(keep);
        if members.len() > self.most {
            members.retain(|member| !member.is_closed());
        }
        if members.len() > self.most {
            members.pop_front();
        }
        Member { stream, info, cut }
    }
}

/// RPC handlers get what is known about the other end.
impl<IO, Info: Clone + Send + Sync + 'static> Connected for Member<IO, Info> {
    type ConnectInfo = Info;

    fn connect_info(&self) -> Info {
        self.info.clone()
    }
}

impl<IO: AsyncRead + Unpin, Info: Unpin> AsyncRead for Member<IO, Info> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if Pin::new(&mut self.cut).poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin, Info: Unpin> AsyncWrite for Member<IO, Info> {
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn the_oldest_open_connection_is_cut_and_no_other() {
        let crowd = Crowd::new(2);
        let (mut remote, local) = duplex(8);
        let mut first = crowd.admit(local, ());
        let closed = crowd.admit(duplex(8).0, ());
        drop(closed);
        let mut second = crowd.admit(duplex(8).0, ());
        remote.write_all(b"a").await.unwrap();
        assert_eq!(first.read_u8().await.unwrap(), b'a', "the closed one does not count");
        let (mut remote, local) = duplex(8);
        let mut third = crowd.admit(local, ());
        assert_eq!(first.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        remote.write_all(b"b").await.unwrap();
        assert_eq!(third.read_u8().await.unwrap(), b'b');
        let _newer = crowd.admit(duplex(8).0, ());
        assert_eq!(second.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_connection_that_waits_is_woken_up_to_be_cut() {
        let crowd = Crowd::new(1);
        let (_remote, local) = duplex(8);
        let mut waiting = crowd.admit(local, ());
        let reading = tokio::spawn(async move { waiting.read_u8().await });
        tokio::task::yield_now().await;
        let _newer = crowd.admit(duplex(8).0, ());
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
