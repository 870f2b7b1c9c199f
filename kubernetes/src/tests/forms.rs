//! Forms of kubeconfigs.

use std::{fs, net::IpAddr, path::PathBuf};

use rcgen::{CertificateParams, DnType, SanType, date_time_ymd};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::server::{Authority, Server, access, ask, kubeconfig, version};
use crate::{AccessError, context, kubeconfig::read_files};

fn cluster(server: &Server, authority: &Authority) -> String {
    format!(
        r#""server":"https://localhost:{}","certificate-authority-data":"{}""#,
        server.port,
        authority.data()
    )
}

async fn setting() -> (tempfile::TempDir, Authority, Server) {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost", |_| version()).await;
    (tempfile::tempdir().unwrap(), authority, server)
}

#[tokio::test]
async fn a_token_in_the_kubeconfig_is_shown() {
    let (folder, authority, server) = setting().await;
    let access =
        access(folder.path(), &kubeconfig(&cluster(&server, &authority), r#""token":"t0k""#)).unwrap();
    assert_eq!(ask(&access).await.unwrap(), "1");
    assert!(server.last_head().contains("authorization: bearer t0k\r\n"));
    assert_eq!((access.namespace.as_str(), access.context.as_deref()), ("shop", Some("c")));
}

#[tokio::test]
async fn certificates_come_from_files_beside_the_kubeconfig_and_from_inside_it() {
    let (folder, authority, server) = setting().await;
    let (certificate, key) = authority.issue(CertificateParams::new(vec![]).unwrap());
    for (name, content) in [("ca.pem", &authority.pem()), ("me.pem", &certificate), ("me.key", &key)] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let named = format!(r#""server":"https://localhost:{}","certificate-authority":"ca.pem""#, server.port);
    let files = r#""client-certificate":"me.pem","client-key":"me.key""#;
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let inside = format!(
        r#""client-certificate-data":"{}","client-key-data":"{}""#,
        encode(&certificate),
        encode(&key)
    );
    for (cluster, user) in [(&named, files), (&cluster(&server, &authority), inside.as_str())] {
        ask(&access(folder.path(), &kubeconfig(cluster, user)).unwrap()).await.unwrap();
        assert!(server.last_head().contains("certified: true"));
    }
    // Another key, and a key alone, are told before anything is sent.
    let (_, other) = authority.issue(CertificateParams::new(vec![]).unwrap());
    fs::write(folder.path().join("me.key"), other).unwrap();
    let error = access(folder.path(), &kubeconfig(&named, files)).err().unwrap();
    assert!(error.to_string().contains("key of the client certificate"), "{error}");
    let error = access(folder.path(), &kubeconfig(&named, r#""client-key":"me.key""#)).err().unwrap();
    assert!(matches!(error, AccessError::HalfIdentity { .. }), "{error}");
}

#[tokio::test]
async fn a_token_file_and_a_password_are_shown_and_so_is_whom_to_act_as() {
    let (folder, authority, server) = setting().await;
    fs::write(folder.path().join("token"), "from-file\n").unwrap();
    let cluster = cluster(&server, &authority);
    let by_file = kubeconfig(&cluster, r#""tokenFile":"token","as":"jane","as-groups":["a","b"]"#);
    ask(&access(folder.path(), &by_file).unwrap()).await.unwrap();
    let head = server.last_head();
    for line in ["authorization: bearer from-file", "impersonate-user: jane", "impersonate-group: b"] {
        assert!(head.contains(&format!("{line}\r\n")), "{head}");
    }
    let by_name = kubeconfig(&cluster, r#""username":"u","password":"p""#);
    ask(&access(folder.path(), &by_name).unwrap()).await.unwrap();
    assert!(server.last_head().contains("authorization: basic dtpw\r\n"));
}

#[tokio::test]
async fn a_plugin_is_asked_once_and_again_after_the_server_refused_it() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost", |head| {
        if head.contains("Bearer n1") { super::server::answer("401 Unauthorized", "{}") } else { version() }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("plugin.sh");
    fs::write(
        &script,
        "echo x >> \"$COUNT\"\nprintf '{\"status\":{\"token\":\"n%d\"}}' $(wc -l < \"$COUNT\")\n",
    )
    .unwrap();
    let count = folder.path().join("count");
    let user = format!(
        r#""exec":{{"apiVersion":"client.authentication.k8s.io/v1","command":"sh","args":["{}"],"interactiveMode":"Never","env":[{{"name":"COUNT","value":"{}"}}]}}"#,
        script.display(),
        count.display()
    );
    let access = access(folder.path(), &kubeconfig(&cluster(&server, &authority), &user)).unwrap();
    let error = ask(&access).await.unwrap_err();
    assert!(error.to_string().contains("what the credential plugin gives"), "{error}");
    ask(&access).await.unwrap();
    ask(&access).await.unwrap();
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 2);
    assert!(server.last_head().contains("authorization: bearer n2"));
}

#[tokio::test]
async fn a_server_of_another_authority_or_name_is_told_nothing() {
    let (folder, authority, server) = setting().await;
    let token = r#""token":"secret""#;
    let other = kubeconfig(&cluster(&server, &Authority::new()), token);
    let error = ask(&access(folder.path(), &other).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("not of the authority"), "{error}");
    let address = cluster(&server, &authority).replace("localhost", "127.0.0.1");
    let error = ask(&access(folder.path(), &kubeconfig(&address, token)).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("other names"), "{error}");
    assert!(server.heads.lock().unwrap().is_empty());
    let named = format!(r#"{address},"tls-server-name":"localhost""#);
    ask(&access(folder.path(), &kubeconfig(&named, token)).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_server_whose_certificate_is_expired_is_told_as_that() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    let server = Server::with(&authority, params, std::sync::Arc::new(|_: &str| version())).await;
    let folder = tempfile::tempdir().unwrap();
    let access = access(folder.path(), &kubeconfig(&cluster(&server, &authority), "")).unwrap();
    let error = ask(&access).await.unwrap_err();
    assert!(error.to_string().contains("its certificate is expired"), "{error}");
}

#[tokio::test]
async fn an_address_is_a_name_as_well() {
    let authority = Authority::new();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse::<IpAddr>().unwrap())];
    let server = Server::with(&authority, params, std::sync::Arc::new(|_: &str| version())).await;
    let folder = tempfile::tempdir().unwrap();
    let text = cluster(&server, &authority).replace("localhost", "127.0.0.1");
    ask(&access(folder.path(), &kubeconfig(&text, "")).unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_expired_client_certificate_is_told_before_anybody_is_asked() {
    let (folder, authority, server) = setting().await;
    let mut params = CertificateParams::new(vec![]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 2, 3));
    let (certificate, key) = authority.issue(params);
    fs::write(folder.path().join("me.pem"), certificate).unwrap();
    fs::write(folder.path().join("me.key"), key).unwrap();
    let text =
        kubeconfig(&cluster(&server, &authority), r#""client-certificate":"me.pem","client-key":"me.key""#);
    let error = access(folder.path(), &text).err().unwrap();
    assert!(error.to_string().contains("expired at 2001-02-03"), "{error}");
}

#[tokio::test]
async fn a_proxy_of_the_kubeconfig_is_used_for_this_machine_too() {
    let (folder, authority, server) = setting().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = proxy.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut client, _) = proxy.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
        let mut server = TcpStream::connect(&target).await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut server).await;
        head
    });
    let through =
        |url: &str| kubeconfig(&format!(r#"{},"proxy-url":"{url}""#, cluster(&server, &authority)), "");
    {
        let access = access(folder.path(), &through(&format!("http://u:p@127.0.0.1:{port}"))).unwrap();
        ask(&access).await.unwrap();
    }
    let head = task.await.unwrap();
    assert!(head.starts_with("CONNECT localhost:") && head.contains("Proxy-Authorization: Basic"), "{head}");
    let error = access(folder.path(), &through("socks5://u:secret@h:1")).err().unwrap();
    assert!(error.to_string().contains("proxy-url") && !error.to_string().contains("secret"), "{error}");
}

#[test]
fn what_a_kubeconfig_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Named, since the machine may have no authorities of its own.
    let authority = format!(r#""certificate-authority-data":"{}""#, Authority::new().data());
    let whole = kubeconfig(&format!(r#""server":"https://h",{authority}"#), "");
    let error = |text: &str| access(folder.path(), text).err().map(|error| error.to_string()).unwrap();
    assert!(error("").contains("has no contexts"));
    assert!(
        error(&whole.replace(r#""current-context":"c""#, r#""current-context":"""#))
            .contains("no current context; it has `c`")
    );
    assert!(
        error(&whole.replace(r#""current-context":"c""#, r#""current-context":"d""#))
            .contains("no context `d`; it has `c`")
    );
    assert!(error(&whole.replace(r#""name":"k""#, r#""name":"x""#)).contains("names the cluster `k`"));
    assert!(error(&whole.replace(r#""name":"u""#, r#""name":"x""#)).contains("names the user `u`"));
    assert!(error(&whole.replace("https://h", "https://")).contains("no address of a server"));
    assert!(error(&whole.replace("https://h", "http://h")).contains("without TLS"));
    assert!(
        error(&whole.replace(r#""https://h""#, r#""https://h","insecure-skip-tls-verify":true"#))
            .contains("insecure-skip-tls-verify")
    );
    let user = |user: &str| kubeconfig(&format!(r#""server":"https://h",{authority}"#), user);
    assert!(error(&user(r#""auth-provider":{"name":"gcp"}"#)).contains("`gcp`"));
    assert!(error(&user(r#""client-certificate":"gone.pem","client-key":"x""#)).contains("gone.pem"));
    let ca = kubeconfig(r#""server":"https://h","certificate-authority-data":"AAAA""#, "");
    assert!(error(&ca).contains("certificate-authority-data holds no certificate authority"));
}

#[test]
fn what_is_no_yaml_is_told_by_its_line_and_without_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let error = access(folder.path(), "users:\n- name: u\n  user: [secret\n").err().unwrap();
    assert!(matches!(error, AccessError::Malformed { line: Some(2..), .. }), "{error:?}");
    let other = access(folder.path(), "users: secret").err().unwrap();
    for error in [error, other] {
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.advice().contains("kubectl config view"));
    }
}

#[test]
fn of_several_files_the_first_one_has_the_word_and_missing_ones_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let first = r#"{"current-context":"two","users":[{"name":"u","user":{"token":"first"}}]}"#;
    let second = kubeconfig(r#""server":"https://h""#, r#""token":"second""#)
        .replace(r#""name":"c""#, r#""name":"two""#);
    fs::write(path("a"), first).unwrap();
    fs::write(path("b"), second).unwrap();
    let loaded = read_files(&[path("gone"), path("a"), path("b")]).unwrap();
    assert_eq!(loaded.files, [path("a"), path("b")]);
    let settings = context::settings(&loaded, None);
    // The machine may have no authorities, of which the kubeconfig names none.
    if let Ok(settings) = settings {
        assert_eq!(settings.context.as_deref(), Some("two"));
    }
    let none: Vec<PathBuf> = vec![path("gone"), path("gone-too")];
    let error = read_files(&none).err().unwrap();
    assert!(error.to_string().contains("gone-too") && error.advice().contains("KUBECONFIG"), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_text_ends_the_program(text in "[ -~\n]{0,200}") {
        let folder = tempfile::tempdir().unwrap();
        let _ = access(folder.path(), &text);
    }
}
