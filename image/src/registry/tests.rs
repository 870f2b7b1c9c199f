use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    layer::{LayerError, Wanted},
    testing::{Asked, RealRegistry, Reply, Server, TarBuilder, TestImage},
};

const BOTH: Wanted = Wanted { accounts: true, root_hash: true };

fn image() -> TestImage {
    let noise: Vec<u8> = (0..400_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    TestImage { process: r#""User":"a""#.to_owned(), ..TestImage::default() }
        .plain(TarBuilder::default().file("etc/passwd", b"a:x:1:2:::").file("noise", &noise).finish())
}

/// What a registry has of `image`: the answer to a path below `/v2/team/app/`, from a byte on.
fn content(image: &TestImage, asked: &Asked) -> Reply {
    let path = asked.path.strip_prefix("/v2/team/app/").unwrap_or_default();
    let manifest = image.manifest();
    if [format!("manifests/{}", image.digest()), "manifests/v1".to_owned()].contains(&path.to_owned()) {
        let kind = "application/vnd.oci.image.manifest.v1+json; charset=utf-8";
        return Reply::new(200, manifest.as_bytes()).header("Content-Type", kind);
    }
    let files = image.files();
    let name = path.replace("blobs/sha256:", "blobs/sha256/");
    match files.get(&name).filter(|_| name.starts_with("blobs/")) {
        None => Reply::new(404, b"{}"),
        Some(blob) => match asked.headers.get("range") {
            None => Reply::new(200, blob),
            Some(range) => {
                let from: usize =
                    range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
                let value = format!("bytes {from}-{}/{}", blob.len() - 1, blob.len());
                Reply::new(206, &blob[from..]).header("Content-Range", &value)
            }
        },
    }
}

fn is_layer(image: &TestImage, asked: &Asked) -> bool {
    asked.path.ends_with(&Digest::of(&image.layers[0].1).hex())
}

const QUICK: RegistryPatience = RegistryPatience {
    stall: Duration::from_secs(30),
    first_delay: Duration::from_millis(1),
    longest_delay: Duration::from_secs(2),
    attempts: 4,
};

/// For servers that stop sending.
fn impatient(server: &Server) -> RegistryOptions {
    let patience = RegistryPatience { stall: Duration::from_millis(500), ..QUICK };
    RegistryOptions { patience, ..options(server) }
}

fn options(server: &Server) -> RegistryOptions {
    RegistryOptions {
        insecure: [server.address.to_string()].into(),
        patience: QUICK,
        ..RegistryOptions::default()
    }
}

fn reference(server: &Server, rest: &str) -> Reference {
    format!("{}/team/app{rest}", server.address).parse().unwrap()
}

/// Finds the image and reads its layer.
fn pull(server: &Server, options: RegistryOptions) -> Result<Result<(), LayerError>, RegistryError> {
    let registries = Registries::new(options).unwrap();
    let (image, repository) = registries.image(&reference(server, ":v1"), None)?;
    Ok(image.layers[0].examine(&repository, BOTH).map(|facts| assert!(facts.root_hash.is_some())))
}

#[test]
fn an_image_is_found_by_tag_and_by_digest_and_only_what_is_needed_is_asked_for() {
    let image = image();
    let served = image.clone();
    let server = Server::start(move |asked| content(&served, asked));
    let registries = Registries::new(options(&server)).unwrap();
    for rest in [":v1".to_owned(), format!("@{}", image.digest()), format!(":other@{}", image.digest())] {
        let (found, _) = registries.image(&reference(&server, &rest), None).unwrap();
        assert_eq!((found.digest, found.manifest), (Some(image.digest()), Some(image.digest())));
        assert_eq!(found.config.user, "a");
    }
    assert!(!server.asked().iter().any(|asked| is_layer(&image, asked)));
    assert_eq!(server.asked().len(), 6);
    let (found, repository) = registries.image(&reference(&server, ":v1"), None).unwrap();
    assert_eq!(found.accounts(&repository).unwrap().primary_group(1), Some(2));
    assert_eq!(server.asked().iter().filter(|asked| is_layer(&image, asked)).count(), 1);
}

#[test]
fn what_a_registry_says_about_digests_is_not_believed() {
    let image = image();
    let served = image.clone();
    let server = Server::start(move |asked| {
        let reply = content(&served, asked);
        match asked.path.contains(&served.digest().hex()) {
            true => Reply::new(200, &[&reply.body[..], b" "].concat())
                .header("Docker-Content-Digest", &served.digest().to_string()),
            false if is_layer(&served, asked) => {
                Reply::new(200, &reply.body.iter().map(|byte| byte ^ 1).collect::<Vec<_>>())
            }
            false => reply,
        }
    });
    let registries = Registries::new(options(&server)).unwrap();
    let error = registries.image(&reference(&server, &format!("@{}", image.digest())), None).err().unwrap();
    assert!(matches!(error, RegistryError::OtherDigest { .. }), "{error}");
    let layer = pull(&server, options(&server)).unwrap().unwrap_err();
    assert!(matches!(layer, LayerError::Damaged { .. }), "{layer}");
}

/// Starts a registry whose layer has a fault in each of the first `times` answers.
fn faulty(times: usize, fault: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Server {
    let (image, seen) = (image(), AtomicUsize::new(0));
    Server::start(move |asked| {
        let reply = content(&image, asked);
        match is_layer(&image, asked) && seen.fetch_add(1, Ordering::SeqCst) < times {
            true => fault(reply),
            false => reply,
        }
    })
}

fn ranges(server: &Server) -> Vec<Option<String>> {
    let layers = server.asked().into_iter().filter(|asked| is_layer(&image(), asked));
    layers.map(|asked| asked.headers.get("range").cloned()).collect()
}

#[test]
fn a_download_that_breaks_or_stalls_goes_on_where_it_stopped() {
    // More often than there are attempts: there is progress each time.
    let cut = faulty(6, |reply| Reply { cut: Some(50_000), ..reply });
    pull(&cut, options(&cut)).unwrap().unwrap();
    let asked = ranges(&cut);
    assert_eq!((asked.len(), asked[0].as_deref()), (7, None));
    assert!(asked[1..].iter().all(Option::is_some), "{asked:?}");
    let stall = faulty(1, |reply| Reply { stall: Some(50_000), ..reply });
    pull(&stall, impatient(&stall)).unwrap().unwrap();
    assert!(ranges(&stall).len() >= 2);
}

#[test]
fn a_server_that_always_sends_everything_is_understood() {
    let (image, seen) = (image(), AtomicUsize::new(0));
    let server = Server::start(move |asked| {
        let mut asked = asked.clone();
        asked.headers.remove("range");
        let reply = content(&image, &asked);
        let first = is_layer(&image, &asked) && seen.fetch_add(1, Ordering::SeqCst) == 0;
        Reply { cut: first.then_some(70_000), ..reply }
    });
    pull(&server, options(&server)).unwrap().unwrap();
    assert_eq!(ranges(&server).len(), 2);
}

#[test]
fn a_continuation_at_the_wrong_byte_is_refused() {
    let (image, seen) = (image(), AtomicUsize::new(0));
    let server = Server::start(move |asked| {
        let reply = content(&image, asked);
        match is_layer(&image, asked) {
            true if seen.fetch_add(1, Ordering::SeqCst) == 0 => Reply { cut: Some(70_000), ..reply },
            true => Reply::new(206, &reply.body).header("Content-Range", "bytes 1-2/3"),
            false => reply,
        }
    });
    let error = pull(&server, options(&server)).unwrap().unwrap_err().to_string();
    assert!(error.contains("wrong byte"), "{error}");
}

#[test]
fn a_registry_that_sends_nothing_any_more_is_given_up_and_not_called_a_liar() {
    for fault in
        [Reply { stall: Some(0), ..Reply::new(200, b"x") }, Reply { cut: Some(0), ..Reply::new(200, b"x") }]
    {
        let server = faulty(usize::MAX, move |_| fault.clone());
        let error = pull(&server, impatient(&server)).unwrap().unwrap_err();
        assert!(matches!(error, LayerError::Content { .. }), "{error}");
        assert!(error.to_string().contains(&server.address.to_string()), "{error}");
        assert_eq!(ranges(&server).len(), 4);
    }
}

#[test]
fn a_busy_registry_is_asked_again_when_it_wants_to_be() {
    let once = |reply: Reply| {
        let (image, seen) = (image(), AtomicUsize::new(0));
        Server::start(move |asked| match seen.fetch_add(1, Ordering::SeqCst) {
            0 => reply.clone(),
            _ => content(&image, asked),
        })
    };
    for reply in [Reply::new(429, b"").header("Retry-After", "1"), Reply::new(503, b""), Reply::new(500, b"")]
    {
        let server = once(reply);
        pull(&server, options(&server)).unwrap().unwrap();
        assert_eq!(server.asked().len(), 4);
    }
    // Longer than anybody waits.
    let server = once(Reply::new(429, b"").header("Retry-After", "3600"));
    let error = pull(&server, options(&server)).unwrap_err();
    assert!(matches!(error, RegistryError::Status { status: 429, .. }), "{error}");
    assert_eq!(server.asked().len(), 1);
    let server = Server::start(|_| Reply::new(502, b""));
    let error = pull(&server, options(&server)).unwrap_err();
    assert!(matches!(error, RegistryError::Status { status: 502, .. }), "{error}");
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn refusals_are_told_apart_and_not_repeated() {
    type Expected = fn(&RegistryError) -> bool;
    let cases: [(Reply, Expected); 4] = [
        (Reply::new(404, b""), |error| matches!(error, RegistryError::NotFound { .. })),
        (Reply::new(403, b""), |error| matches!(error, RegistryError::Forbidden { .. })),
        (Reply::new(401, b"").header("WWW-Authenticate", "Basic"), |error| {
            matches!(error, RegistryError::Unauthorized { .. })
        }),
        (
            Reply::new(401, b"").header("WWW-Authenticate", "Negotiate x"),
            |error| matches!(error, RegistryError::Challenge { challenge, .. } if challenge == "Negotiate"),
        ),
    ];
    for (reply, expected) in cases {
        let server = Server::start(move |_| reply.clone());
        let error = pull(&server, options(&server)).unwrap_err();
        assert!(expected(&error), "{error}");
        assert_eq!(server.asked().len(), 1);
    }
}

/// Options with the user `user` and the password `secret`.
fn signed_in(server: &Server, dir: &std::path::Path) -> RegistryOptions {
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"dXNlcjpzZWNyZXQ="}}}}}}"#, server.address);
    fs::write(dir.join("config.json"), text).unwrap();
    let credentials = Credentials::of_file(&dir.join("config.json")).unwrap();
    RegistryOptions { credentials, ..options(server) }
}

