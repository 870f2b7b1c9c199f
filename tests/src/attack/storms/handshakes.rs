//! Handshakes that are expensive for the other side, and handshakes for nothing.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::{
    field::Field,
    offers::{self, Offer},
    stranger::Stranger,
};

/// Handshakes at a time, with a large certificate.
const LARGE: usize = 32;
/// Handshakes at a time, for nothing.
const CHURNING: usize = 64;

/// Each certificate proves its key, and is large.
pub(super) async fn with_large_certificates(field: Field) {
    let apis = [field.user_api(), field.mesh_api()];
    present(field, offers::large_certificates(), &apis).await;
}

/// Each piece of evidence is what the server itself sent, with something huge in it.
pub(super) async fn with_large_evidence(field: Field) {
    let mesh_api = field.mesh_api();
    if let Ok(offers) = offers::large_evidence(&field).await {
        present(field, offers, &[mesh_api]).await;
    }
}

/// Presents each offer to each API, in turn.
async fn present(field: Field, offers: Vec<Offer>, apis: &[SocketAddr]) {
    let pairs = offers.iter().flat_map(|offer| apis.iter().map(|api| (offer.clone(), *api)));
    let pairs: Arc<[(Offer, SocketAddr)]> = pairs.collect();
    let turn = Arc::new(AtomicUsize::new(0));
    field
        .run(LARGE, move |field, _| {
            let pair = pairs.get(turn.fetch_add(1, Ordering::Relaxed) % pairs.len()).cloned();
            async move {
                let Some((offer, api)) = pair else { return Ok(()) };
                offer.make(&field, api).await
            }
        })
        .await;
}

/// TCP connections and handshakes that are closed at once, in good order or not.
pub(super) async fn and_nothing_else(field: Field) {
    let stranger = Stranger::self_signed();
    field
        .run(CHURNING, move |field, attacker| {
            let stranger = stranger.clone();
            async move {
                let tcp = field.dial(field.either_api(attacker)).await?;
                if attacker % 4 < 2 {
                    // No port is held back after a reset, so that this can go on.
                    tcp.set_zero_linger()?;
                    return Ok(());
                }
                let mut tls = stranger.shake_hands(tcp).await?;
                if attacker % 4 == 2 {
                    tls.get_ref().0.set_zero_linger()?;
                    return Ok(());
                }
                tls.shutdown().await?;
                let mut rest = Vec::new();
                tls.read_to_end(&mut rest).await.map(|_| ()).or_else(ends_anyhow)
            }
        })
        .await;
}

/// That the server is in a hurry, too, is no failure.
fn ends_anyhow(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Ok(()),
        _ => Err(error),
    }
}
