//! Calls that are complete, and of no use.

use super::{
    super::{
        field::Field,
        http2::{Appetite, Http2},
        stranger::Stranger,
    },
    places::{MESH_METHODS, USER_METHODS},
};

/// Connections, half of them on each API.
const CONNECTIONS: usize = 1000;
/// Largest nonsense in a call.
const MOST_NONSENSE: usize = 60_000;

/// What nobody can be asked for.
const NO_METHODS: [&str; 2] = ["/edgelesssys.contrast.userapi.UserAPI/Nothing", "/"];

/// Everything that there is to call, on both APIs, by somebody with some self-signed certificate: without a body, with a
/// message without a byte, and with more and more nonsense.
pub(super) async fn of_everything(field: Field) {
    let stranger = Stranger::self_signed();
    field
        .run(CONNECTIONS, move |field, attacker| {
            let stranger = stranger.clone();
            async move {
                let api = field.either_api(attacker);
                let connection = Http2::open(&field, &stranger, api, Appetite::Hungry).await?;
                let mut stream = 1;
                for length in [None, Some(0), Some(7), Some(4000), Some(MOST_NONSENSE)] {
                    for method in USER_METHODS.iter().chain(&MESH_METHODS).chain(&NO_METHODS) {
                        connection.request(stream, method, length.is_none()).await?;
                        if let Some(length) = length {
                            let prefix = u32::try_from(length).unwrap_or_default().to_be_bytes();
                            // Field 1 with length 0, again and again.
                            let nonsense = [0x0a, 0].repeat(length / 2);
                            let message = [&[0], &prefix[..], &nonsense].concat();
                            // Whoever is refused early is answered before the end.
                            let _ = connection.send(stream, &message, true).await;
                        }
                        connection.answered(stream).await;
                        stream += 2;
                    }
                }
                Ok(())
            }
        })
        .await;
}
