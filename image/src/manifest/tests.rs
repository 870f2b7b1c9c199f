use super::*;
use crate::digest::Digest;

const CONFIG: &str = CONFIG_TYPES[0];

fn descriptor(media_type: &str, platform: Option<&str>) -> String {
    let digest = Digest::of(media_type.as_bytes());
    let platform = platform.map(|platform| {
        let mut parts = platform.split('/');
        let mut next = || parts.next().unwrap_or_default();
        format!(
            r#", "platform": {{"os": "{}", "architecture": "{}", "variant": "{}"}}"#,
            next(),
            next(),
            next()
        )
    });
    format!(
        r#"{{"mediaType": "{media_type}", "digest": "{digest}", "size": 7{}}}"#,
        platform.unwrap_or_default()
    )
}

fn manifest(media_type: &str, config: &str) -> String {
    let (config, layer) = (descriptor(config, None), descriptor("layer", None));
    format!(r#"{{"schemaVersion": 2{media_type}, "config": {config}, "layers": [{layer}, {layer}]}}"#)
}

fn index(entries: &[Option<&str>]) -> Index {
    let entries: Vec<_> =
        entries.iter().map(|platform| descriptor(platform.unwrap_or("none"), *platform)).collect();
    let text = format!(r#"{{"schemaVersion": 2, "manifests": [{}]}}"#, entries.join(", "));
    match Document::parse(text.as_bytes(), Some(OCI_INDEX)).unwrap() {
        Document::Index(index) => index,
        other => panic!("{other:?}"),
    }
}

#[test]
fn manifests_of_oci_and_of_docker_are_read() {
    for (own, config) in [OCI_MANIFEST, DOCKER_MANIFEST].iter().zip(CONFIG_TYPES) {
        for media_type in [format!(r#", "mediaType": "{own}""#), String::new()] {
            let text = manifest(&media_type, config);
            for announced in [Some(*own), Some("application/json"), None] {
                let Document::Manifest(read) = Document::parse(text.as_bytes(), announced).unwrap() else {
                    panic!("{text}")
                };
                assert_eq!((read.layers.len(), read.config.size), (2, 7));
                assert_eq!(read.config.digest, Digest::of(config.as_bytes()));
            }
        }
    }
}

#[test]
fn the_image_for_linux_on_amd64_is_chosen() {
    let chosen = |entries: &[Option<&str>]| {
        index(entries).choose().map(|entry| entry.media_type.clone()).map_err(|error| error.to_string())
    };
    let amd = Ok("linux/amd64".to_owned());
    assert_eq!(chosen(&[Some("linux/arm64"), Some("linux/amd64"), Some("linux/amd64/v1")]), amd);
    assert_eq!(chosen(&[Some("unknown/unknown"), Some("windows/amd64"), Some("linux/amd64")]), amd);
    assert_eq!(chosen(&[Some("linux/amd64/v3"), Some("linux/amd64")]), amd);
    assert_eq!(chosen(&[None, Some("linux/amd64")]), amd);
    // Nothing else than one image: its configuration will say what it is.
    assert_eq!(chosen(&[None, Some("unknown/unknown")]), Ok("none".to_owned()));
}

#[test]
fn without_an_image_for_linux_on_amd64_the_others_are_listed() {
    let error = |entries: &[Option<&str>]| index(entries).choose().unwrap_err().to_string();
    let found = error(&[Some("linux/arm64"), Some("unknown/unknown"), Some("linux/amd64/v3")]);
    assert!(found.contains("only for linux/arm64, linux/amd64/v3;"), "{found}");
    assert!(error(&[]).contains("only for nothing"));
    assert!(error(&[None, None]).contains("only for ?/?, ?/?"));
    assert!(error(&[Some("linux/arm64"); 30]).contains("10 more"));
}

#[test]
fn a_document_that_programs_could_read_differently_is_refused() {
    let both = manifest(r#", "manifests": []"#, CONFIG);
    assert!(matches!(Document::parse(both.as_bytes(), None), Err(ManifestError::Ambiguous)));
    let half = r#"{"schemaVersion": 2, "manifests": [], "layers": []}"#;
    assert!(matches!(Document::parse(half.as_bytes(), None), Err(ManifestError::Ambiguous)));
    let own = manifest(&format!(r#", "mediaType": "{OCI_INDEX}""#), CONFIG);
    assert!(matches!(Document::parse(own.as_bytes(), None), Err(ManifestError::OtherType { .. })));
    let plain = manifest("", CONFIG);
    let other = Document::parse(plain.as_bytes(), Some(DOCKER_INDEX));
    assert!(matches!(other, Err(ManifestError::OtherType { .. })));
    let twice = plain.replace(r#""layers""#, r#""layers": [], "layers""#);
    assert!(matches!(Document::parse(twice.as_bytes(), None), Err(ManifestError::Json(_))));
}

#[test]
fn what_is_no_image_is_named() {
    for (text, word) in [
        (manifest("", "application/vnd.oci.empty.v1+json"), "oci.empty"),
        (manifest("", "application/vnd.cncf.helm.config.v1+json"), "helm"),
        (manifest("", CONFIG).replace('2', "1"), "schema version 1"),
        (r#"{"schemaVersion": 2}"#.to_owned(), "missing"),
        (r#"{"schemaVersion": 2, "config": null, "layers": []}"#.to_owned(), "missing"),
        ("{}".to_owned(), "schemaVersion"),
        (String::new(), "EOF"),
        (manifest("", CONFIG).replace("sha256:", "sha512:"), "sha512"),
        (manifest("", CONFIG).replace("7", "-7"), "-7"),
        (format!("{}{}", manifest("", CONFIG), " ".repeat(4 << 20)), "at most 4194304"),
    ] {
        let error = Document::parse(text.as_bytes(), None).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let layers = vec![descriptor("layer", None); 501].join(", ");
    let text =
        format!(r#"{{"schemaVersion": 2, "config": {}, "layers": [{layers}]}}"#, descriptor(CONFIG, None));
    assert!(matches!(Document::parse(text.as_bytes(), None), Err(ManifestError::Layers(501))));
}
