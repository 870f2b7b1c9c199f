//! What a server may answer, well or ill disposed.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};

use super::server::{Authority, Server, access, answer, ask, kubeconfig, version};
use crate::{Access, AccessError};

async fn answering(answers: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Server, Access) {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost", answers).await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = format!(
        r#""server":"https://localhost:{}/below","certificate-authority-data":"{}""#,
        server.port,
        authority.data()
    );
    let access = access(folder.path(), &kubeconfig(&cluster, r#""token":"t""#)).unwrap();
    (server, access)
}

async fn pods(access: &Access) -> Result<usize, AccessError> {
    let pods: Api<Pod> = Api::namespaced(access.client.clone(), "shop");
    Ok(pods.list(&ListParams::default()).await?.items.len())
}

#[tokio::test]
async fn calls_come_below_the_path_of_the_server() {
    let (server, access) = answering(|_| version()).await;
    ask(&access).await.unwrap();
    assert!(server.last_head().contains("get /below/version http/1.1"));
}

#[tokio::test]
async fn a_missing_right_is_told_in_the_words_of_the_server() {
    let status = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"pods is forbidden: User \"u\" cannot list"}"#;
    let (_server, access) = answering(move |_| answer("403 Forbidden", status)).await;
    let error = pods(&access).await.unwrap_err();
    assert!(
        matches!(&error, AccessError::Forbidden { message } if message.contains("cannot list")),
        "{error:?}"
    );
    assert!(!error.concerns_the_server());
    assert!(error.advice().contains("can-i"));
}

#[tokio::test]
async fn an_expired_token_is_told_as_that() {
    let token = format!(
        "e30.{}.x",
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, r#"{"exp":5}"#)
    );
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost", |_| answer("401 Unauthorized", "{}")).await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = format!(
        r#""server":"https://localhost:{}","certificate-authority-data":"{}""#,
        server.port,
        authority.data()
    );
    let access = access(folder.path(), &kubeconfig(&cluster, &format!(r#""token":"{token}""#))).unwrap();
    let error = ask(&access).await.unwrap_err();
    assert!(error.to_string().contains("expired at 1970-01-01T00:00:05Z"), "{error}");
    assert!(!error.to_string().contains(&token) && error.advice().contains("log in again"));
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let (_server, access) = answering(|_| {
        b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\x1b\r\nContent-Length: 0\r\n\r\n".to_vec()
    })
    .await;
    let error = ask(&access).await.unwrap_err();
    assert!(
        matches!(error, AccessError::Redirected { status: 302, .. } | AccessError::Broken { .. }),
        "{error:?}"
    );
    let (_server, access) = answering(|_| {
        b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n".to_vec()
    })
    .await;
    let error = ask(&access).await.unwrap_err();
    assert!(error.to_string().contains("https://login.example/"), "{error}");
}

#[tokio::test]
async fn garbage_is_told_without_repeating_it() {
    for body in ["<html>secret</html>", r#"{"items":"secret"}"#, "", "\u{1b}[31m"] {
        let (_server, access) = answering(move |_| answer("200 OK", body)).await;
        let error = pods(&access).await.unwrap_err();
        assert!(matches!(error, AccessError::Garbage { .. }), "{body}: {error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let (_server, access) = answering(|_| b"SSH-2.0-server\r\n\r\n".to_vec()).await;
    assert!(matches!(ask(&access).await, Err(AccessError::Broken { .. })));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let (_server, access) = answering(|_| {
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n".to_vec();
        answer.resize(70 << 20, b' ');
        answer
    })
    .await;
    let error = ask(&access).await.unwrap_err();
    assert!(matches!(error, AccessError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_watch_is_bounded_by_line_and_not_as_a_whole() {
    let event = |filler: usize| {
        let pod = format!(
            r#"{{"type":"MODIFIED","object":{{"metadata":{{"name":"p","annotations":{{"a":"{}"}}}}}}}}"#,
            "x".repeat(filler)
        );
        pod + "\n"
    };
    let body = event(1 << 20).repeat(12) + &"x".repeat(9 << 20);
    let (_server, access) =
        answering(move |_| [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), body.as_bytes()].concat()).await;
    let request =
        kube::core::Request::new("/api/v1/pods").watch(&kube::api::WatchParams::default(), "0").unwrap();
    let events = access.client.request_events::<Pod>(request).await.unwrap();
    let (mut seen, mut failure) = (0, None);
    let mut events = std::pin::pin!(events);
    while let Some(event) = next(&mut events).await {
        match event {
            Ok(_) => seen += 1,
            Err(error) => {
                failure = Some(error.to_string());
                break;
            }
        }
    }
    assert_eq!(seen, 12);
    assert!(failure.unwrap().contains("more than"), "the line without end");
}

async fn next<S: tokio_stream::Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    tokio_stream::StreamExt::next(stream).await
}

#[tokio::test]
async fn a_server_that_is_away_or_no_server_is_told_with_a_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new().data();
    let ask_at = async |port: u16| {
        let server =
            format!(r#""server":"https://localhost:{port}","certificate-authority-data":"{authority}""#);
        ask(&access(folder.path(), &kubeconfig(&server, "")).unwrap()).await.unwrap_err()
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = ask_at(port).await;
    assert!(matches!(error, AccessError::Away { .. }) && error.is_transient(), "{error:?}");
    assert!(error.advice().contains("readyz"));

    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        std::future::pending::<()>().await;
    });
    let error = ask_at(port).await;
    assert!(matches!(error, AccessError::NoTls { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let (_server, access) = answering(|_| Vec::new()).await;
    let begun = Instant::now();
    let error = ask(&access).await.unwrap_err();
    assert!(matches!(error, AccessError::Slow { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "time is paused");
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_is_not_waited_for_without_end() {
    let (_server, access) = answering(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec()).await;
    let error = ask(&access).await.unwrap_err();
    assert!(matches!(error, AccessError::Slow { .. }), "{error:?}");
}
