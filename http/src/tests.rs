//! A server behind TLS: known to an authority, or not.

use std::{fs, io, path::Path, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::authorities::client_config_of;

const PATIENCE: Duration = Duration::from_secs(10);

/// An authority, and a server for 127.0.0.1 that it certified.
struct World {
    authority_pem: String,
    server: ServerConfig,
}

fn world() -> World {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned(), "registry.example".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    World { authority_pem, server }
}

/// Asks a server of `world` at an address of this machine, trusting the authorities in `file`.
async fn ask(world: &World, host: &str, file: &Path) -> Result<Vec<u8>, HttpError> {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let url = format!("https://{host}:{}/list", listener.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(Arc::new(world.server.clone()));
    let serving = tokio::spawn(async move {
        let mut stream = acceptor.accept(listener.accept().await?.0).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist").await?;
        stream.shutdown().await
    });
    let client =
        Client { tls: OnceLock::from(client_config_of(vec![file.to_owned()])?), ..Client::default() };
    let target = url.parse()?;
    let asked = async {
        let sent = client.send(Method::GET, &target, HeaderMap::new(), Bytes::new(), Addresses::Any).await;
        sent?.read(100).await
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await.unwrap();
    let served: io::Result<()> = serving.await.unwrap();
    assert_eq!(served.is_ok(), answer.is_ok());
    answer
}

#[tokio::test]
async fn a_server_is_asked_only_if_an_authority_of_the_machine_knows_it_by_that_name() {
    let (world, dir) = (world(), tempfile::tempdir().unwrap());
    let file = dir.path().join("authorities.crt");
    // Some files have more in them than certificates.
    fs::write(&file, format!("# Our own\n{}", world.authority_pem)).unwrap();
    assert_eq!(ask(&world, "127.0.0.1", &file).await.unwrap(), b"list");
    let error = ask(&world, "127.0.0.2", &file).await.err().unwrap();
    assert!(matches!(error, HttpError::Connection { .. }), "{error}");
    fs::write(&file, self::world().authority_pem).unwrap();
    let error = ask(&world, "127.0.0.1", &file).await.err().unwrap();
    assert!(matches!(error, HttpError::Connection { .. }), "{error}");
}

#[test]
fn a_machine_without_authorities_is_told_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = dir.path().join("none.crt");
    fs::write(dir.path().join("empty.crt"), []).unwrap();
    for files in [vec![], vec![nothing, dir.path().join("empty.crt")]] {
        let error = client_config_of(files.clone()).err().unwrap();
        assert!(matches!(&error, NoAuthorities { looked_at } if *looked_at == files));
        assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
    }
}

#[test]
fn what_is_no_address_of_a_web_server_is_not_asked() {
    for url in ["", "list", "ftp://host/list", "https:///list", "https://user:word@host/"] {
        let error = url.parse::<Target>().unwrap_err();
        assert!(matches!(error, HttpError::Url { .. }), "{url}");
        assert!(!error.to_string().contains("word"), "{error}");
    }
    let target: Target = "http://[::1]:8081/list".parse().unwrap();
    assert_eq!((target.host(), target.port(), target.is_tls()), ("::1", 8081, false));
}

#[test]
fn an_address_is_public_only_if_the_internet_leads_there() {
    for public in
        ["8.8.8.8", "100.63.0.1", "172.32.0.1", "198.20.0.1", "2a00::1", "2606:4700::1", "::ffff:8.8.8.8"]
    {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
    for local in [
        "0.0.0.0",
        "10.1.2.3",
        "127.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:1::",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
    ] {
        assert!(!is_public(local.parse().unwrap()), "{local}");
    }
}

/// A server that sends these bytes and closes, and then nothing more.
async fn served(bytes: &'static [u8], addresses: Addresses) -> Result<Vec<u8>, HttpError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/x", listener.local_addr().unwrap()).parse().unwrap();
    let serving = tokio::spawn(async move {
        let mut stream = listener.accept().await?.0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        stream.write_all(bytes).await?;
        stream.shutdown().await
    });
    let client = Client::default();
    let sent = client.send(Method::GET, &target, HeaderMap::new(), Bytes::new(), addresses).await;
    let answer = match sent {
        Ok(mut answer) => answer.read(10).await,
        Err(error) => Err(error),
    };
    serving.abort();
    answer
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_and_believed_only_if_it_is_whole() {
    let any = Addresses::Any;
    let good = served(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", any).await;
    assert_eq!(good.unwrap(), b"0123456789");
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n";
    assert_eq!(served(chunked, any).await.unwrap(), b"abcde");
    let long = served(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a", any).await;
    assert!(matches!(long, Err(HttpError::TooLong { limit: 10, .. })));
    let short = served(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012", any).await;
    assert!(matches!(short, Err(HttpError::Http { .. })));
    let other = served(b"SSH-2.0-x\r\n", any).await;
    assert!(matches!(other, Err(HttpError::Http { .. })));
}

#[tokio::test]
async fn an_address_of_the_local_network_is_not_even_called_where_it_is_not_allowed() {
    let answer = served(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Addresses::Public).await;
    assert!(matches!(answer, Err(HttpError::LocalAddress { .. })));
}

/// A proxy that connects to `inner` whatever it is asked for, or answers with `refusal`; and the head that it got.
async fn proxy(
    inner: std::net::SocketAddr,
    refusal: Option<&'static [u8]>,
) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        match refusal {
            Some(answer) => stream.write_all(answer).await.unwrap(),
            None => {
                stream.write_all(b"HTTP/1.1 200 Connected\r\nX: y\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(inner).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
        }
        String::from_utf8(head).unwrap()
    });
    (address, task)
}

#[tokio::test]
async fn a_server_behind_a_proxy_is_known_by_its_own_certificate() {
    let (world, dir) = (world(), tempfile::tempdir().unwrap());
    let file = dir.path().join("authorities.crt");
    fs::write(&file, &world.authority_pem).unwrap();
    for (host, known) in [("registry.example", true), ("other.example", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, proxied) = proxy(listener.local_addr().unwrap(), None).await;
        let acceptor = TlsAcceptor::from(Arc::new(world.server.clone()));
        let serving = tokio::spawn(async move {
            let mut stream = acceptor.accept(listener.accept().await?.0).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist").await?;
            stream.shutdown().await?;
            io::Result::Ok(String::from_utf8(head).unwrap())
        });
        let proxies = Proxies::of(None, Some(&format!("http://u:secret@{address}")), None).unwrap();
        let tls = OnceLock::from(client_config_of(vec![file.clone()]).unwrap());
        let client = Client { tls, proxies };
        let target = format!("https://{host}/list").parse().unwrap();
        let sent = client.send(Method::GET, &target, HeaderMap::new(), Bytes::new(), Addresses::Public).await;
        assert_eq!(sent.is_ok(), known, "{host}");
        if let Ok(mut answer) = sent {
            assert_eq!((answer.read(10).await.unwrap(), answer.peer), (b"list".to_vec(), None));
            drop(answer);
            // What is for the proxy does not reach the server.
            assert!(!serving.await.unwrap().unwrap().contains("uthorization"));
            let head = proxied.await.unwrap();
            assert!(head.starts_with("CONNECT registry.example:443 HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("Proxy-Authorization: Basic dTpzZWNyZXQ="), "{head}");
        }
    }
}

#[tokio::test]
async fn a_plain_server_is_asked_through_a_proxy_by_its_whole_url() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let (address, proxied) = proxy(([127, 0, 0, 1], 1).into(), Some(answer)).await;
    let client = Client::through(Proxies::of(Some(&address), None, None).unwrap());
    let target = "http://registry.example:5000/v2/?a=b".parse().unwrap();
    let sent = client.send(Method::GET, &target, HeaderMap::new(), Bytes::new(), Addresses::Any).await;
    assert_eq!(sent.unwrap().read(10).await.unwrap(), b"hi");
    let head = proxied.await.unwrap();
    assert!(head.starts_with("GET http://registry.example:5000/v2/?a=b HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("host: registry.example:5000"), "{head}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_and_leads_to_no_local_address() {
    for (answer, expected) in
        [(&b"HTTP/1.1 407 Sign in\r\n\r\n"[..], Some(407)), (b"SSH-2.0-x\r\n\r\n", None)]
    {
        let (address, _proxied) = proxy(([127, 0, 0, 1], 1).into(), Some(answer)).await;
        let client = Client::through(Proxies::of(None, Some(&address), None).unwrap());
        let send = async |url: &str| {
            let target = url.parse().unwrap();
            client.send(Method::GET, &target, HeaderMap::new(), Bytes::new(), Addresses::Public).await.err()
        };
        let error = send("https://10.0.0.1/").await.unwrap();
        assert!(matches!(error, HttpError::LocalAddress { .. }), "{error}");
        let error = send("https://registry.example/").await.unwrap();
        assert!(matches!(error, HttpError::Proxy { status, .. } if status == expected), "{error}");
    }
}
