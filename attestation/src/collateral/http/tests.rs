//! A server behind TLS: known to an authority, or not.

use std::{fs, io, path::Path};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::collateral::authorities::client_config_of;

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
    let certificate =
        CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    World { authority_pem, server }
}

/// Asks a server of `world` under `host`, trusting the authorities in `file`.
async fn ask(world: &World, host: &str, file: &Path) -> Result<Answer, FetchError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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
    let client = Client { tls: OnceLock::from(client_config_of(vec![file.to_owned()])?) };
    let answer = client.get(&url, 100, PATIENCE, SystemTime::now()).await;
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
    assert_eq!(ask(&world, "127.0.0.1", &file).await.unwrap().body, b"list");
    let error = ask(&world, "localhost", &file).await.err().unwrap();
    assert!(matches!(error, FetchError::Connection { .. }), "{error}");
    fs::write(&file, self::world().authority_pem).unwrap();
    let error = ask(&world, "127.0.0.1", &file).await.err().unwrap();
    assert!(matches!(error, FetchError::Connection { .. }), "{error}");
}

#[test]
fn a_machine_without_authorities_is_told_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = dir.path().join("none.crt");
    fs::write(dir.path().join("empty.crt"), []).unwrap();
    for files in [vec![], vec![nothing, dir.path().join("empty.crt")]] {
        let error = client_config_of(files.clone()).err().unwrap();
        assert!(matches!(&error, FetchError::NoAuthorities { looked_at } if *looked_at == files));
        assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
    }
}

#[test]
fn what_is_no_address_of_a_web_server_is_not_asked() {
    for url in ["", "list", "ftp://host/list", "https:///list"] {
        assert!(matches!(Target::of(url), Err(FetchError::Url { .. })), "{url}");
    }
    let target = Target::of("http://[::1]:8081/list").unwrap();
    assert_eq!((target.host.as_str(), target.port, target.tls), ("::1", 8081, false));
}