/// A registry that wants a token, which `tokens` hands out, and whose layer is at another server.
fn guarded(tokens: &Server, elsewhere: Option<&Server>) -> Server {
    let (image, realm) = (image(), format!("http://{}/token", tokens.address));
    let elsewhere = elsewhere.map(|server| server.address);
    Server::start(move |asked| {
        if asked.headers.get("authorization").map(String::as_str) != Some("Bearer t0ken") {
            let challenge =
                format!("Bearer realm=\"{realm}\",service=\"us\",scope=\"repository:team/app:pull,push\"");
            return Reply::new(401, b"").header("WWW-Authenticate", &challenge);
        }
        match elsewhere {
            Some(address) if is_layer(&image, asked) => Reply::new(307, b"")
                .header("Location", &format!("http://{address}{}?signature=x", asked.path)),
            _ => content(&image, asked),
        }
    })
}

fn tokens(needs: Option<&'static str>) -> Server {
    Server::start(move |asked| match asked.headers.get("authorization").map(String::as_str) {
        given if given == needs => Reply::new(200, br#"{"access_token":"t0ken","expires_in":60}"#),
        _ => Reply::new(401, b""),
    })
}

#[test]
fn a_token_is_asked_for_with_the_credentials_of_the_registry_and_only_to_read() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = tokens(Some("Basic dXNlcjpzZWNyZXQ="));
    let server = guarded(&tokens, None);
    pull(&server, signed_in(&server, dir.path())).unwrap().unwrap();
    assert_eq!(tokens.asked().len(), 1);
    assert_eq!(tokens.asked()[0].path, "/token?scope=repository%3Ateam%2Fapp%3Apull&service=us");
    // The password goes to the server of tokens and to nobody else.
    assert!(!server.asked().iter().any(|asked| format!("{asked:?}").contains("dXNlcjpzZWNyZXQ")));
    // Nobody signed in.
    let error = pull(&server, options(&server)).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("docker login"), "{error}");
}

