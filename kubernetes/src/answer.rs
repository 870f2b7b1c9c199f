//! What the server answers, as it comes: no longer, and for no longer, than it may be.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::error::AccessError;

/// The most bytes of an answer; of one that does not end (a watch, a log that is followed), of one line.
pub const MAX_ANSWER_LEN: usize = 64 << 20;
/// Objects of Kubernetes are shorter: etcd holds at most 1.5 MiB of one.
const MAX_LINE_LEN: usize = 8 << 20;
/// How long an answer may take as a whole.
const WHOLE: Duration = Duration::from_secs(60);
/// How long nothing may come of an answer that does not end. Servers end watches after five minutes when they are asked to.
const SILENCE: Duration = Duration::from_secs(330);

/// A body within bounds.
pub(crate) struct Answer {
    body: Incoming,
    server: String,
    streams: bool,
    left: usize,
    time: Pin<Box<Sleep>>,
}

impl Answer {
    /// `streams`: it goes on until somebody has enough.
    pub(crate) fn new(body: Incoming, server: String, streams: bool) -> Self {
        let (left, limit) = if streams { (MAX_LINE_LEN, SILENCE) } else { (MAX_ANSWER_LEN, WHOLE) };
        Self { body, server, streams, left, time: Box::pin(sleep(limit)) }
    }

    fn count(&mut self, data: &Bytes) -> Result<(), AccessError> {
        let (limit, used) = if self.streams {
            self.time.as_mut().reset(Instant::now() + SILENCE);
            match data.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => {
                    self.left = MAX_LINE_LEN;
                    (MAX_LINE_LEN, data.len() - end - 1)
                }
                None => (MAX_LINE_LEN, data.len()),
            }
        } else {
            (MAX_ANSWER_LEN, data.len())
        };
        let left = self.left.checked_sub(used);
        self.left = left.ok_or_else(|| AccessError::TooLarge { server: self.server.clone(), limit })?;
        Ok(())
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = AccessError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AccessError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let counted = frame.data_ref().map_or(Ok(()), |data| self.count(data));
                Poll::Ready(Some(counted.map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let reason = error.to_string();
                Poll::Ready(Some(Err(AccessError::Broken { server: self.server.clone(), reason })))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.time.as_mut().poll(cx).map(|()| {
                let (what, limit) =
                    if self.streams { ("send anything", SILENCE) } else { ("finish its answer", WHOLE) };
                Some(Err(AccessError::Slow { server: self.server.clone(), what, limit }))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
