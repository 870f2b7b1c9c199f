use std::{fs, process::Command};

use proptest::prelude::*;

use super::*;
use crate::testing::TarBuilder;

/// Path, kind and content of every entry.
fn list(bytes: &[u8]) -> Result<Vec<(String, Kind, Vec<u8>)>, TarError> {
    let mut reader = Reader::new(Streamed(bytes), 1000);
    let mut found = Vec::new();
    while let Some(entry) = reader.next()? {
        let start = usize::try_from(entry.data_position).unwrap();
        let content = reader.read_content(1 << 20)?.unwrap();
        assert_eq!(bytes[start..start + content.len()], content);
        found.push((String::from_utf8(entry.path).unwrap(), entry.kind, content));
    }
    Ok(found)
}

fn only(bytes: &[u8]) -> (String, Kind, Vec<u8>) {
    let mut found = list(bytes).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn archives_of_gnu_tar_are_read_in_all_its_formats() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    let short = "a".repeat(90);
    let long = format!("{short}/{}", "b".repeat(60));
    fs::create_dir_all(tree.join(&short)).unwrap();
    fs::write(tree.join(&long), b"long").unwrap();
    fs::write(tree.join("file"), vec![7; 1000]).unwrap();
    fs::hard_link(tree.join("file"), tree.join("hard")).unwrap();
    std::os::unix::fs::symlink("file", tree.join("soft")).unwrap();
    for format in ["v7", "ustar", "gnu", "posix"] {
        let mut tar = Command::new("tar");
        tar.args(["--create", "--sort=name", "--format", format, "--directory"]).arg(&tree).arg("--file=-");
        if format == "v7" {
            tar.arg(format!("--exclude={long}"));
        }
        let output = tar.arg(".").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = list(&output.stdout).unwrap();
        let mut expected = vec![
            ("./".to_owned(), Kind::Directory, vec![]),
            (format!("./{short}/"), Kind::Directory, vec![]),
            (format!("./{long}"), Kind::File, b"long".to_vec()),
            ("./file".to_owned(), Kind::File, vec![7; 1000]),
            ("./hard".to_owned(), Kind::HardLink { target: b"./file".to_vec() }, vec![]),
            ("./soft".to_owned(), Kind::Symlink { target: b"file".to_vec(), in_header: true }, vec![]),
        ];
        if format == "v7" {
            expected.remove(2);
        }
        assert_eq!(found, expected, "{format}");
    }
}

#[test]
fn long_names_come_from_extensions_of_either_kind() {
    let long = "n".repeat(300);
    let gnu = TarBuilder::default().entry("././@LongLink", b'L', "", format!("{long}\0").as_bytes());
    assert_eq!(only(&gnu.file("n", b"x").finish()), (long.clone(), Kind::File, b"x".to_vec()));
    let pax = TarBuilder::default().pax(&[("mtime", "1.5"), ("path", &long)]).file("n", b"x");
    assert_eq!(only(&pax.finish()).0, long);
    let back = TarBuilder::default().pax(&[("path", &long), ("path", "")]).file("n", b"");
    assert_eq!(only(&back.finish()).0, "n");
    let link = TarBuilder::default().pax(&[("linkpath", &long)]).symlink("s", "nn");
    let target = long.clone().into_bytes();
    assert_eq!(only(&link.finish()).1, Kind::Symlink { target, in_header: false });
}

#[test]
fn numbers_of_records_win_over_those_of_the_header() {
    let bytes = TarBuilder::default()
        .pax(&[("size", "5"), ("uid", "4000000000"), ("gid", "7")])
        .raw("n", b'0', b"hello", |header| header[124..136].fill(b'0'))
        .file("after", b"")
        .finish();
    let mut reader = Reader::new(Streamed(&bytes[..]), 10);
    let entry = reader.next().unwrap().unwrap();
    assert_eq!((entry.size, entry.uid, entry.gid), (5, 4_000_000_000, 7));
    assert_eq!(reader.next().unwrap().unwrap().path, b"after");
    let large = TarBuilder::default().raw("n", b'0', b"x", |header| {
        header[108..116].copy_from_slice(&[0x80, 0, 0, 0, 0xEE, 0x6B, 0x28, 0])
    });
    let bytes = large.finish();
    assert_eq!(Reader::new(Streamed(&bytes[..]), 10).next().unwrap().unwrap().uid, 4_000_000_000);
}

#[test]
fn entries_without_content_are_not_followed_by_any() {
    // Some programs write the size of the target.
    let bytes = TarBuilder::default()
        .raw("a", b'1', b"", |header| header[124..136].copy_from_slice(b"00000001000\0"))
        .file("after", b"x")
        .finish();
    assert_eq!(list(&bytes).unwrap().len(), 2);
}

#[test]
fn files_with_holes_are_left_out_with_their_maps() {
    let map = [0; 504].into_iter().chain([1; 8]).collect::<Vec<u8>>();
    let bytes = TarBuilder::default()
        .raw("sparse", b'S', b"", |header| {
            header[482] = 1;
            header[124..136].copy_from_slice(b"00000000005\0");
        })
        .unfinished();
    let mut content = b"hello".to_vec();
    content.resize(512, 0);
    let bytes =
        [bytes, map, vec![0; 512], content, TarBuilder::default().file("after", b"x").finish()].concat();
    let found = list(&bytes).unwrap();
    assert_eq!(found[0], ("sparse".to_owned(), Kind::Other(b'S'), b"hello".to_vec()));
    assert_eq!(found[1].0, "after");
}

