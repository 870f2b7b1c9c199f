use std::{
    fs,
    io::Read,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, SystemTime},
};

use super::*;
use crate::{
    descriptor::Descriptor,
    reference::Reference,
    source::SourceError,
    testing::{TarBuilder, TestImage, write_folder},
};

const WANTED: Wanted = Wanted { accounts: true, root_hash: true };
const LARGE: u64 = 64 << 20;

/// A source that counts how often it is asked.
struct Counted<'a>(&'a dyn Source, AtomicUsize);

impl Source for Counted<'_> {
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.manifest(wanted)
    }

    fn blob(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.blob(wanted)
    }
}

fn world(dir: &Path) -> (crate::Layout, Descriptor, Reference) {
    let image = TestImage { name: Some("x.example/a:b".to_owned()), ..TestImage::default() }
        .plain(TarBuilder::default().file("etc/passwd", b"a:x:1:2:::").finish());
    write_folder(&dir.join("layout"), &image.files());
    let root = Descriptor {
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        digest: image.digest(),
        size: image.manifest().len() as u64,
        platform: None,
        annotations: Default::default(),
    };
    (crate::Layout::open(&dir.join("layout")).unwrap(), root, "x.example/a:b".parse().unwrap())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_was_found_out_is_not_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, root, _) = world(dir.path());
    let counted = Counted(&layout, AtomicUsize::new(0));
    let run = || {
        // A cache of its own for each run, as in another process.
        let cache = Cache::new(&dir.path().join("cache"), LARGE);
        let image = Image::read(&CachedSource::new(&counted, &cache), &root).unwrap();
        let facts = cache.examine_all(&image, &counted, WANTED).unwrap();
        let accounts = cache.accounts(&image, &counted).unwrap();
        (image, facts, accounts)
    };
    let first = run();
    // Manifest, configuration, and the layer for two questions.
    assert_eq!(counted.1.load(Ordering::Relaxed), 4);
    assert_eq!(run(), first);
    assert_eq!(counted.1.load(Ordering::Relaxed), 4);
}

#[test]
fn an_entry_serves_only_for_exactly_the_same_question() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _, reference) = world(dir.path());
    let cache = Cache::new(&dir.path().join("cache"), LARGE);
    let layer = layout.image(&reference).unwrap().layers.remove(0);
    cache.examine(&layer, &layout, WANTED).unwrap();
    let less = Wanted { root_hash: false, ..WANTED };
    assert_eq!(cache.examine(&layer, &layout, less).unwrap().root_hash, None);
    // A wrong configuration is found also if the layer is known.
    let other = Layer { diff_id: Digest::of(b"other"), ..layer };
    assert!(matches!(cache.examine(&other, &layout, WANTED), Err(LayerError::DiffId { .. })));
}

#[test]
fn damaged_entries_are_found_out_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, root, _) = world(dir.path());
    let folder = dir.path().join("cache");
    let run = || {
        let cache = Cache::new(&folder, LARGE);
        let image = Image::read(&CachedSource::new(&layout, &cache), &root).unwrap();
        (cache.examine(&image.layers[0], &layout, WANTED).unwrap(), image)
    };
    let first = run();
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(70),
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes[3] ^= 1,
    ];
    for damage in damages {
        assert_eq!(entries(&folder).len(), 3);
        for path in entries(&folder) {
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(path, bytes).unwrap();
        }
        assert_eq!(run(), first);
    }
}

#[test]
fn a_part_that_is_not_what_its_digest_says_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, root, _) = world(dir.path());
    let cache = Cache::new(&dir.path().join("cache"), LARGE);
    let blob = dir.path().join("layout/blobs/sha256").join(root.digest.hex());
    let good = fs::read(&blob).unwrap();
    fs::write(&blob, [&good[..], b" "].concat()).unwrap();
    assert!(Image::read(&CachedSource::new(&layout, &cache), &root).is_err());
    fs::write(&blob, good).unwrap();
    Image::read(&CachedSource::new(&layout, &cache), &root).unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, root, _) = world(dir.path());
    fs::write(dir.path().join("file"), b"").unwrap();
    let cache = Cache::new(&dir.path().join("file/cache"), LARGE);
    Image::read(&CachedSource::new(&layout, &cache), &root).unwrap();
}

#[test]
fn what_was_not_used_for_the_longest_time_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let files = |limit| Files::new(dir.path(), limit);
    let key = |n: usize| Digest::of(&[u8::try_from(n).unwrap()]);
    let entry = vec![7; 1000];
    let all = files(LARGE);
    for n in 0..20 {
        all.put(key(n), &entry);
        let used = SystemTime::now() - Duration::from_secs(1000 - n as u64);
        fs::File::open(dir.path().join(key(n).hex())).unwrap().set_modified(used).unwrap();
    }
    // The oldest, but used now.
    assert_eq!(all.get(key(0)), Some(entry.clone()));
    let small = files(10_000);
    small.put(key(20), &entry);
    let kept: Vec<_> = (0..21).filter(|n| small.get(key(*n)).is_some()).collect();
    assert_eq!(kept, [0, 14, 15, 16, 17, 18, 19, 20]);
    for n in 30..90 {
        small.put(key(n), &entry);
        let total: u64 = entries(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(total <= 10_000, "{total}");
    }
}

#[test]
fn what_a_killed_run_left_is_removed_later_and_that_of_a_running_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("1-2-3.new"), dir.path().join("1-2-4.new"));
    for path in [&old, &new] {
        fs::write(path, b"half").unwrap();
    }
    let used = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    fs::File::options().write(true).open(&old).unwrap().set_modified(used).unwrap();
    Files::new(dir.path(), LARGE).put(Digest::of(b"x"), b"y");
    assert!(!old.exists() && new.exists());
}

#[test]
fn several_runs_at_once_disturb_each_other_at_most_by_removing() {
    let dir = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for run in 0..4_u8 {
            let folder = dir.path();
            scope.spawn(move || {
                let files = Files::new(folder, 20_000);
                for n in 0..60_u8 {
                    let content = vec![n % 10; 500];
                    let key = Digest::of(&[n % 10]);
                    files.put(key, &content);
                    // All of an entry, or nothing.
                    assert!(files.get(key).is_none_or(|found| found == content), "{run}");
                    files.put(Digest::of(&[n, run]), &content);
                }
            });
        }
    });
    assert!(entries(dir.path()).iter().all(|path| path.extension().is_none()));
}

#[test]
fn an_image_that_was_read_before_is_known_without_its_source() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, root, _) = world(dir.path());
    let cache = Cache::new(&dir.path().join("cache"), LARGE);
    assert_eq!(cache.image(root.digest), None);
    let image = Image::read(&CachedSource::new(&layout, &cache), &root).unwrap();
    assert_eq!(cache.image(root.digest), Some(image.clone()));
    assert_eq!(cache.known(&image, WANTED), None);
    let facts = cache.examine_all(&image, &layout, WANTED).unwrap();
    assert_eq!(cache.known(&image, WANTED), Some(facts));
}
