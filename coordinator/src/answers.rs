//! Answers with contents while they go out: one at a time for each connection, in small pieces, and only to those who
//! take them.
//!
//! How fast an answer goes is its reader's choice: HTTP/2 sends what the reader's window has room for. So each answer notes
//! since when a piece of it waits, and how much was taken. A connection whose reader keeps it waiting, or is slower than others
//! would be, counts as one for which nothing is done, and goes when there are too many; and a reader that takes too long for
//! one piece is cut off in any case.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body, Bytes, Frame};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tonic::{Status, body::Body as AnyBody};

use crate::{
    crowd::{Busy, Visitor},
    limits::{ANSWER_PATIENCE, PIECE, PIECE_PATIENCE},
    refusal::Refusal,
};

/// How often slow readers are looked for.
const ROUND: Duration = Duration::from_millis(500);

/// Bytes of frames that a reader may send for each piece: it makes room for it on the stream and on the connection, and may
/// do so in several steps.
const TO_MAKE_ROOM: usize = 256;

/// All answers that are on their way.
#[derive(Default)]
pub struct Answers(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    readers: BTreeMap<u64, Arc<Visitor>>,
}

/// The right to answer, until this is dropped.
pub struct Answer {
    answers: Arc<Answers>,
    number: u64,
    visitor: Arc<Visitor>,
    _busy: Busy,
    _only_one: OwnedSemaphorePermit,
}

impl Answers {
    /// Waits until the answers before it on the same connection are through.
    ///
    /// # Errors
    /// [`Refusal::Busy`], if that takes too long.
    pub async fn begin(self: &Arc<Self>, visitor: &Arc<Visitor>) -> Result<Answer, Refusal> {
        let only_one = timeout(ANSWER_PATIENCE, visitor.begin_answer()).await;
        let only_one = only_one.ok().flatten().ok_or(Refusal::Busy)?;
        visitor.is_being_answered(true);
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.readers.insert(number, Arc::clone(visitor));
        Ok(Answer {
            answers: Arc::clone(self),
            number,
            visitor: Arc::clone(visitor),
            _busy: visitor.begin_work(),
            _only_one: only_one,
        })
    }

    /// Cuts off those who take too long for a piece, for as long as it is polled.
    pub async fn watch(&self) {
        let mut rounds = tokio::time::interval(ROUND);
        loop {
            rounds.tick().await;
            for reader in self.open().readers.values() {
                if reader.keeps_waiting() > PIECE_PATIENCE {
                    reader.cut();
                }
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// Hands out `body` in pieces, and keeps the right to answer until its end.
    #[must_use]
    pub fn with(self, body: AnyBody) -> AnyBody {
        AnyBody::new(InPieces { body, rest: Bytes::new(), answer: self })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.visitor.is_being_answered(false);
        self.answers.open().readers.remove(&self.number);
    }
}

/// A body of which only one piece at a time is in the hands of HTTP/2, which does not ask for more before there is room.
struct InPieces {
    body: AnyBody,
    rest: Bytes,
    answer: Answer,
}

impl Body for InPieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.answer.visitor.has_taken();
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()? {
                None => return Poll::Ready(None),
                Some(frame) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.answer.visitor.is_offered(length);
        self.answer.visitor.earns(TO_MAKE_ROOM);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}
