use std::{collections::BTreeMap, fs};

use super::*;
use crate::layer::Wanted;
use crate::testing::{TarBuilder, TestImage, descriptor, write_folder};
use crate::users::{GroupPart, User};

const NAME: &str = "registry.example/app:v1";

fn image() -> TestImage {
    let process = r#""Cmd":["/app"]"#.to_owned();
    TestImage { process, name: Some(NAME.to_owned()), ..TestImage::default() }
        .plain(TarBuilder::default().file("a", b"a").finish())
        .plain(TarBuilder::default().file("b", b"b").finish())
}

/// The files as a folder and as an archive.
fn both(files: &BTreeMap<String, Vec<u8>>, check: impl Fn(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    write_folder(&dir.path().join("folder"), files);
    let tar =
        files.iter().fold(TarBuilder::default(), |tar, (name, bytes)| tar.file(&format!("./{name}"), bytes));
    fs::write(dir.path().join("archive"), tar.finish()).unwrap();
    check(&dir.path().join("folder"));
    check(&dir.path().join("archive"));
}

fn find(path: &Path, reference: &str) -> Result<Image, LayoutError> {
    Layout::open(path)?.image(&reference.parse().unwrap())
}

/// What is wrong with the image that was found.
fn cause(error: &LayoutError) -> Option<&ImageError> {
    match error {
        LayoutError::Image { source, .. } => Some(source),
        _ => None,
    }
}

#[test]
fn an_image_is_found_by_its_name_or_by_its_digest() {
    let image = image();
    both(&image.files(), |path| {
        let pinned = format!("elsewhere.example/x:y@{}", image.digest());
        for reference in [NAME, &pinned] {
            let found = find(path, reference).unwrap();
            assert_eq!((found.digest, found.manifest), (Some(image.digest()), Some(image.digest())));
            assert_eq!(found.config.cmd, ["/app"]);
            assert_eq!(found.layers.len(), 2);
            assert_eq!(found.layers[1].diff_id, image.layers[1].2);
        }
    });
}

#[test]
fn layers_of_a_layout_are_read_where_they_are() {
    let base = TarBuilder::default().file("etc/passwd", b"web:x:33:34:::\n").finish();
    let top = TarBuilder::default().file("etc/group", b"log:x:4:web\n").finish();
    let image = TestImage { process: r#""User":"web""#.to_owned(), ..image() };
    let image = image
        .layer("application/vnd.oci.image.layer.v1.tar+zstd", zstd::encode_all(&base[..], 1).unwrap(), &base)
        .plain(top);
    both(&image.files(), |path| {
        let layout = Layout::open(path).unwrap();
        let found = layout.image(&NAME.parse().unwrap()).unwrap();
        let accounts = found.accounts(&layout).unwrap();
        let identity = accounts.identity(&User::parse(&found.config.user), GroupPart::Ignored);
        assert_eq!((identity.uid, identity.gid), (33, 34));
        assert_eq!(accounts.memberships("web").into_iter().collect::<Vec<_>>(), [4]);
        let wanted = Wanted { root_hash: true, accounts: false };
        for layer in &found.layers {
            assert!(layer.examine(&layout, wanted).unwrap().root_hash.is_some());
        }
    });
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    both(&image().files(), |path| {
        for reference in ["registry.example/app:v2", &format!("{NAME}@{}", Digest::of(b"other"))] {
            let error = find(path, reference).unwrap_err();
            assert!(matches!(error, LayoutError::NoSuchImage { .. }), "{error}");
            assert!(error.to_string().ends_with("only registry.example/app:v1"), "{error}");
        }
    });
}

#[test]
fn a_tag_alone_names_no_repository() {
    let image = TestImage { name: Some("latest".to_owned()), ..image() };
    both(&image.files(), |path| {
        for reference in ["latest", "registry.example/app", "app:latest"] {
            assert!(matches!(find(path, reference), Err(LayoutError::NoSuchImage { .. })), "{reference}");
        }
        find(path, &format!("app@{}", image.digest())).unwrap();
    });
}

#[test]
fn an_index_leads_to_the_image_for_linux_on_amd64_and_keeps_its_own_digest() {
    let image = image();
    let mut files = image.files();
    let of = |platform: &str| {
        let mut text = descriptor("application/vnd.oci.image.manifest.v1+json", image.manifest().as_bytes());
        text.pop();
        let (os, architecture) = platform.split_once('/').unwrap();
        format!(r#"{text},"platform":{{"os":"{os}","architecture":"{architecture}"}}}}"#)
    };
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{},{}]}}"#,
        of("unknown/unknown").replace(&image.digest().hex(), &"0".repeat(64)),
        of("linux/amd64")
    );
    let digest = Digest::of(index.as_bytes());
    let entry = descriptor("application/vnd.oci.image.index.v1+json", index.as_bytes());
    files.insert("index.json".to_owned(), format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#).into());
    files.insert(blob_name(digest), index.into_bytes());
    both(&files, |path| {
        let found = find(path, &format!("app@{digest}")).unwrap();
        assert_eq!((found.digest, found.manifest), (Some(digest), Some(image.digest())));
    });
}

