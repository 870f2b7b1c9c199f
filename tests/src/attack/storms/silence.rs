//! Connections that cost a place and bring nothing.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use super::super::{field::Field, stranger::Stranger};

/// Connections without a byte.
const SILENT: usize = 4800;
/// Connections whose first message comes byte by byte.
const SLOW: usize = 500;
/// Between two bytes.
const BETWEEN: Duration = Duration::from_millis(200);
/// Connections that have nothing to say inside of TLS.
const ESTABLISHED: usize = 1000;

/// Nothing at all.
pub(super) async fn after_tcp(field: Field) {
    field
        .run(SILENT, move |field, attacker| async move {
            let mut tcp = field.dial(field.either_api(attacker)).await?;
            hung_up(&mut tcp).await
        })
        .await;
}

/// A ClientHello that takes minutes.
pub(super) async fn byte_by_byte(field: Field) {
    let hello = Stranger::anonymous().client_hello();
    field
        .run(SLOW, move |field, attacker| {
            let hello = hello.clone();
            async move {
                let mut tcp = field.dial(field.either_api(attacker)).await?;
                for byte in hello {
                    tcp.write_all(&[byte]).await?;
                    sleep(BETWEEN).await;
                }
                hung_up(&mut tcp).await
            }
        })
        .await;
}

/// A handshake, and then nothing.
pub(super) async fn after_tls(field: Field) {
    let stranger = Stranger::self_signed();
    field
        .run(ESTABLISHED, move |field, attacker| {
            let stranger = stranger.clone();
            async move {
                let mut tls = stranger.connect(&field, field.either_api(attacker)).await?;
                hung_up(&mut tls).await
            }
        })
        .await;
}

/// Waits until the other side has had enough.
async fn hung_up(connection: &mut (impl AsyncReadExt + Unpin)) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while connection.read(&mut buffer).await? > 0 {}
    Ok(())
}