#[test]
fn a_token_for_everybody_needs_no_credentials() {
    let tokens = tokens(None);
    let server = guarded(&tokens, None);
    pull(&server, options(&server)).unwrap().unwrap();
}

#[test]
fn an_identity_token_is_exchanged_in_the_body_of_a_request() {
    let dir = tempfile::tempdir().unwrap();
    let tokens =
        Server::start(|asked| match (asked.method.as_str(), asked.body.contains("refresh_token=id%20t")) {
            ("POST", true) => Reply::new(200, br#"{"access_token":"t0ken"}"#),
            _ => Reply::new(401, b""),
        });
    let server = guarded(&tokens, None);
    let mut options = signed_in(&server, dir.path());
    let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"id t"}}}}}}"#, server.address);
    fs::write(dir.path().join("config.json"), text).unwrap();
    options.credentials = Credentials::of_file(&dir.path().join("config.json")).unwrap();
    pull(&server, options).unwrap().unwrap();
    assert!(!tokens.asked()[0].path.contains("id"));
}

#[test]
fn user_and_password_are_given_to_a_registry_that_asks_for_them() {
    let (image, dir) = (image(), tempfile::tempdir().unwrap());
    let server = Server::start(move |asked| match asked.headers.get("authorization").map(String::as_str) {
        Some("Basic dXNlcjpzZWNyZXQ=") => content(&image, asked),
        _ => Reply::new(401, b"").header("WWW-Authenticate", "Basic realm=\"us\""),
    });
    pull(&server, signed_in(&server, dir.path())).unwrap().unwrap();
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn a_layer_may_be_elsewhere_and_credentials_do_not_go_there() {
    let image = image();
    let elsewhere = Server::start(move |asked| {
        let path = asked.path.split('?').next().unwrap().to_owned();
        content(&image, &Asked { path, ..asked.clone() })
    });
    let tokens = tokens(None);
    let server = guarded(&tokens, Some(&elsewhere));
    pull(&server, options(&server)).unwrap().unwrap();
    assert_eq!(elsewhere.asked().len(), 1);
    assert!(!elsewhere.asked()[0].headers.contains_key("authorization"));
    assert!(elsewhere.asked()[0].path.ends_with("?signature=x"));
}

#[test]
fn redirects_are_not_followed_for_manifests_or_in_circles() {
    let manifest = Server::start(|asked| Reply::new(302, b"").header("Location", &asked.path));
    let error = pull(&manifest, options(&manifest)).unwrap_err();
    assert!(matches!(error, RegistryError::Redirect { .. }), "{error}");
    assert_eq!(manifest.asked().len(), 1);
    let nowhere = faulty(usize::MAX, |_| Reply::new(302, b""));
    let error = pull(&nowhere, options(&nowhere)).unwrap().unwrap_err().to_string();
    assert!(error.contains("no address"), "{error}");
    let image = image();
    let circle = Server::start(move |asked| match is_layer(&image, asked) {
        true => Reply::new(302, b"").header("Location", &asked.path),
        false => content(&image, asked),
    });
    let error = pull(&circle, options(&circle)).unwrap().unwrap_err().to_string();
    assert!(error.contains("too many"), "{error}");
    assert!(ranges(&circle).len() < 10);
}

fn place(reference: &str) -> Place {
    Place::of(&reference.parse().unwrap(), &RegistryOptions::default()).unwrap().remove(0)
}

#[test]
fn mirrors_are_asked_in_their_order_until_one_has_the_image() {
    let image = image();
    let empty = Server::start(|_| Reply::new(404, b""));
    // A mirror cannot put something else in the place of what is pinned.
    let liar = Server::start(|_| Reply::new(200, b"{}"));
    let served = image.clone();
    let full = Server::start(move |asked| {
        let path = asked.path.replace("/v2/hub/team/app/", "/v2/team/app/");
        content(&served, &Asked { path, ..asked.clone() })
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registries.conf");
    let mirror = |server: &Server| {
        format!("[[registry.mirror]]\nlocation=\"{}/hub\"\ninsecure=true\n", server.address)
    };
    let text = format!(
        "[[registry]]\nlocation=\"registry.example\"\n{}{}{}[[registry]]\nlocation=\"no.example\"\nblocked=true\n",
        mirror(&empty),
        mirror(&liar),
        mirror(&full)
    );
    fs::write(&path, text).unwrap();
    let mirrors = Mirrors::of_file(&path).unwrap();
    let registries =
        Registries::new(RegistryOptions { mirrors, patience: QUICK, ..Default::default() }).unwrap();
    let reference = format!("registry.example/team/app@{}", image.digest()).parse().unwrap();
    let (found, repository) = registries.image(&reference, None).unwrap();
    assert_eq!(found.digest, Some(image.digest()));
    found.layers[0].examine(&repository, BOTH).unwrap();
    assert_eq!((empty.asked().len(), liar.asked().len(), full.asked().len()), (1, 1, 3));
    let error = registries.image(&"no.example/app".parse().unwrap(), None).err().unwrap();
    assert!(matches!(error, RegistryError::Blocked { .. }), "{error}");
}

#[test]
fn a_registry_over_tls_sends_to_servers_over_tls_and_outside_of_the_local_network_only() {
    let secure = place("registry.example/app");
    assert!(secure.allows(&"https://cdn.example/x".parse().unwrap()).is_ok());
    let error = secure.allows(&"http://cdn.example/x?signature=secret".parse().unwrap()).unwrap_err();
    assert!(
        matches!(error, RegistryError::Redirect { .. }) && !error.to_string().contains("secret"),
        "{error}"
    );
    // As long as it was not seen to be in the local network itself.
    assert_eq!(secure.addresses(), contrast_http::Addresses::Public);
    secure.seen_at("8.8.8.8".parse().unwrap());
    assert_eq!(secure.addresses(), contrast_http::Addresses::Public);
    let local = place("registry.example/app");
    local.seen_at("10.0.0.1".parse().unwrap());
    assert_eq!(local.addresses(), contrast_http::Addresses::Any);
}

#[test]
fn docker_hub_is_asked_where_it_is() {
    let hub = place("debian");
    assert_eq!((hub.name().as_str(), hub.repository()), ("registry-1.docker.io:443", "library/debian"));
}

#[test]
fn a_real_registry_is_asked_for_real_images() {
    let registry = RealRegistry::start();
    let base = TarBuilder::default().file("etc/passwd", b"a:x:1:2:::").finish();
    let image = image().layer(
        "application/vnd.oci.image.layer.v1.tar+zstd",
        zstd::encode_all(&base[..], 1).unwrap(),
        &base,
    );
    registry.push(&image, "team/app", "v1");
    let insecure = [registry.address.clone()].into();
    let registries =
        Registries::new(RegistryOptions { insecure, patience: QUICK, ..Default::default() }).unwrap();
    let of = |rest: &str| format!("{}/team/{rest}", registry.address).parse().unwrap();
    let (found, repository) = registries.image(&of("app:v1"), None).unwrap();
    assert_eq!(found.digest, Some(image.digest()));
    assert_eq!(found.examine(&repository, BOTH).unwrap().len(), 2);
    assert_eq!(registries.image(&of(&format!("app@{}", image.digest())), None).unwrap().0, found);
    for missing in ["app:v2", "other:v1", &format!("app@{}", Digest::of(b"other"))] {
        let error = registries.image(&of(missing), None).err().unwrap();
        assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
    }
}
