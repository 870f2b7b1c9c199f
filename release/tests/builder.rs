//! Images from a package that this test makes itself: no network is asked.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use contrast_image::Digest;
use contrast_release::{
    BuildError, Builder, Built, Bundle, BundleError, Entry, Name, Origin, PackageError, Pin, Programs,
    Recipes, Release, Store, StoreError, debian, options,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

const RECIPE: &str = r#"
[image]
description = "An image for a test"
user = "65532:65532"
entrypoint = ["/usr/bin/own", "--serve"]

[[program]]
package = "contrast-release"
name = "own"

[[debian]]
package = "things"
files = ["/etc/one.conf", "/sbin/tool*"]
joined = { files = ["/usr/share/parts/*.crt"], to = "/etc/all.crt" }
"#;

/// Recipes, a store with one package, and a folder with one program.
struct Kitchen {
    dir: TempDir,
    pin: Pin,
}

impl Kitchen {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let package = dir.path().join("package");
        let write = |path: PathBuf, text: &str, mode| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let control = "Package: things\nVersion: 1:2-3\nArchitecture: all\nMaintainer: Nobody <a@example>\nDescription: x\n";
        for (path, text, mode) in [
            ("DEBIAN/control", control, 0o644),
            ("etc/one.conf", "one", 0o600),
            ("etc/other.conf", "other", 0o644),
            ("sbin/tool", "tool", 0o4755),
            ("usr/share/parts/b.crt", "b", 0o644),
            ("usr/share/parts/a.crt", "a", 0o644),
            ("usr/share/doc/things/copyright", "free", 0o644),
        ] {
            write(package.join(path), text, mode);
        }
        let file = dir.path().join("things.deb");
        let mut build = Command::new("dpkg-deb");
        build.args(["--build", "--root-owner-group"]).arg(&package).arg(&file);
        assert!(build.output().unwrap().status.success());
        let digest = Digest::of(&fs::read(&file).unwrap());
        fs::create_dir(dir.path().join("store")).unwrap();
        fs::rename(&file, Store::new(&dir.path().join("store")).place(digest)).unwrap();
        write(dir.path().join("programs/own"), "a program", 0o755);
        write(dir.path().join("recipes/base.toml"), "", 0o644);
        write(dir.path().join("recipes/own.toml"), RECIPE, 0o644);
        Self { dir, pin: Pin { version: "1:2-3".to_owned(), sha256: digest } }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn builder(&self) -> Builder {
        let mut recipes = Recipes::read(&self.path("recipes")).unwrap();
        recipes.packages = BTreeMap::from([("things".to_owned(), self.pin.clone())]);
        Builder {
            recipes,
            store: Store::new(&self.path("store")),
            programs: Programs { root: options::root(), origin: Origin::Folder(self.path("programs")) },
            release: Release {
                registry: "registry.example/own".to_owned(),
                version: "1.2.3".to_owned(),
                revision: Some("abc".to_owned()),
                time: OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap(),
            },
            named_runtimes: true,
        }
    }

    fn build(&self) -> Result<Built, BuildError> {
        let builder = self.builder();
        builder.build("own", &builder.recipes.images["own"])
    }

    /// Builds with a recipe in which something is replaced.
    fn refusal(&self, from: &str, to: &str) -> BuildError {
        assert!(RECIPE.contains(from), "{from}");
        fs::write(self.path("recipes/own.toml"), RECIPE.replace(from, to)).unwrap();
        self.build().err().expect("a refusal")
    }
}

#[test]
fn an_image_has_what_its_recipe_names_and_the_licences_and_nothing_else() {
    let kitchen = Kitchen::new();
    let built = kitchen.build().unwrap();
    let file = |content: &str, executable| Entry::File { content: content.into(), executable };
    let expected = [
        ("/etc/all.crt", file("ab", false)),
        ("/etc/one.conf", file("one", false)),
        ("/usr/bin/own", file("a program", true)),
        ("/usr/sbin/tool", file("tool", true)),
        ("/usr/share/doc/things/copyright", file("free", false)),
    ];
    let found: Vec<_> =
        built.content.entries().map(|(name, entry)| (name.to_string(), entry.clone())).collect();
    assert_eq!(found, expected.map(|(name, entry)| (name.to_owned(), entry)));
}

#[test]
fn an_image_says_what_it_is_and_from_when() {
    let kitchen = Kitchen::new();
    let built = kitchen.build().unwrap();
    assert_eq!(built.image.name, "registry.example/own/own:v1.2.3");
    let files = built.image.layout();
    let blob = |descriptor: &Value| -> Value {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        serde_json::from_slice(&files[&format!("blobs/sha256/{digest}")]).unwrap()
    };
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let manifest = blob(&index["manifests"][0]);
    let config = blob(&manifest["config"]);
    let labels = json!({
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
        "org.opencontainers.image.description": "An image for a test",
        "org.opencontainers.image.revision": "abc",
        "org.opencontainers.image.title": "own",
        "org.opencontainers.image.version": "1.2.3",
    });
    assert_eq!(config["config"]["Labels"], labels);
    assert_eq!(manifest["annotations"], labels);
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], json!(["/usr/bin/own", "--serve"]));
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
}