#[test]
fn an_archive_ends_at_zeros_or_at_its_last_byte_and_nowhere_else() {
    let whole = TarBuilder::default().file("a", b"hello").finish();
    for length in 0..=whole.len() {
        let found = list(&whole[..length]);
        match length {
            0 => assert!(found.unwrap().is_empty()),
            1024 | 1536 | 2048 => assert_eq!(found.unwrap().len(), 1, "{length}"),
            _ => assert!(matches!(found, Err(TarError::Truncated { .. })), "{length}"),
        }
    }
    let lost = [&whole[..1536], &whole[..1024]].concat();
    assert!(matches!(list(&lost), Err(TarError::Header { at: 1024 })));
    let pax = TarBuilder::default().pax(&[("path", "x")]).finish();
    assert!(matches!(list(&pax), Err(TarError::Truncated { .. })));
    // Whatever follows the end is no part of the archive.
    assert_eq!(list(&[whole, b"garbage".to_vec()].concat()).unwrap().len(), 1);
}

#[test]
fn what_would_cost_too_much_is_refused() {
    let many = (0..11).fold(TarBuilder::default(), |tar, n| tar.file(&n.to_string(), b"")).finish();
    let mut reader = Reader::new(Streamed(&many[..]), 10);
    let error = std::iter::from_fn(|| reader.next().transpose()).find_map(Result::err);
    assert!(matches!(error, Some(TarError::Entries(10))));
    // An announcement alone, without the bytes.
    let long = TarBuilder::default()
        .raw("x", b'x', b"", |header| header[124..136].copy_from_slice(b"00010000000\0"))
        .finish();
    assert!(matches!(list(&long), Err(TarError::LongExtension { at: 0, size: 0o10_000_000 })));
    let huge = TarBuilder::default()
        .raw("x", b'0', b"", |header| {
            header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])
        })
        .finish();
    assert!(matches!(list(&huge), Err(TarError::Number { field: "size", .. })));
}

#[test]
fn malformed_headers_are_refused() {
    let tar = TarBuilder::default;
    let mut sum = tar().file("a", b"").finish();
    sum[0] = b'b';
    assert!(matches!(list(&sum), Err(TarError::Header { at: 0 })));
    let size =
        tar().raw("a", b'0', b"", |header| header[124..136].copy_from_slice(b"0000000000x\0")).finish();
    assert!(matches!(list(&size), Err(TarError::Number { field: "size", .. })));
    for records in [
        "5 a=b\n",
        "7 a=b\n",
        "6 a=b ",
        "6 abc\n",
        "-6 a=b\n",
        "99 a=b\n",
        "a=b\n",
        "18446744073709551616 a=b\n",
    ] {
        let bytes = tar().entry("x", b'x', "", records.as_bytes()).file("a", b"").finish();
        let refused = matches!(list(&bytes), Err(TarError::Extension { at: 0 }));
        assert_eq!(refused, records != "6 a=b\n", "{records:?}");
    }
    let nul = tar().pax(&[("path", "a\0b")]).file("a", b"").finish();
    assert!(matches!(list(&nul), Err(TarError::Extension { .. })));
}

#[test]
fn a_file_is_read_as_a_stream_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tar");
    let bytes = TarBuilder::default().file("a", &[1; 5000]).file("b", b"b").finish();
    fs::write(&path, &bytes).unwrap();
    let file = fs::File::open(&path).unwrap();
    let mut reader = Reader::new(Seeking::new(&file).unwrap(), 10);
    assert_eq!(reader.next().unwrap().unwrap().path, b"a");
    assert_eq!(reader.next().unwrap().unwrap().path, b"b");
    assert_eq!(reader.read_content(10).unwrap(), Some(b"b".to_vec()));
    assert!(reader.next().unwrap().is_none());
    fs::write(&path, &bytes[..3000]).unwrap();
    let file = fs::File::open(&path).unwrap();
    let mut reader = Reader::new(Seeking::new(&file).unwrap(), 10);
    assert_eq!(reader.next().unwrap().unwrap().path, b"a");
    assert!(matches!(reader.next(), Err(TarError::Truncated { at: 3000 })));
}

#[test]
fn paths_are_cleaned_and_cannot_leave_the_root() {
    let clean = |path: &str| {
        let parts = entry::parts(path.as_bytes())?;
        Some(
            parts
                .into_iter()
                .map(|part| String::from_utf8(part.to_vec()).unwrap())
                .collect::<Vec<_>>()
                .join("/"),
        )
    };
    for (path, cleaned) in [
        ("./", Some("")),
        (".", Some("")),
        ("/", Some("")),
        ("./etc//passwd", Some("etc/passwd")),
        ("/etc/passwd", Some("etc/passwd")),
        ("a/../etc/./passwd", Some("etc/passwd")),
        ("..", None),
        ("a/../../etc", None),
        ("...", Some("...")),
    ] {
        assert_eq!(clean(path).as_deref(), cleaned, "{path}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_leave_the_archive(
        noise in proptest::collection::vec(any::<u8>(), 0..600),
        at in 0_usize..2000,
        flag: u8,
    ) {
        let mut bytes = TarBuilder::default().pax(&[("path", "abc")]).entry("x", flag, "y", &noise).finish();
        for (to, from) in bytes.iter_mut().skip(at).zip(&noise) {
            *to = *from;
        }
        let mut reader = Reader::new(Streamed(&bytes[..]), 100);
        while let Ok(Some(entry)) = reader.next() {
            prop_assert!(entry.header_position < entry.data_position);
            prop_assert!(entry.data_position <= bytes.len() as u64);
            let _ = entry.parts();
        }
    }
}
