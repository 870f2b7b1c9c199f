//! Channels: what goes wrong before there is one is told apart.

use std::time::Duration;

use contrast_attestation::{
    Refusal,
    atls::{
        ClientPolicy, HandshakeError,
        grpc::{ConnectError, channel, link},
    },
};
use tokio::net::TcpListener;
use tonic::{
    body::Body,
    codegen::{Service as _, http::Request},
};

use crate::parts::*;

/// A listener on a free port, and its address.
async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn nobody_there_is_worth_another_attempt() {
    let (_, address) = listener().await;
    let error = channel(&address, &connector(None, verifiers())).await.unwrap_err();
    assert!(matches!(error, ConnectError::Dial { .. }) && error.is_transient(), "{error}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn silence_is_worth_another_attempt() {
    let (_listener, address) = listener().await;
    let connector = connector(None, verifiers()).with_timeout(Duration::from_millis(20));
    let error = channel(&address, &connector).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake { cause: HandshakeError::TimedOut(_), .. }), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_refused_server_is_not_worth_another_attempt() {
    let (listener, address) = listener().await;
    let connector = connector(None, verifiers_of_another_guest());
    let (server, client) = tokio::join!(
        async { acceptor().accept(listener.accept().await.unwrap().0, ClientPolicy::Optional).await },
        channel(&address, &connector)
    );
    assert!(matches!(server, Err(HandshakeError::RefusedByPeer(_))));
    let error = client.unwrap_err();
    let ConnectError::Handshake { cause: HandshakeError::Refused(Refusal::Rejected { .. }), .. } = &error
    else {
        panic!("{error}")
    };
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_link_tells_what_the_server_claims() {
    let (listener, address) = listener().await;
    let connector = connector(None, verifiers());
    let (_server, client) = tokio::join!(
        async { acceptor().accept(listener.accept().await.unwrap().0, ClientPolicy::Optional).await },
        link(&address, &connector)
    );
    assert_eq!(client.unwrap().claims.unwrap().host_data, HOST_DATA);
}

#[tokio::test]
async fn a_channel_does_not_connect_again_by_itself() {
    let (listener, address) = listener().await;
    let connector = connector(None, verifiers());
    let (server, client) = tokio::join!(
        async { acceptor().accept(listener.accept().await.unwrap().0, ClientPolicy::Optional).await },
        channel(&address, &connector)
    );
    let mut channel = client.unwrap();
    drop(server);
    for _ in 0..3 {
        let ready = std::future::poll_fn(|context| channel.poll_ready(context)).await;
        assert!(ready.is_err() || channel.call(Request::new(Body::empty())).await.is_err());
    }
    let pending = listener.into_std().unwrap().accept();
    assert_eq!(pending.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
