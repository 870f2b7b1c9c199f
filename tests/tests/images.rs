//! The container images of the programs: the same bytes each time, and everything in them that the programs need.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, process::Command, sync::OnceLock};

use contrast_image::{Image, Layout, Reference};
use contrast_release::{Built, Entry, Name, Tree, gaps};
use contrast_tests::{Registry, image_builder};
use tempfile::TempDir;

/// Images by the names of their recipes.
fn images() -> &'static BTreeMap<String, Built> {
    static IMAGES: OnceLock<BTreeMap<String, Built>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let builder = image_builder();
        let build =
            |name: &str, recipe| (name.to_owned(), builder.build(name, recipe).expect("it can be built"));
        builder.recipes.images.iter().map(|(name, recipe)| build(name, recipe)).collect()
    })
}

/// A folder with the files of an image and nothing else.
struct Root {
    dir: TempDir,
    image: Image,
}

impl Root {
    fn of(built: &Built) -> Self {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let (layout, root) = (dir.path().join("layout"), dir.path().join("root"));
        built.image.write(&layout).expect("it can be written");
        fs::create_dir(&root).expect("a folder can be made");
        let reference = built.image.pinned().parse().expect("it is a name");
        let image = Layout::open(&layout).and_then(|layout| layout.image(&reference)).expect("it is there");
        for layer in &image.layers {
            let blob = layout.join("blobs/sha256").join(layer.descriptor.digest.hex());
            let unpacked = Command::new("tar").arg("-xzf").arg(&blob).arg("-C").arg(&root).status();
            assert!(unpacked.expect("tar can be started").success());
        }
        Self { dir, image }
    }

    /// Runs a program that sees nothing but these files, and returns all that it printed.
    fn run(&self, command: &[&str]) -> String {
        let mut inside = Command::new("unshare");
        inside.arg("--map-root-user").arg(format!("--root={}", self.dir.path().join("root").display()));
        inside
            .args(command)
            .env_clear()
            .envs(self.image.config.env.iter().filter_map(|entry| entry.split_once('=')));
        let output = inside.output().expect("unshare can be started");
        let said =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "{command:?}: {said}");
        said
    }
}

#[test]
fn a_second_build_gives_the_same_bytes() {
    let builder = image_builder();
    for (name, recipe) in &builder.recipes.images {
        let (first, second) = (&images()[name], builder.build(name, recipe).unwrap());
        assert_eq!(first.image.digest(), second.image.digest(), "{name}");
        assert!(first.image.layout() == second.image.layout(), "{name}");
        assert_eq!(first.sbom, second.sbom, "{name}");
    }
}

/// Programs in the images, by recipe, and part of what they say of themselves.
const PROGRAMS: &[(&str, &[&str], &str)] = &[
    ("coordinator", &["coordinator", "--help"], "Usage: coordinator"),
    ("coordinator", &["mkfs.ext4", "-V"], "mke2fs 1."),
    ("initializer", &["initializer", "--help"], "Usage: initializer"),
    ("initializer", &["mkfs.ext4", "-V"], "mke2fs 1."),
    ("initializer", &["cryptsetup", "--version"], "cryptsetup 2."),
    ("initializer", &["iptables-legacy", "--version"], "iptables v1."),
    ("node-installer-simulated", &["node-installer", "--help"], "Usage: node-installer"),
    ("port-forwarder", &["socat", "-V"], "socat version 1."),
    ("service-mesh-proxy", &["service-mesh", "--help"], "Usage: service-mesh"),
    ("service-mesh-proxy", &["iptables-legacy-restore", "--version"], "iptables-restore v1."),
    ("service-mesh-proxy", &["ip6tables-legacy-restore", "--version"], "ip6tables-restore v1."),
    ("service-mesh-proxy", &["nft", "--version"], "nftables v1."),
    ("service-mesh-proxy", &["envoy", "--version"], "/1.40.0/"),
    ("shop", &["shop", "--help"], "Usage: shop"),
];

#[test]
fn every_program_starts_with_nothing_but_the_files_of_its_image() {
    for (name, built) in images() {
        let root = Root::of(built);
        let programs: Vec<_> = PROGRAMS.iter().filter(|(image, ..)| image == name).collect();
        let first = root.image.config.entrypoint[0].rsplit('/').next();
        assert!(
            programs.iter().any(|(_, command, _)| first == Some(command[0])),
            "{name} lacks {first:?} above"
        );
        for (_, command, expected) in programs {
            let said = root.run(command);
            assert!(said.contains(expected), "{command:?}: {said}");
        }
    }
}

#[test]
fn no_image_has_a_shell_or_a_file_that_gives_rights() {
    for (name, image) in images() {
        for (path, entry) in image.content.entries() {
            let shells = ["sh", "bash", "dash", "busybox", "perl", "python3"];
            assert!(!shells.contains(&path.file_name()), "{name}: {path}");
            // Archives have no other permissions than these.
            assert!(matches!(entry, Entry::File { .. } | Entry::Link(_)), "{name}: {path}");
        }
    }
}

#[test]
fn a_library_that_is_left_out_is_missed() {
    let content = &images()["coordinator"].content;
    assert_eq!(gaps(content), []);
    let left_out = Name::new("/usr/lib/x86_64-linux-gnu/libgcc_s.so.1").unwrap();
    let mut without = Tree::default();
    for (name, entry) in content.entries().filter(|(name, _)| **name != left_out) {
        without.put(name.clone(), entry.clone()).unwrap();
    }
    let missed = gaps(&without);
    let by = |program: &str| missed.iter().any(|gap| gap.to_string().contains(program));
    assert!(by("/usr/bin/coordinator needs `libgcc_s.so.1`"), "{missed:?}");
}

#[test]
fn the_project_reads_its_own_images_by_tag_and_by_digest() {
    let dir = tempfile::tempdir().unwrap();
    for (name, built) in images() {
        let folder = dir.path().join(name);
        built.image.write(&folder).unwrap();
        let layout = Layout::open(&folder).unwrap();
        for reference in [built.image.name.clone(), built.image.pinned()] {
            let reference: Reference = reference.parse().unwrap();
            let image = layout.image(&reference).unwrap();
            assert_eq!(image.manifest, Some(built.image.digest()), "{name}");
        }
    }
}

#[test]
fn a_registry_takes_an_image_and_gives_it_back_under_the_same_digest() {
    let registry = Registry::start();
    let root = Root::of(&images()["coordinator"]);
    let there = format!("docker://{}/contrast/coordinator:v0", registry.address);
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("skopeo").args(arguments).output().expect("skopeo can be started");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let layout = format!("oci:{}", root.dir.path().join("layout").display());
    // Which signatures images need is for the machine to say, and not for this test.
    skopeo(&["--insecure-policy", "copy", "--preserve-digests", "--dest-tls-verify=false", &layout, &there]);
    let digest = skopeo(&["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &there]);
    assert_eq!(digest, images()["coordinator"].image.digest().to_string());
}
