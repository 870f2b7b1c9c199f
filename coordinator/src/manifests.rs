//! The answer to GetManifests: one message with all contents of the history, which goes out as it is read.
//!
//! Present clients want it in one piece. To have it in one piece here, too, would cost its size for each that asks; so its
//! length is found out on a first way through the history, and the bytes on a second one.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use contrast_proto::userapi::GetManifestsResponse;
use hyper::body::{Body, Bytes, Frame};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len},
};
use tokio::sync::mpsc;
use tonic::{Status, body::Body as AnyBody, codegen::http};

use crate::{
    history::{Kind, Met, Slice},
    refusal::Refusal,
};

/// Most bytes of contents in one answer. Present clients take 4 MiB.
const MAX_CONTENTS: usize = 16 * 1024 * 1024;

/// What comes before the contents, and after them.
pub struct Frames {
    /// The prefix of a gRPC message.
    pub first: Vec<u8>,
    /// The fields that are not contents.
    pub last: Vec<u8>,
}

/// Finds out how long the message is, from one content to the next.
pub struct Length {
    last: Vec<u8>,
    bytes: usize,
    left: usize,
}

impl Length {
    /// Of a message without contents yet, but with all else.
    #[must_use]
    pub fn new(rest: &GetManifestsResponse) -> Self {
        let last = rest.encode_to_vec();
        Self { bytes: last.len(), last, left: MAX_CONTENTS }
    }

    /// One more content, of so many bytes.
    ///
    /// # Errors
    /// When the contents are too large for one answer.
    pub fn add(&mut self, length: usize) -> Result<(), Refusal> {
        let too_large = Refusal::HistoryTooLarge { limit: MAX_CONTENTS };
        self.left = self.left.checked_sub(length).ok_or(too_large)?;
        self.bytes += key_len(field(Kind::Manifest)) + encoded_len_varint(length as u64) + length;
        Ok(())
    }

    /// After the last content.
    ///
    /// # Errors
    /// When the contents are too many for one answer.
    pub fn frames(self) -> Result<Frames, Refusal> {
        let bytes =
            u32::try_from(self.bytes).map_err(|_| Refusal::HistoryTooLarge { limit: MAX_CONTENTS })?;
        // Not compressed (gRPC over HTTP/2, "Length-Prefixed-Message").
        Ok(Frames { first: [&[0], &bytes.to_be_bytes()[..]].concat(), last: self.last })
    }
}

/// The bytes of a step in [`crate::history::View::Contents`].
#[must_use]
pub fn encode(step: Vec<Met>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for met in step {
        let Met::Slice(Slice { kind, length, at, data, .. }) = met else { continue };
        if at == 0 {
            encode_key(field(kind), WireType::LengthDelimited, &mut bytes);
            encode_varint(length as u64, &mut bytes);
        }
        bytes.extend_from_slice(&data);
    }
    bytes
}

/// Numbers of the fields of [`GetManifestsResponse`]. Fields of a message may come in any order.
fn field(kind: Kind) -> u32 {
    match kind {
        Kind::Manifest => 1,
        Kind::Policy => 2,
    }
}

/// An answer of gRPC whose message comes in `pieces`.
#[must_use]
pub fn response(pieces: mpsc::Receiver<Result<Vec<u8>, Status>>) -> http::Response<AnyBody> {
    let mut response = http::Response::new(AnyBody::new(Pieces(Some(pieces))));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
    response
}

struct Pieces(Option<mpsc::Receiver<Result<Vec<u8>, Status>>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(pieces) = &mut self.0 else { return Poll::Ready(None) };
        let end = match pieces.poll_recv(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(piece))) => return Poll::Ready(Some(Ok(Frame::data(piece.into())))),
            Poll::Ready(Some(Err(status))) => status,
            Poll::Ready(None) => Status::ok(""),
        };
        self.0 = None;
        let mut trailers = http::HeaderMap::new();
        Poll::Ready(Some(end.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(kind: Kind, at: usize, data: &[u8], length: usize) -> Met {
        Met::Slice(Slice { kind, digest: [0; 32], length, at, data: data.to_vec() })
    }

    #[test]
    fn contents_in_slices_are_the_message_that_present_clients_read() {
        let rest = GetManifestsResponse { root_ca: b"root".to_vec(), ..Default::default() };
        let long = vec![7; 300];
        let steps = [
            vec![slice(Kind::Manifest, 0, b"one", 3), slice(Kind::Policy, 0, &long[..200], 300)],
            vec![slice(Kind::Policy, 200, &long[200..], 300), slice(Kind::Policy, 0, b"", 0)],
            vec![slice(Kind::Manifest, 0, b"two", 3)],
        ];
        let mut bytes: Vec<u8> = steps.into_iter().flat_map(encode).collect();
        bytes.extend(rest.encode_to_vec());
        let expected = GetManifestsResponse {
            manifests: vec![b"one".to_vec(), b"two".to_vec()],
            policies: vec![long, Vec::new()],
            ..rest
        };
        assert_eq!(GetManifestsResponse::decode(&*bytes).unwrap(), expected);
        assert_eq!(expected.encoded_len(), bytes.len());
    }
}
