//! Bodies that a stranger has no right to send.

use std::{io, sync::Arc, time::Duration};

use contrast_coordinator::limits::{OWNERS_REQUEST, STRANGERS_REQUEST};
use tokio::{task::JoinSet, time::sleep};

use super::super::{
    field::Field,
    http2::{Appetite, Http2},
    stranger::Stranger,
};

/// Connections at a time.
const CONNECTIONS: usize = 8;
/// Requests on each.
const STREAMS: u32 = 8;
/// A little less than the largest message that present clients may send.
const LARGE: usize = 15_800_000;
/// As large as a message is by default at most.
const USUAL: usize = 4_000_000;
/// As large as is read of a stranger at all, and of whoever may be the first; with what frames it.
const BLOATED: [usize; 2] = [STRANGERS_REQUEST - FRAMING, OWNERS_REQUEST - FRAMING];
const FRAMING: usize = 100;
/// What is repeated is sent in pieces of about this length.
const PIECE: usize = 16_000;
/// How long bodies are left without their last byte.
const HELD: Duration = Duration::from_millis(500);

const SET_MANIFEST: &str = "/edgelesssys.contrast.userapi.UserAPI/SetManifest";
const NEW_MESH_CERT: &str = "/meshapi.MeshAPI/NewMeshCert";

/// Many large bodies at one time, all of which lack their last byte for a while. On the mesh API, any self-signed
/// certificate is enough to send some.
pub(super) async fn large(field: Field) {
    let stranger = Stranger::self_signed();
    field
        .run(CONNECTIONS, move |field, attacker| {
            let stranger = stranger.clone();
            async move {
                let api = field.either_api(attacker);
                let (method, length) =
                    if api == field.user_api() { (SET_MANIFEST, LARGE) } else { (NEW_MESH_CERT, USUAL) };
                let connection = Http2::open(&field, &stranger, api, Appetite::Hungry).await?;
                send_each(connection, method, |_| Body::manifest(b" ", length), HELD).await
            }
        })
        .await;
}

/// Bodies that are small on the wire and large in memory, one after the other.
pub(super) async fn bloated(field: Field) {
    let stranger = Stranger::self_signed();
    field
        .run(CONNECTIONS, move |field, attacker| {
            let stranger = stranger.clone();
            async move {
                let api = field.user_api();
                let connection = Http2::open(&field, &stranger, api, Appetite::Hungry).await?;
                let [smaller, larger] = BLOATED;
                let length = if attacker % 4 == 3 { larger } else { smaller };
                let bloated = |stream: u32| match stream / 2 % 5 {
                    0 => Body::manifest(b"[", length),
                    1 => Body::manifest(b"[[],[],[],[],", length),
                    2 => Body::manifest(b"{\"a\":{\"Policies\":", length),
                    3 => Body::manifest(b"[0,\"\",{},1e5,", length),
                    // Policies without a byte: two bytes on the wire, and a vector of its own each.
                    _ => Body { head: Vec::new(), pattern: &[0x12, 0], length },
                };
                send_each(connection, SET_MANIFEST, bloated, Duration::ZERO).await
            }
        })
        .await;
}

/// Sends a body on each stream at the same time, and waits for the answers.
async fn send_each(
    connection: Http2,
    method: &str,
    body: impl Fn(u32) -> Body,
    held: Duration,
) -> io::Result<()> {
    let connection = Arc::new(connection);
    let streams = (0..STREAMS).map(|number| number * 2 + 1);
    // Streams have to be opened in their order.
    for stream in streams.clone() {
        connection.request(stream, method, false).await?;
    }
    let mut sending = JoinSet::new();
    for stream in streams {
        let (connection, body) = (Arc::clone(&connection), body(stream));
        sending.spawn(async move { body.send(&connection, stream, held).await });
    }
    sending.join_all().await.into_iter().collect()
}

/// A request: the beginning of its message, and what that goes on with.
struct Body {
    head: Vec<u8>,
    pattern: &'static [u8],
    length: usize,
}

impl Body {
    /// SetManifest with a manifest of about `length` bytes.
    fn manifest(pattern: &'static [u8], length: usize) -> Self {
        // Field 1, length-delimited.
        let mut head = vec![0x0a];
        prost::encoding::encode_varint((length / pattern.len() * pattern.len()) as u64, &mut head);
        Self { head, pattern, length }
    }

    async fn send(self, connection: &Http2, stream: u32, held: Duration) -> io::Result<()> {
        let Self { head, pattern, length } = self;
        let mut patterns = length / pattern.len();
        let message = head.len() + patterns * pattern.len();
        let prefix = [&[0], &u32::try_from(message).unwrap_or_default().to_be_bytes()[..], &head].concat();
        connection.send(stream, &prefix, false).await?;
        let piece = pattern.repeat(PIECE / pattern.len());
        while patterns > PIECE / pattern.len() {
            connection.send(stream, &piece, false).await?;
            patterns -= PIECE / pattern.len();
        }
        let rest = pattern.repeat(patterns);
        let (rest, last) = rest.split_at(rest.len().saturating_sub(1));
        connection.send(stream, rest, false).await?;
        sleep(held).await;
        connection.send(stream, last, true).await?;
        connection.answered(stream).await;
        Ok(())
    }
}
