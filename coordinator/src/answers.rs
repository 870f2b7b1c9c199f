//! Answers with contents while they go out: few at a time, in small pieces, and only to those who take them.
//!
//! How fast an answer goes is its reader's choice: HTTP/2 sends what the reader's window has room for. So each answer notes
//! since when a piece of it waits, and a reader that takes too long for one is cut off with its connection. If others wait
//! to be answered, too long is sooner.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::body::{Body, Bytes, Frame};
use tonic::{Status, body::Body as AnyBody};

use crate::{
    crowd::{Busy, Visitor},
    limits::{ANSWER_PATIENCE, ANSWERS, PIECE, PIECE_PATIENCE, PIECE_PATIENCE_OF_OTHERS, WAITING_ANSWERS},
    refusal::Refusal,
    turns::{Turn, Turns},
};

/// How often slow readers are looked for.
const ROUND: Duration = Duration::from_millis(250);

/// All answers that are on their way.
pub struct Answers {
    turns: Arc<Turns>,
    begun: Instant,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    answers: BTreeMap<u64, Arc<Progress>>,
}

struct Progress {
    visitor: Arc<Visitor>,
    /// Milliseconds since [`Answers::begun`] at which the reader was given something to take; [`NOTHING`] otherwise.
    waits_since: AtomicU64,
}

const NOTHING: u64 = u64::MAX;

/// The right to answer, until this is dropped.
pub struct Answer {
    answers: Arc<Answers>,
    number: u64,
    progress: Arc<Progress>,
    _busy: Busy,
    _turn: Turn,
}

impl Answers {
    /// No answer yet; as many as [`crate::limits`] says.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            turns: Turns::new(ANSWERS, WAITING_ANSWERS, ANSWER_PATIENCE),
            begun: Instant::now(),
            open: Mutex::default(),
        })
    }

    /// Waits until there is room for one more answer.
    ///
    /// # Errors
    /// [`Refusal::Busy`]
    pub async fn begin(self: &Arc<Self>, visitor: &Arc<Visitor>) -> Result<Answer, Refusal> {
        let turn = match self.turns.try_take(visitor.address) {
            Some(turn) => turn,
            None => {
                self.cut_slow_readers(PIECE_PATIENCE_OF_OTHERS);
                self.turns.take(visitor.address).await?
            }
        };
        let progress =
            Arc::new(Progress { visitor: Arc::clone(visitor), waits_since: AtomicU64::new(NOTHING) });
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.answers.insert(number, Arc::clone(&progress));
        Ok(Answer { answers: Arc::clone(self), number, progress, _busy: visitor.begin_work(), _turn: turn })
    }

    /// Cuts off slow readers for as long as it is polled.
    pub async fn watch(&self) {
        let mut rounds = tokio::time::interval(ROUND);
        loop {
            rounds.tick().await;
            let others_wait = self.turns.are_awaited();
            self.cut_slow_readers(if others_wait { PIECE_PATIENCE_OF_OTHERS } else { PIECE_PATIENCE });
        }
    }

    fn cut_slow_readers(&self, patience: Duration) {
        let now = self.now();
        for progress in self.open().answers.values() {
            let waits_since = progress.waits_since.load(Ordering::Relaxed);
            if now.saturating_sub(waits_since) > patience.as_millis() as u64 {
                progress.visitor.cut();
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(NOTHING)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// Hands out `body` in pieces, and keeps the right to answer until its end.
    #[must_use]
    pub fn with(self, body: AnyBody) -> AnyBody {
        AnyBody::new(InPieces { body, rest: Bytes::new(), answer: self })
    }

    fn waits(&self, waits: bool) {
        let since = if waits { self.answers.now() } else { NOTHING };
        self.progress.waits_since.store(since, Ordering::Relaxed);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.answers.open().answers.remove(&self.number);
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
        self.answer.waits(false);
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
        self.answer.waits(true);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}