#[test]
fn different_images_of_one_name_are_not_chosen_from() {
    let (one, other) = (image(), TestImage { process: r#""Cmd":["/other"]"#.to_owned(), ..image() });
    let mut files = one.files();
    files.extend(other.files());
    let entries = [&one, &other, &one].map(|image| {
        let index = image.files()["index.json"].clone();
        let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
        index["manifests"][0].to_string()
    });
    let mut with = |entries: &[String]| {
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
        files.insert("index.json".to_owned(), index.into());
        files.clone()
    };
    both(&with(&entries), |path| assert!(matches!(find(path, NAME), Err(LayoutError::Several { .. }))));
    let same = [entries[0].clone(), entries[2].clone()];
    both(&with(&same), |path| assert!(find(path, NAME).is_ok()));
}

#[test]
fn every_part_is_checked_against_its_digest() {
    let image = image();
    for part in [image.manifest().into_bytes(), image.config().into_bytes()] {
        let name = blob_name(Digest::of(&part));
        let mut files = image.files();
        files.remove(&name);
        both(&files, |path| {
            let error = find(path, NAME).unwrap_err();
            assert!(matches!(cause(&error), Some(ImageError::Source(_))), "{error}");
        });
        let text = String::from_utf8(part.clone()).unwrap();
        for changed in [[&part[..], b" "].concat(), part[1..].to_vec(), text.replace("layer", "lAyer").into()]
        {
            files.insert(name.clone(), changed);
            both(&files, |path| {
                let error = find(path, NAME).unwrap_err();
                assert!(matches!(cause(&error), Some(ImageError::Damaged { .. })), "{error}");
            });
        }
    }
}

#[test]
fn a_part_that_is_announced_as_huge_is_not_read() {
    let image = image();
    let mut files = image.files();
    let index = String::from_utf8(files["index.json"].clone()).unwrap();
    let size = format!(r#""size":{}"#, image.manifest().len());
    files.insert("index.json".to_owned(), index.replace(&size, r#""size":9000000000"#).into());
    both(&files, |path| {
        let error = find(path, NAME).unwrap_err();
        assert!(matches!(cause(&error), Some(ImageError::TooLong { .. })), "{error}");
    });
}

/// An archive as Docker wrote it for years: the second layer is a link to the first.
fn docker() -> (TestImage, TarBuilder) {
    let layer = TarBuilder::default().file("a", b"a").finish();
    let image = TestImage::default().plain(layer.clone()).plain(layer.clone());
    let config = image.config().into_bytes();
    let name = format!("{}.json", Digest::of(&config).hex());
    let manifest = format!(
        r#"[{{"Config":"{name}","RepoTags":["app:v1"],"Layers":["1/layer.tar","2/layer.tar"]}},
            {{"Config":"{name}","RepoTags":null,"Layers":["1/layer.tar","2/layer.tar"]}}]"#
    );
    let tar = TarBuilder::default()
        .dir("1/")
        .file("1/layer.tar", &layer)
        .symlink("2/layer.tar", "../1/layer.tar")
        .file(&name, &config)
        .file("manifest.json", manifest.as_bytes());
    (image, tar)
}

#[test]
fn archives_of_older_dockers_are_read_by_name() {
    let (image, tar) = docker();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.tar");
    fs::write(&path, tar.finish()).unwrap();
    let found = find(&path, "docker.io/library/app:v1").unwrap();
    assert_eq!((found.digest, found.manifest), (None, None));
    let layout = Layout::open(&path).unwrap();
    for layer in &found.layers {
        let mut bytes = Vec::new();
        layout.blob(&layer.descriptor).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, image.layers[0].1);
    }
    assert!(find(&path, "app:v2").unwrap_err().to_string().ends_with("only docker.io/library/app:v1"));
    let pinned = format!("app:v1@{}", image.digest());
    assert!(matches!(find(&path, &pinned), Err(LayoutError::NoDigests { .. })));
}

#[test]
fn links_of_an_archive_that_lead_in_circles_lead_nowhere() {
    let (_, tar) = docker();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.tar");
    fs::write(&path, tar.symlink("1/layer.tar", "../2/layer.tar").finish()).unwrap();
    let error = find(&path, "app:v1").unwrap_err();
    assert!(matches!(error, LayoutError::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("1/layer.tar"), "{error}");
}

#[test]
fn names_in_a_folder_do_not_lead_out_of_it() {
    let (image, _) = docker();
    let dir = tempfile::tempdir().unwrap();
    let config = image.config();
    let manifest = br#"[{"Config":"../config.json","RepoTags":["app:v1"],"Layers":[]}]"#.to_vec();
    write_folder(&dir.path().join("folder"), &BTreeMap::from([("manifest.json".to_owned(), manifest)]));
    fs::write(dir.path().join("config.json"), config).unwrap();
    let error = Layout::open(&dir.path().join("folder")).err().unwrap().to_string();
    assert!(error.contains("not there"), "{error}");
}

#[test]
fn what_is_no_layout_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("it");
    assert!(matches!(Layout::open(&path), Err(LayoutError::Io { .. })));
    for (bytes, words) in [
        (TarBuilder::default().file("a", b"").finish(), "skopeo copy"),
        (b"hello".to_vec(), "no archive"),
        (vec![], "skopeo copy"),
        (vec![0x1F, 0x8B, 8, 0], "gunzip"),
        (vec![0x28, 0xB5, 0x2F, 0xFD], "unzstd"),
        (TarBuilder::default().file("oci-layout", b"{}").finish(), "imageLayoutVersion"),
        (TarBuilder::default().file("oci-layout", br#"{"imageLayoutVersion":"2.0"}"#).finish(), "not known"),
        (TarBuilder::default().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#).finish(), "missing"),
        (TarBuilder::default().file("manifest.json", br#"[{"Config":"../x"}]"#).finish(), "not there"),
        (TarBuilder::default().file("manifest.json", &vec![b' '; 5 << 20]).finish(), "more than"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = Layout::open(&path).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    }
}
