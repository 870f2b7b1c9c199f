use std::io::Write as _;

use flate2::{Compression as Level, write::GzEncoder};

use super::*;
use crate::{
    descriptor::Descriptor,
    digest::Digest,
    source::SourceError,
    testing::TarBuilder,
    users::{GroupPart, User},
};

const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

/// Blobs in memory; counts what is opened.
#[derive(Default)]
struct Memory {
    blobs: std::collections::BTreeMap<Digest, Vec<u8>>,
    opened: AtomicUsize,
}

impl Source for Memory {
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.blob(wanted)
    }

    fn blob(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        match self.blobs.get(&wanted.digest) {
            Some(bytes) => Ok(Box::new(bytes.as_slice())),
            None => Err(SourceError::Missing { digest: wanted.digest, place: "memory".to_owned() }),
        }
    }
}

impl Memory {
    fn layer(&mut self, media_type: &str, stored: Vec<u8>, uncompressed: &[u8]) -> Layer {
        let (digest, size) = (Digest::of(&stored), stored.len() as u64);
        self.blobs.insert(digest, stored);
        let descriptor = Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: Default::default(),
        };
        Layer { descriptor, diff_id: Digest::of(uncompressed) }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

const BOTH: Wanted = Wanted { accounts: true, root_hash: true };

fn tar() -> Vec<u8> {
    let noise: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let tar = TarBuilder::default().dir("etc").file("etc/passwd", b"a:x:1:2:::\n").file("noise", &noise);
    [tar.finish(), vec![0; 8192]].concat()
}

#[test]
fn a_layer_says_the_same_however_it_is_compressed() {
    let (tar, mut memory) = (tar(), Memory::default());
    let (front, back) = tar.split_at(70_000);
    let oci = |kind: &str| format!("{PLAIN}{kind}");
    let docker = |kind: &str| format!("application/vnd.docker.image.rootfs.diff.tar{kind}");
    let layers = [
        memory.layer(PLAIN, tar.clone(), &tar),
        memory.layer(&docker(""), tar.clone(), &tar),
        memory.layer(&oci("+gzip"), gzip(&tar), &tar),
        memory.layer(&docker(".gzip"), gzip(&tar), &tar),
        memory.layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", gzip(&tar), &tar),
        memory.layer("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", gzip(&tar), &tar),
        memory.layer(&oci("+zstd"), zstd(&tar), &tar),
        // Both formats may consist of several parts.
        memory.layer(&oci("+gzip"), [gzip(front), gzip(back)].concat(), &tar),
        memory.layer(&oci("+zstd"), [zstd(front), zstd(back)].concat(), &tar),
    ];
    let expected = layers[0].examine(&memory, BOTH).unwrap();
    assert!(expected.root_hash.is_some());
    for layer in &layers {
        assert_eq!(layer.examine(&memory, BOTH).unwrap(), expected, "{:?}", layer.descriptor);
    }
}

#[test]
fn the_root_hash_is_that_of_archive_and_index() {
    let (tar, mut memory) = (tar(), Memory::default());
    let mut index = TarIndex::new(100);
    let mut reader = Reader::new(Streamed(&tar[..]), 100);
    while let Some(entry) = reader.next().unwrap() {
        index.add(&entry).unwrap();
    }
    let mut device = tar.clone();
    index.write(tar.len() as u64, &mut device).unwrap();
    let facts = memory.layer(PLAIN, gzip(&tar), &tar);
    let facts =
        Layer { descriptor: Descriptor { media_type: format!("{PLAIN}+gzip"), ..facts.descriptor }, ..facts }
            .examine(&memory, BOTH)
            .unwrap();
    assert_eq!(facts.root_hash, Some(RootHash::of_data(&device[..]).unwrap()));
}

#[test]
fn a_layer_of_an_unknown_kind_is_named() {
    let mut memory = Memory::default();
    for kind in [format!("{PLAIN}+gzip+encrypted"), format!("{PLAIN}+xz"), "text/plain".to_owned()] {
        let layer = memory.layer(&kind, tar(), &tar());
        let error = layer.examine(&memory, BOTH).unwrap_err();
        assert!(matches!(&error, LayerError::MediaType { media_type, .. } if *media_type == kind), "{error}");
    }
}

#[test]
fn a_layer_that_is_not_what_its_digests_say_tells_nothing() {
    let (tar, mut memory) = (tar(), Memory::default());
    let good = memory.layer(&format!("{PLAIN}+gzip"), gzip(&tar), &tar);
    let stored = memory.blobs[&good.descriptor.digest].clone();
    let mut flipped = stored.clone();
    flipped[stored.len() / 2] ^= 1;
    let short = stored[..stored.len() - 20].to_vec();
    let long = [&stored[..], b"more"].concat();
    for changed in [flipped, short, long, gzip(b"other"), vec![]] {
        memory.blobs.insert(good.descriptor.digest, changed);
        let error = good.examine(&memory, BOTH).unwrap_err();
        assert!(matches!(error, LayerError::Damaged { .. }), "{error}");
    }
    memory.blobs.insert(good.descriptor.digest, stored);
    let other = Layer { diff_id: Digest::of(b"other"), ..good };
    let error = other.examine(&memory, BOTH).unwrap_err();
    assert!(
        matches!(error, LayerError::DiffId { expected, .. } if expected == Digest::of(b"other")),
        "{error}"
    );
    // Broken before it was given its digest.
    for (kind, stored) in [
        ("+gzip", gzip(&tar)[..1000].to_vec()),
        ("+zstd", zstd(&tar)[..1000].to_vec()),
        ("", tar[..1000].to_vec()),
    ] {
        let layer = memory.layer(&format!("{PLAIN}{kind}"), stored, &tar);
        let error = layer.examine(&memory, BOTH).unwrap_err();
        assert!(matches!(error, LayerError::Content { .. }), "{error}");
    }
}

#[test]
fn bombs_are_stopped_by_their_bytes_and_by_their_entries() {
    let limits = Limits { bytes: 1 << 20, ratio: 100, free: 1 << 16, entries: 50 };
    let mut memory = Memory::default();
    let zeros = TarBuilder::default().file("zeros", &vec![0; 900_000]).finish();
    for (kind, stored) in [("+gzip", gzip(&zeros)), ("+zstd", zstd(&zeros))] {
        let layer = memory.layer(&format!("{PLAIN}{kind}"), stored, &zeros);
        let error = layer.examine_within(&memory, BOTH, limits).unwrap_err();
        assert!(matches!(error, LayerError::Expands { .. }), "{error}");
    }
    // In proportion, but too much.
    let large = TarBuilder::default().file("large", &vec![0; 2 << 20]).finish();
    let layer = memory.layer(PLAIN, large.clone(), &large);
    let error = layer.examine_within(&memory, BOTH, limits).unwrap_err();
    assert!(matches!(error, LayerError::Expands { allowed: 1_048_576, .. }), "{error}");
    let many = (0..51).fold(TarBuilder::default(), |tar, n| tar.file(&format!("{n}"), b"")).finish();
    let layer = memory.layer(PLAIN, many.clone(), &many);
    let error = layer.examine_within(&memory, BOTH, limits).unwrap_err();
    assert!(matches!(error, LayerError::Index { .. }), "{error}");
    let accounts = Wanted { accounts: true, root_hash: false };
    let error = layer.examine_within(&memory, accounts, limits).unwrap_err();
    assert!(matches!(error, LayerError::Content { source: TarError::Entries(50), .. }), "{error}");
    // What the usual limits allow: any small layer may consist of zeros.
    let layer = memory.layer(&format!("{PLAIN}+gzip"), gzip(&zeros), &zeros);
    layer.examine(&memory, BOTH).unwrap();
}

#[test]
fn a_zstd_layer_that_needs_much_memory_is_refused() {
    let tar = tar();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(&tar).unwrap();
    let mut memory = Memory::default();
    let layer = memory.layer(&format!("{PLAIN}+zstd"), encoder.finish().unwrap(), &tar);
    let error = layer.examine(&memory, BOTH).unwrap_err();
    assert!(matches!(error, LayerError::Content { .. }), "{error}");
}

/// An image of these layers, bottom first; who `u` is in it, and how many layers were read for it.
fn who(layers: Vec<TarBuilder>) -> Result<(Option<u32>, Option<u32>, usize), AccountsError> {
    let mut memory = Memory::default();
    let layers: Vec<_> = layers
        .into_iter()
        .map(|tar| {
            let tar = tar.finish();
            memory.layer(PLAIN, tar.clone(), &tar)
        })
        .collect();
    let image = Image { digest: None, manifest: None, config: Default::default(), layers };
    let accounts = image.accounts(&memory)?;
    let opened = memory.opened.load(Ordering::Relaxed);
    let facts: Vec<_> = image
        .layers
        .iter()
        .map(|layer| layer.examine(&memory, Wanted { accounts: true, root_hash: false }).unwrap())
        .collect();
    assert_eq!(Image::accounts_of(&facts).unwrap(), accounts);
    let user = accounts.identity(&User::parse("u"), GroupPart::Ignored);
    let group = accounts.memberships("u").into_iter().next();
    Ok((user.unresolved.is_none().then_some(user.uid), group, opened))
}

fn t() -> TarBuilder {
    TarBuilder::default()
}

/// A layer with user 1 in group 10, or other numbers.
fn with(n: u32) -> TarBuilder {
    t().dir("etc")
        .file("./etc/passwd", format!("u:x:{n}:{n}:::\n").as_bytes())
        .file("etc/group", format!("g:x:{n}0:u\n").as_bytes())
}

#[test]
fn the_top_most_layer_that_has_a_file_decides_and_none_below_is_read() {
    assert_eq!(who(vec![]).unwrap(), (None, None, 0));
    assert_eq!(who(vec![with(1)]).unwrap(), (Some(1), Some(10), 1));
    assert_eq!(who(vec![with(1), with(2), t().file("x", b"")]).unwrap(), (Some(2), Some(20), 2));
    let passwd = t().file("/etc/passwd", b"u:x:3:3:::");
    assert_eq!(who(vec![with(1), passwd]).unwrap(), (Some(3), Some(10), 2));
    // Twice in one layer: the later one is what is there in the end.
    let twice = with(1).file("etc/passwd", b"u:x:4:4:::");
    assert_eq!(who(vec![twice]).unwrap(), (Some(4), Some(10), 1));
}

#[test]
fn whiteouts_hide_what_is_below_them() {
    for (upper, expected) in [
        (t().file("etc/.wh.passwd", b""), (None, Some(10))),
        (t().file("./etc/.wh.group", b""), (Some(1), None)),
        (t().file(".wh.etc", b""), (None, None)),
        (t().file(".wh..wh..opq", b""), (None, None)),
        (t().dir("etc").file("etc/.wh..wh..opq", b""), (None, None)),
        // Others are none of our files.
        (
            t().file("etc/.wh.passwd-", b"").file("usr/etc/.wh.passwd", b"").file(".wh.etcetera", b""),
            (Some(1), Some(10)),
        ),
        // What a layer has itself is not hidden by its own marks, whichever comes first.
        (with(2).file("etc/.wh..wh..opq", b""), (Some(2), Some(20))),
        (t().file("etc/.wh..wh..opq", b"").file("etc/passwd", b"u:x:2:2:::"), (Some(2), None)),
        (t().file("etc/.wh.passwd", b"").file("etc/passwd", b"u:x:2:2:::"), (Some(2), Some(10))),
        // Whoever unpacks removes what stands there.
        (with(2).file("etc/.wh.passwd", b""), (None, Some(20))),
        (t().file("etc", b"no directory"), (None, None)),
    ] {
        let (uid, gid, _) = who(vec![with(1), upper]).unwrap();
        assert_eq!((uid, gid), expected);
    }
}

#[test]
fn all_layers_are_examined_in_their_order_and_each_only_once() {
    let mut memory = Memory::default();
    let layers: Vec<_> = (0..9)
        .map(|n| {
            let tar = with(n % 7).finish();
            memory.layer(PLAIN, tar.clone(), &tar)
        })
        .collect();
    let mut image = Image { digest: None, manifest: None, config: Default::default(), layers };
    let facts = image.examine(&memory, BOTH).unwrap();
    assert_eq!(memory.opened.load(Ordering::Relaxed), 7);
    let single: Vec<_> = image.layers.iter().map(|layer| layer.examine(&memory, BOTH).unwrap()).collect();
    assert_eq!(facts, single);
    image.layers[3].diff_id = Digest::of(b"other");
    let error = image.examine(&memory, BOTH).unwrap_err();
    assert!(matches!(error, LayerError::DiffId { .. }), "{error}");
    image.layers.clear();
    assert_eq!(image.examine(&memory, BOTH).unwrap(), []);
}

#[test]
fn chain_ids_stand_for_a_layer_on_those_below_it() {
    let mut memory = Memory::default();
    let layers = [b"a", b"b", b"c"].map(|bytes| memory.layer(PLAIN, vec![], bytes)).to_vec();
    let image = Image { digest: None, manifest: None, config: Default::default(), layers };
    let [a, b, c] = image.chain_ids()[..] else { panic!() };
    assert_eq!(a, Digest::of(b"a"));
    assert_eq!(b, Digest::of(format!("{a} {}", Digest::of(b"b")).as_bytes()));
    assert_eq!(c, Digest::of(format!("{b} {}", Digest::of(b"c")).as_bytes()));
}

#[test]
fn a_file_that_is_somewhere_else_is_an_error_that_says_what_to_do() {
    let long = vec![b'#'; (1 << 20) + 1];
    for layer in [
        t().symlink("etc/passwd", "../usr/passwd"),
        t().hard_link("etc/passwd", "x"),
        t().dir("etc/passwd"),
        t().symlink("etc", "usr/etc"),
        t().file("etc/passwd", &long),
    ] {
        let error = who(vec![with(1), layer.clone(), t().file("x", b"")]).unwrap_err();
        assert!(error.to_string().contains("by number"), "{error}");
        // Unless a layer above has the file.
        let (uid, _, _) = who(vec![layer, with(2)]).unwrap();
        assert_eq!(uid, Some(2));
    }
}
