use std::{fs, io::Write as _, process::Command};

use super::*;
use crate::{
    digest::Digest,
    tar::{Reader, Streamed},
    testing::TarBuilder,
};

/// The whole device of a layer.
fn device(tar: &[u8]) -> Vec<u8> {
    let mut index = TarIndex::new(1000);
    let mut reader = Reader::new(Streamed(tar), 1000);
    while let Some(entry) = reader.next().unwrap() {
        index.add(&entry).unwrap();
    }
    let mut device = tar.to_vec();
    index.write(tar.len() as u64, &mut device).unwrap();
    device
}

/// What `veritysetup` says.
fn second_opinion(data: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (data_file, hash_file) = (dir.path().join("data"), dir.path().join("hash"));
    fs::write(&data_file, data).unwrap();
    fs::write(&hash_file, []).unwrap();
    // An ordinary user's path often lacks the folder.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new("veritysetup")
        .env("PATH", path)
        .args([
            "format",
            "--no-superblock",
            "--hash=sha256",
            "--data-block-size=4096",
            "--hash-block-size=4096",
        ])
        .arg(format!("--salt={}", "0".repeat(64)))
        .args([&data_file, &hash_file])
        .output()
        .expect("veritysetup of Debian's cryptsetup-bin; `cargo xtask test` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap();
    line.trim().to_owned()
}

/// One regular file `a` with `hello` and a newline, as GNU tar archives it.
fn vector() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "hello\n").unwrap();
    let output = Command::new("tar")
        .args(["--create", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"])
        .args(["--mode=0644", "--file=-", "--directory"])
        .arg(dir.path())
        .arg("a")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn the_published_example_has_its_device_and_its_root() {
    let tar = vector();
    assert_eq!(Digest::of(&tar).hex(), "573182a0e136016ab720642eb122458cfb2432dac651e9f47b9aaed0a9d87a75");
    let device = device(&tar);
    assert_eq!(device.len(), 16384);
    assert_eq!(Digest::of(&device).hex(), "0a0d4bd13a8d5010486217de4330af6af2d69903add9014955fc9dd73d678fc8");
    let root = "f90a30ae8b846dae8b37b26cff36cac0db828317b2b1fb5fa2509241ce223d72";
    assert_eq!(RootHash::of_data(&device[..]).unwrap().to_string(), root);
    assert_eq!(second_opinion(&device), root);
}

#[test]
fn roots_are_those_of_veritysetup_at_every_edge_of_the_tree() {
    // One block; one hash block, full and one more; three levels; chunks for the workers, full and not.
    for blocks in [1, 2, 127, 128, 129, 64 * 3, 128 * 128, 128 * 128 + 1] {
        let data: Vec<u8> = (0..blocks * BLOCK).map(|at| (at / 7 % 251) as u8).collect();
        let expected = second_opinion(&data);
        for workers in [0, 1, 3] {
            let mut hasher = RootHasher::with_workers(workers);
            // In parts of odd lengths.
            data.chunks(100_003).for_each(|part| hasher.write_all(part).unwrap());
            assert_eq!(hasher.finish().unwrap().to_string(), expected, "{blocks} blocks, {workers} workers");
        }
    }
}

#[test]
fn what_fills_no_block_is_filled_with_zeros() {
    let mut data = vec![7; 2 * BLOCK + 5];
    let root = RootHash::of_data(&data[..]).unwrap();
    data.resize(3 * BLOCK, 0);
    assert_eq!(RootHash::of_data(&data[..]).unwrap(), root);
}

/// What stands in a device, read back: a path, and the record of its inode.
struct Shown {
    device: Vec<u8>,
    table: usize,
}

impl Shown {
    fn of(tar: &[u8]) -> Self {
        let device = device(tar);
        assert_eq!(&device[..tar.len()], tar, "the archive stays as it is");
        assert_eq!(device.len() % BLOCK, 0);
        let shown = Self { table: 0, device };
        let table = shown.number(shown.device.len() - 512);
        Self { table, ..shown }
    }

    fn number(&self, at: usize) -> usize {
        u64::from_le_bytes(self.device[at..at + 8].try_into().unwrap()) as usize
    }

    fn count(&self) -> usize {
        self.number(self.device.len() - 504)
    }

    fn inode(&self, number: usize) -> Inode {
        let record = &self.device[self.table + (number - 1) * 32..][..32];
        let word = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
        let long = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
        Inode {
            number,
            mode: u16::from_le_bytes([record[0], record[1]]),
            flags: record[2],
            owner: (word(4), word(8)),
            mtime: u64::from(record[3]) << 32 | u64::from(word(12)),
            size: long(16),
            offset: long(24),
        }
    }

    fn list(&self, directory: &Inode) -> Vec<(String, u8, usize)> {
        assert_eq!(directory.mode >> 12, 4);
        let start = directory.offset as usize;
        (start..start + directory.size as usize)
            .step_by(32)
            .map(|at| {
                let name = &self.device[self.number(at + 8)..][..self.number(at + 16)];
                (String::from_utf8(name.to_vec()).unwrap(), self.device[at + 24], self.number(at))
            })
            .collect()
    }

    fn at(&self, path: &str) -> Option<Inode> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self.inode(1), |inode, part| {
            let found = self.list(&inode).into_iter().find(|(name, _, _)| name == part)?;
            let child = self.inode(found.2);
            assert_eq!(u16::from(found.1), child.mode >> 12);
            Some(child)
        })
    }
}