#[test]
fn the_list_names_packages_with_their_digests_and_crates_with_their_licences() {
    let kitchen = Kitchen::new();
    let built = kitchen.build().unwrap();
    let document: Value = serde_json::from_str(&built.sbom).unwrap();
    let packages = document["packages"].as_array().unwrap();
    let of = |purl: &str| {
        let names = |package: &&Value| {
            package["externalRefs"][0]["referenceLocator"]
                .as_str()
                .is_some_and(|found| found.starts_with(purl))
        };
        packages.iter().find(names).unwrap_or_else(|| panic!("no {purl}"))
    };
    let debian = of("pkg:deb/debian/things@1%3A2-3?arch=amd64");
    assert_eq!(debian["checksums"][0]["checksumValue"], kitchen.pin.sha256.hex());
    let krate = of("pkg:cargo/serde_json@");
    assert_eq!(krate["licenseDeclared"], "MIT OR Apache-2.0");
    assert_eq!(krate["checksums"][0]["checksumValue"].as_str().map(str::len), Some(64));
    of("pkg:generic/rust@");
    // What is compiled into nothing is not listed.
    assert!(!built.sbom.contains("pkg:cargo/clap_derive@"));
    assert_eq!(packages[0]["checksums"][0]["checksumValue"], built.image.digest().hex());
}

#[test]
fn a_package_that_was_changed_on_the_disk_is_not_used() {
    let kitchen = Kitchen::new();
    let place = Store::new(&kitchen.path("store")).place(kitchen.pin.sha256);
    let mut bytes = fs::read(&place).unwrap();
    bytes[200] ^= 1;
    fs::write(&place, bytes).unwrap();
    let error = kitchen.build().err().unwrap();
    assert!(
        matches!(error, BuildError::Package(PackageError::Store(StoreError::Other { name, .. })) if name == "things")
    );
}

#[test]
fn a_version_that_is_no_longer_served_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let pin = Pin { version: "0-no-such-version".to_owned(), sha256: Digest::of(b"") };
    let error = debian::fetch(&Store::new(dir.path()), &[("libc6", &pin)].into()).unwrap_err();
    let said = error.to_string();
    for part in ["libc6=0-no-such-version", "images --update", dir.path().to_str().unwrap(), "was not found"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "something is left");
}

#[test]
fn what_a_recipe_names_has_to_be_there() {
    let kitchen = Kitchen::new();
    let error = kitchen.refusal("/etc/one.conf", "/etc/none.conf");
    assert!(matches!(&error, BuildError::NoFile { package, .. } if package == "things"), "{error}");
    let error = kitchen.refusal("/usr/bin/own\"", "/usr/bin/other\"");
    assert!(
        matches!(&error, BuildError::NoEntrypoint { program, .. } if program == "/usr/bin/other"),
        "{error}"
    );
    let error = kitchen.refusal("/etc/all.crt", "/etc/one.conf");
    assert!(matches!(error, BuildError::Tree(_)), "{error}");
}

#[test]
fn an_image_whose_program_lacks_a_library_is_refused() {
    let kitchen = Kitchen::new();
    fs::copy("/proc/self/exe", kitchen.path("programs/own")).unwrap();
    let error = kitchen.build().err().unwrap();
    assert!(matches!(error, BuildError::Gaps { .. }), "{error}");
    assert!(error.to_string().contains("/usr/bin/own needs `libc.so.6`"), "{error}");
}

