//! Requests that take a place and do not let go of it.

use std::time::Duration;

use contrast_coordinator::limits::CONNECTIONS;
use tokio::time::sleep;

use super::super::{
    field::Field,
    http2::{Appetite, Http2},
    stranger::Stranger,
};

/// Connections with requests that never end, half of them on each API.
const UNFINISHED: usize = 500;
/// Between two bytes of a body.
const BETWEEN: Duration = Duration::from_secs(1);
/// Connections of slow readers: as many as a Coordinator admits.
const READERS: usize = CONNECTIONS;
/// Requests on each connection.
const STREAMS: u32 = 8;
/// Bytes a second that a slow reader reads.
const SLOWLY: u32 = 4096;

/// Everything that the user API can be asked for.
pub(super) const USER_METHODS: [&str; 6] = [
    "/edgelesssys.contrast.userapi.UserAPI/SetManifest",
    "/edgelesssys.contrast.userapi.UserAPI/GetManifests",
    "/edgelesssys.contrast.userapi.UserAPI/Recover",
    "/edgelesssys.contrast.userapi.UserAPI/GetHistory",
    "/edgelesssys.contrast.userapi.UserAPI/GetSeedShares",
    "/edgelesssys.contrast.userapi.UserAPI/GiveSeedConsent",
];
/// Everything that the mesh API can be asked for.
pub(super) const MESH_METHODS: [&str; 2] = ["/meshapi.MeshAPI/NewMeshCert", "/meshapi.MeshAPI/Recover"];

/// Requests whose bodies never come, or come byte by byte. On the mesh API, any self-signed certificate is enough to
/// make some.
pub(super) async fn unfinished(field: Field) {
    let stranger = Stranger::self_signed();
    field
        .run(UNFINISHED, move |field, attacker| {
            let stranger = stranger.clone();
            async move {
                let api = field.either_api(attacker);
                let connection = Http2::open(&field, &stranger, api, Appetite::Hungry).await?;
                let methods: &[_] = if api == field.user_api() { &USER_METHODS } else { &MESH_METHODS };
                for (number, method) in (0..STREAMS).zip(methods.iter().cycle().skip(attacker / 2)) {
                    connection.request(number * 2 + 1, method, false).await?;
                }
                // The first bytes of a message of 64 KiB.
                connection.send(1, &[0, 0, 1, 0, 0], false).await?;
                if attacker % 4 < 2 {
                    connection.closed().await;
                    return Ok(());
                }
                loop {
                    sleep(BETWEEN).await;
                    connection.send(1, &[0], false).await?;
                }
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
                let [_, manifests, _, history, ..] = USER_METHODS;
                for (stream, method) in streams.clone().zip([history, manifests].iter().cycle()) {
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
