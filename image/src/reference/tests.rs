use proptest::prelude::*;

use super::*;

const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn read(text: &str) -> Reference {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_is_left_out_is_what_docker_puts_there() {
    for (text, complete) in [
        ("debian", "docker.io/library/debian:latest"),
        ("debian:12", "docker.io/library/debian:12"),
        ("docker.io/debian", "docker.io/library/debian:latest"),
        ("index.docker.io/debian", "docker.io/library/debian:latest"),
        ("user/app", "docker.io/user/app:latest"),
        ("ghcr.io/app", "ghcr.io/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
        ("Registry/app:1", "Registry/app:1"),
        ("[::1]:5000/app:1", "[::1]:5000/app:1"),
        ("[::1]/app:1", "[::1]/app:1"),
        ("10.0.0.1/a__b/c--d/e.f_g:A.b-c", "10.0.0.1/a__b/c--d/e.f_g:A.b-c"),
    ] {
        assert_eq!(read(text).to_string(), complete);
    }
}

#[test]
fn a_digest_stands_for_itself_and_keeps_a_tag_that_is_written() {
    let pinned = read(&format!("debian@{DIGEST}"));
    assert_eq!((pinned.tag(), pinned.digest()), (None, Some(DIGEST.parse().unwrap())));
    assert_eq!(pinned.to_string(), format!("docker.io/library/debian@{DIGEST}"));
    let both = format!("ghcr.io/app:v1@{DIGEST}");
    assert_eq!((read(&both).tag(), read(&both).to_string()), (Some("v1"), both.clone()));
    assert_eq!(read("ghcr.io/app:v1").with_digest(DIGEST.parse().unwrap()).to_string(), both);
    assert_eq!(read(&both).name(), "ghcr.io/app");
}

#[test]
fn the_longest_name_is_accepted_when_written_in_full() {
    let host = format!("{}a", "a.".repeat(126));
    let longest = format!("{host}:65535/{}@{DIGEST}", "b".repeat(255));
    let longest = longest.replace('@', &format!(":{}@", "c".repeat(128)));
    assert_eq!(read(&longest).to_string(), longest);
    let untagged = format!("{host}:65535/{}", "b".repeat(255));
    assert_eq!(read(&read(&untagged).to_string()).to_string(), format!("{untagged}:latest"));
}

#[test]
fn each_fault_is_named() {
    use ReferenceError as E;
    let long = "a/".repeat(600);
    let long_label = format!("{}.io/app", "a".repeat(64));
    let long_host = format!("{}aa/app", "a.".repeat(126));
    type Expected = fn(&E) -> bool;
    let cases: &[(&str, Expected)] = &[
        ("", |e| matches!(e, E::Empty)),
        (&long, |e| matches!(e, E::TooLong { length: 1200 })),
        ("https://ghcr.io/app", |e| matches!(e, E::Scheme { scheme, .. } if scheme == "https")),
        ("ghcr..io/app", |e| matches!(e, E::Registry { .. })),
        ("ghcr.io:0/app", |e| matches!(e, E::Registry { .. })),
        ("ghcr.io:65536/app", |e| matches!(e, E::Registry { .. })),
        ("ghcr.io:+80/app", |e| matches!(e, E::Registry { .. })),
        ("user:word/app", |e| matches!(e, E::Registry { .. })),
        ("ghcr.io:000080/app", |e| matches!(e, E::Registry { .. })),
        (&long_label, |e| matches!(e, E::Registry { .. })),
        (&long_host, |e| matches!(e, E::Registry { .. })),
        ("-a.b/app", |e| matches!(e, E::Registry { .. })),
        ("[::1/app", |e| matches!(e, E::Registry { .. })),
        ("[::g]:1/app", |e| matches!(e, E::Registry { .. })),
        ("[::1]5000/app", |e| matches!(e, E::Registry { .. })),
        ("App", |e| matches!(e, E::UpperCase { .. })),
        ("ghcr.io/App", |e| matches!(e, E::UpperCase { .. })),
        ("ghcr.io/", |e| matches!(e, E::Repository { .. })),
        ("ghcr.io//app", |e| matches!(e, E::Repository { .. })),
        ("ghcr.io/../app", |e| matches!(e, E::Repository { .. })),
        ("a___b", |e| matches!(e, E::Repository { .. })),
        ("a-", |e| matches!(e, E::Repository { .. })),
        ("ä", |e| matches!(e, E::Repository { .. })),
        ("app name", |e| matches!(e, E::Repository { .. })),
        ("app\n", |e| matches!(e, E::Repository { .. })),
        ("app:", |e| matches!(e, E::Tag { .. })),
        ("app:-x", |e| matches!(e, E::Tag { .. })),
        ("app:ä", |e| matches!(e, E::Tag { .. })),
        ("app@sha256:12", |e| matches!(e, E::Digest { source: DigestError::Form(_), .. })),
        ("app@sha512:12", |e| matches!(e, E::Digest { source: DigestError::Algorithm(_), .. })),
        ("app@", |e| matches!(e, E::Digest { .. })),
    ];
    for (text, expected) in cases {
        let error = text.parse::<Reference>().unwrap_err();
        assert!(expected(&error), "{text:?}: {error:?}");
    }
    let tag = "t".repeat(129);
    assert!(matches!(format!("app:{tag}").parse::<Reference>(), Err(E::Tag { .. })));
    let repository = format!("ghcr.io/{}", "a".repeat(256));
    assert!(matches!(repository.parse::<Reference>(), Err(E::Repository { .. })));
}

proptest! {
    #[test]
    fn a_complete_name_reads_as_itself(
        registry in "([a-z0-9]{1,5}\\.[a-z]{2,3}|localhost)(:[1-9][0-9]{0,3})?",
        repository in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,4}){0,3}",
        tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}",
        pinned: bool,
    ) {
        let digest = if pinned { format!("@{DIGEST}") } else { String::new() };
        let text = format!("{registry}/{repository}:{tag}{digest}");
        let reference = text.parse::<Reference>().unwrap();
        prop_assert_eq!(reference.to_string(), text);
        prop_assert_eq!(reference.registry(), registry);
        prop_assert_eq!(reference.repository(), repository);
    }

    #[test]
    fn whatever_is_read_is_read_again_as_the_same(text in "[a-zA-Z0-9./:@_\\[\\]-]{0,40}|.{0,60}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(&reference.to_string().parse::<Reference>().unwrap(), &complete(&reference));
        }
    }
}

/// With the tag that [`Reference::tag`] says.
fn complete(reference: &Reference) -> Reference {
    Reference { tag: reference.tag().map(str::to_owned), ..reference.clone() }
}
