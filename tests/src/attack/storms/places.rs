//! Requests that take a place and do not let go of it.

use super::super::{
    field::Field,
    http2::{Appetite, Http2},
    stranger::Stranger,
};

/// Connections with requests that never end, half of them on each API.
const UNFINISHED: usize = 500;
/// Connections of slow readers.
const READERS: usize = 16;
/// Requests on each connection.
const STREAMS: u32 = 8;
/// Bytes a second that a slow reader reads.
const SLOWLY: u32 = 4096;

/// Everything that both APIs can be asked for, the one after the other.
pub(super) const METHODS: [&str; 9] = [
    "/edgelesssys.contrast.userapi.UserAPI/SetManifest",
    "/edgelesssys.contrast.userapi.UserAPI/GetManifests",
    "/edgelesssys.contrast.userapi.UserAPI/Recover",
    "/edgelesssys.contrast.userapi.UserAPI/GetHistory",
    "/edgelesssys.contrast.userapi.UserAPI/GetSeedShares",
    "/meshapi.MeshAPI/NewMeshCert",
    "/meshapi.MeshAPI/Recover",
    "/edgelesssys.contrast.userapi.UserAPI/Nothing",
    "/",
];

/// Requests whose bodies never come. On the mesh API, any self-signed certificate is enough to make some.
pub(super) async fn unfinished(field: Field) {
    let stranger = Stranger::self_signed();
    field
        .run(UNFINISHED, move |field, attacker| {
            let stranger = stranger.clone();
            async move {
                let api = field.either_api(attacker);
                let connection = Http2::open(&field, &stranger, api, Appetite::Hungry).await?;
                for (number, method) in (0..STREAMS).zip(METHODS.iter().cycle().skip(attacker / 2)) {
                    connection.request(number * 2 + 1, method, false).await?;
                }
                // The first bytes of a message of 64 KiB.
                connection.send(1, &[0, 0, 1, 0, 0], false).await?;
                connection.closed().await;
                Ok(())
            }
        })
        .await;
}

/// Readers that take what they asked for as slowly as they can.
pub(super) async fn slow_readers(field: Field) {
    let stranger = Stranger::anonymous();
    field
        .run(READERS, move |field, _| {
            let stranger = stranger.clone();
            async move {
                let api = field.user_api();
                let connection = Http2::open(&field, &stranger, api, Appetite::Slow(SLOWLY)).await?;
                let streams = (0..STREAMS).map(|number| number * 2 + 1);
                for (stream, method) in streams.clone().zip([3, 1].iter().cycle()) {
                    let method = METHODS.get(*method).copied().unwrap_or_default();
                    connection.request(stream, method, false).await?;
                    // A message without a byte.
                    connection.send(stream, &[0; 5], true).await?;
                }
                for stream in streams {
                    connection.answered(stream).await;
                }
                Ok(())
            }
        })
        .await;
}