struct Inode {
    number: usize,
    mode: u16,
    flags: u8,
    owner: (u32, u32),
    mtime: u64,
    size: u64,
    offset: u64,
}

#[test]
fn every_kind_of_file_is_shown_as_it_is_in_the_archive() {
    let tar = TarBuilder::default()
        .with(0x1_2345_6789, 7, 8)
        .dir("./")
        .dir("d/")
        .file("d/file", b"hello")
        .symlink("d/link", "file")
        .hard_link("hard", "./d/file")
        .raw("null", b'3', b"", |header| header[329..345].copy_from_slice(b"0000001\x000000003\0"))
        .raw("disk", b'4', b"", |header| header[329..345].copy_from_slice(b"0000010\x000000001\0"))
        .entry("pipe", b'6', "", b"")
        .finish();
    let shown = Shown::of(&tar);
    let root = shown.at("").unwrap();
    assert_eq!((root.number, root.mode, root.owner, root.mtime), (1, 0o040_755, (7, 8), 0x1_2345_6789));
    let names: Vec<_> = shown.list(&root).into_iter().map(|(name, _, _)| name).collect();
    assert_eq!(names, ["d", "disk", "hard", "null", "pipe"]);
    let file = shown.at("d/file").unwrap();
    assert_eq!((file.mode, file.size), (0o100_644, 5));
    assert_eq!(&shown.device[file.offset as usize..][..5], b"hello");
    // Both names of a file are one inode, which stands at the name that comes first, breadth first.
    assert_eq!(shown.at("hard").unwrap().number, file.number);
    assert_eq!((file.number, shown.count()), (4, 7));
    let link = shown.at("d/link").unwrap();
    assert_eq!(
        (link.mode >> 12, &shown.device[link.offset as usize..][..link.size as usize]),
        (0o12, &b"file"[..])
    );
    assert_eq!(shown.at("null").unwrap().offset, 1 << 32 | 3);
    assert_eq!(shown.at("disk").unwrap().offset, 8 << 32 | 1);
    assert_eq!(shown.at("pipe").unwrap().mode >> 12, 1);
}

#[test]
fn whiteouts_become_devices_and_opaque_marks_flags() {
    let tar = TarBuilder::default()
        .dir("d/")
        .file("d/.wh..wh..opq", b"")
        .file("d/.wh.gone", b"")
        .file("d/here", b"")
        .finish();
    let shown = Shown::of(&tar);
    assert_eq!(shown.at("").unwrap().mode, 0o040_555);
    let dir = shown.at("d").unwrap();
    assert_eq!((dir.flags, shown.list(&dir).len()), (1, 2));
    let gone = shown.at("d/gone").unwrap();
    assert_eq!((gone.mode >> 12, gone.offset, gone.size), (2, 0, 0));
}

#[test]
fn what_a_guest_would_not_see_is_left_out() {
    let long = "n".repeat(120);
    let tar = TarBuilder::default()
        .file("../out", b"")
        .file("implied/file", b"")
        .pax(&[("linkpath", &long)])
        .symlink("long", "nnn")
        .hard_link("to-nothing", "missing")
        .dir("dir")
        .hard_link("to-dir", "dir")
        .entry("other", b'7', "", b"x")
        .finish();
    let shown = Shown::of(&tar);
    let root = shown.at("").unwrap();
    let names: Vec<_> = shown.list(&root).into_iter().map(|(name, kind, _)| (name, kind)).collect();
    assert_eq!(names, [("dir".to_owned(), 4), ("implied".to_owned(), 0)]);
    let implied = shown.inode(shown.list(&root)[1].2);
    assert_eq!((implied.mode, implied.size, implied.offset, shown.count()), (0, 0, 0, 3));
}

#[test]
fn a_later_entry_takes_the_place_of_an_earlier_one_and_of_what_is_below() {
    let tar = TarBuilder::default()
        .dir("d")
        .file("d/old", b"")
        .file("f", b"1")
        .dir("d")
        .file("d/new", b"")
        .file("f", b"22")
        .finish();
    let shown = Shown::of(&tar);
    assert!(shown.at("d/old").is_none() && shown.at("d/new").is_some());
    assert_eq!(shown.at("f").unwrap().size, 2);
    assert_eq!(shown.count(), 4);
}

#[test]
fn an_index_is_bounded_also_by_what_paths_imply() {
    let add = |path: &str| {
        let tar = TarBuilder::default().pax(&[("path", path)]).file("x", b"").finish();
        let mut index = TarIndex::new(100);
        index.add(&Reader::new(Streamed(&tar[..]), 10).next().unwrap().unwrap())
    };
    assert_eq!(add(&"a/".repeat(98)), Ok(()));
    assert_eq!(add(&"a/".repeat(100_000)), Err(IndexError::Files(100)));
    assert_eq!(add(&"a".repeat(255)), Ok(()));
    assert_eq!(add(&"a".repeat(256)), Err(IndexError::Name(256)));
}