#[test]
fn a_release_pins_its_images_in_resources_and_lists_every_file() {
    let kitchen = Kitchen::new();
    let (builder, dist) = (kitchen.builder(), kitchen.path("dist"));
    let mut bundle = Bundle::create(&dist).unwrap();
    let pinned = bundle.add_image(&builder, "own").unwrap();
    let deploy = kitchen.path("deploy");
    for (name, text) in [
        ("own.yml", "image: ghcr.io/edgelesssys/contrast/own:latest\n"),
        ("chart/values.yaml", "image: ghcr.io/edgelesssys/contrast/other:latest\n"),
        ("runtimes.json", "{}"),
    ] {
        fs::create_dir_all(deploy.join(name).parent().unwrap()).unwrap();
        fs::write(deploy.join(name), text).unwrap();
    }
    bundle.add_resources(&deploy).unwrap();
    bundle.finish().unwrap();
    let read = |name: &str| fs::read_to_string(dist.join(name)).unwrap();
    assert_eq!(read("deploy/own.yml"), format!("image: {pinned}\n"));
    assert!(read("deploy/chart/values.yaml").contains("contrast/other:latest"));
    let sums = read("SHA256SUMS");
    let listed: Vec<_> =
        sums.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name).collect();
    assert_eq!(
        listed,
        ["deploy/chart/values.yaml", "deploy/own.yml", "images/own.tar", "sbom/own.spdx.json"]
    );
    let mut check = Command::new("sha256sum");
    assert!(
        check
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(&dist)
            .output()
            .unwrap()
            .status
            .success()
    );
}

#[test]
fn a_runtime_is_named_after_its_files_also_in_resources() {
    let kitchen = Kitchen::new();
    let runtime = r#"
[runtime]
platform = "simulated"
[[runtime.file]]
source = "/usr/bin/own"
path = "/opt/edgeless/@@runtimeName@@/bin/own"
"#;
    fs::write(kitchen.path("recipes/own.toml"), format!("{RECIPE}{runtime}")).unwrap();
    let configuration = |built: &Built| -> Value {
        let name = Name::new("/config/contrast-node-install.json").unwrap();
        let Some(Entry::File { content, .. }) = built.content.get(&name) else { panic!("no configuration") };
        serde_json::from_slice(content).unwrap()
    };
    let first = configuration(&kitchen.build().unwrap());
    let file = &first["files"][0];
    assert_eq!(file["url"], "file:///usr/bin/own");
    assert_eq!(file["path"], "/opt/edgeless/@@runtimeName@@/bin/own");
    assert_eq!(file["executable"], true);
    // SHA-256 of `a program`.
    assert_eq!(file["integrity"], "sha256-1p6ozaJDNzPBzgLeZdqPSOaj27prsYh2ogYpCOVO98s=");
    let handler = first["handler"].as_str().unwrap();
    assert!(handler.starts_with("contrast-cc-simulated-") && !handler.ends_with("00000000"), "{handler}");

    let (builder, dist) = (kitchen.builder(), kitchen.path("dist"));
    let mut bundle = Bundle::create(&dist).unwrap();
    bundle.add_image(&builder, "own").unwrap();
    let deploy = kitchen.path("deploy");
    fs::create_dir_all(&deploy).unwrap();
    fs::write(deploy.join("own.yml"), "handler: contrast-cc-simulated-00000000\n").unwrap();
    bundle.add_resources(&deploy).unwrap();
    let text = fs::read_to_string(dist.join("deploy/own.yml")).unwrap();
    assert_eq!(text, format!("handler: {handler}\n"));

    fs::write(kitchen.path("programs/own"), "another program").unwrap();
    assert_ne!(configuration(&kitchen.build().unwrap())["handler"], handler);
    let unreleased = Builder { named_runtimes: false, ..kitchen.builder() };
    let built = unreleased.build("own", &unreleased.recipes.images["own"]).unwrap();
    assert_eq!(configuration(&built)["handler"], "contrast-cc-simulated-00000000");

    let missing = runtime.replace("/usr/bin/own", "/usr/bin/none");
    fs::write(kitchen.path("recipes/own.toml"), format!("{RECIPE}{missing}")).unwrap();
    let error = kitchen.build().err().unwrap();
    assert!(error.to_string().contains("/usr/bin/none"), "{error}");
}

#[test]
fn a_program_that_pins_other_images_is_not_released() {
    let kitchen = Kitchen::new();
    let mut bundle = Bundle::create(&kitchen.path("dist")).unwrap();
    let pinned = bundle.add_image(&kitchen.builder(), "own").unwrap();
    fs::copy("/bin/true", kitchen.path("programs/contrast")).unwrap();
    let error = bundle.add_cli(&kitchen.builder()).unwrap_err();
    assert!(matches!(error, BundleError::NotPinned(image) if image == pinned));
}

#[test]
fn a_folder_with_other_files_is_left_alone_and_an_earlier_release_replaced() {
    let kitchen = Kitchen::new();
    assert!(matches!(Bundle::create(&kitchen.path("recipes")), Err(BundleError::Occupied(_))));
    assert!(kitchen.path("recipes/own.toml").exists());
    let dist = kitchen.path("dist");
    Bundle::create(&dist).unwrap().add_image(&kitchen.builder(), "own").unwrap();
    Bundle::create(&dist).unwrap();
    assert!(!dist.join("images").exists());
}
