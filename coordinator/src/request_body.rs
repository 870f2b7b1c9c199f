//! The body of a request while it comes in: never longer than its call allows, and not for ever.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body, Bytes, Frame};
use tokio::time::{Instant, Sleep};
use tonic::Status;

use crate::{crowd::Visitor, field_count::FieldCount, limits, refusal::Refusal};

/// Bytes before a message of gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What a body may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Most bytes of its message.
    pub bytes: usize,
    /// How long it may take in any case.
    pub grace: Duration,
    /// Bytes that buy one more second.
    pub rate: u64,
}

impl Allowance {
    /// For calls that carry no contents.
    pub const SMALL: Self =
        Self { bytes: limits::SMALL_REQUEST, grace: limits::SMALL_REQUEST_TIMEOUT, rate: u64::MAX };

    /// For a manifest with its policies, of so many `bytes` at most. Who has a turn that `others_wait` for is to hurry.
    #[must_use]
    pub const fn contents(bytes: usize, others_wait: bool) -> Self {
        if others_wait {
            Self { bytes, grace: limits::BODY_GRACE_OF_OTHERS, rate: limits::BODY_RATE_OF_OTHERS }
        } else {
            Self { bytes, grace: limits::BODY_GRACE, rate: limits::BODY_RATE }
        }
    }

    /// How long it may take for `received` bytes to come in.
    fn time(&self, received: usize) -> Duration {
        let millis = (received as u64).saturating_mul(1000) / self.rate;
        self.grace.saturating_add(Duration::from_millis(millis))
    }
}

/// A body that ends with a [`Refusal`] if it is longer than allowed, as far as can be told from its first bytes, or if it
/// comes in too slowly.
pub struct Metered<B> {
    body: B,
    allowance: Allowance,
    visitor: Arc<Visitor>,
    begun: Instant,
    received: usize,
    prefix: [u8; PREFIX],
    fields: FieldCount,
    deadline: Pin<Box<Sleep>>,
}

impl<B> Metered<B> {
    /// Begins to count. What comes in as allowed, `visitor` may say.
    #[must_use]
    pub fn new(body: B, allowance: Allowance, visitor: Arc<Visitor>) -> Self {
        let begun = Instant::now();
        Self {
            body,
            allowance,
            visitor,
            begun,
            received: 0,
            prefix: [0; PREFIX],
            fields: FieldCount::new(),
            deadline: Box::pin(tokio::time::sleep_until(begun + allowance.time(0))),
        }
    }

    fn count(&mut self, data: &Bytes) -> Result<(), Refusal> {
        let missing = self.prefix.iter_mut().skip(self.received);
        for (to, from) in missing.zip(data.iter()) {
            *to = *from;
        }
        let message = data.get(PREFIX.saturating_sub(self.received)..).unwrap_or_default();
        if self.fields.read(message) > limits::FIELDS {
            return Err(Refusal::TooManyFields { limit: limits::FIELDS });
        }
        self.received = self.received.saturating_add(data.len());
        let [_, length @ ..] = self.prefix;
        let announced = if self.received < PREFIX { 0 } else { u32::from_be_bytes(length) as usize };
        let limit = self.allowance.bytes;
        if announced.max(self.received.saturating_sub(PREFIX)) > limit {
            return Err(Refusal::RequestTooLarge { limit });
        }
        self.visitor.earns(data.len());
        Ok(())
    }

    /// Waits until it is too late for what has come in so far.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.deadline.as_mut().poll(cx));
            let due = self.begun + self.allowance.time(self.received);
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.deadline.as_mut().reset(due);
        }
    }
}

impl<B> Body for Metered<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.poll_late(cx).map(|()| Some(Err(Refusal::TooSlow.into())));
        };
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| Status::from_error(Box::new(error)))?;
            if let Some(data) = frame.data_ref() {
                self.count(data)?;
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::sync::mpsc;
    use tonic::Code;

    use super::*;

    struct Sent(mpsc::UnboundedReceiver<Bytes>);

    impl Body for Sent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
        }
    }

    const ALLOWANCE: Allowance = Allowance { bytes: 100, grace: Duration::from_secs(10), rate: 20 };

    fn begin() -> (mpsc::UnboundedSender<Bytes>, Metered<Sent>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let visitor = Visitor::new(std::net::Ipv4Addr::LOCALHOST.into());
        (sender, Metered::new(Sent(receiver), ALLOWANCE, visitor))
    }

    /// Bytes that came in, or the code of the refusal.
    async fn read(mut body: Metered<Sent>) -> Result<usize, Code> {
        let mut received = 0;
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            received += frame.map_err(|status| status.code())?.into_data().unwrap().len();
        }
        Ok(received)
    }

    fn message(announced: u8, sent: usize) -> Vec<u8> {
        [&[0, 0, 0, 0, announced][..], &vec![1; sent]].concat()
    }

    #[tokio::test]
    async fn a_body_is_refused_by_what_it_announces_and_by_what_it_is() {
        for (announced, sent, outcome) in [
            (100, 100, Ok(105)),
            (101, 0, Err(Code::ResourceExhausted)),
            (0, 101, Err(Code::ResourceExhausted)),
            (0, 0, Ok(5)),
        ] {
            let (sender, body) = begin();
            // Byte by byte, so that the length is in none of them as a whole.
            for byte in message(announced, sent) {
                sender.send(Bytes::from(vec![byte])).unwrap();
            }
            drop(sender);
            assert_eq!(read(body).await, outcome, "{announced} {sent}");
        }
    }

    #[tokio::test]
    async fn a_body_has_as_much_time_as_its_bytes_buy() {
        assert_eq!(ALLOWANCE.time(15).as_millis(), 10_750);
        assert_eq!(Allowance::SMALL.time(1 << 30), Allowance::SMALL.grace);
        for rate in [1, u64::MAX] {
            let (sender, mut body) = begin();
            body.allowance = Allowance { grace: Duration::ZERO, rate, ..ALLOWANCE };
            body.deadline.as_mut().reset(body.begun);
            sender.send(message(100, 15).into()).unwrap();
            let outcome = tokio::time::timeout(Duration::from_millis(500), read(body)).await;
            let is_late = outcome == Ok(Err(Code::ResourceExhausted));
            assert_eq!(is_late, rate > 1, "20 bytes buy 20 seconds, or none");
        }
    }
}
