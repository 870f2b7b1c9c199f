//! `contrast generate`, and what it does with layers.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use contrast_image::RootHash;
use contrast_tests::{
    Answer, ContainerImage, Deployment, Registry, image_replacements, project_images, workspace_root,
    write_layout,
};
use flate2::read::GzDecoder;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    append::timed,
    table::{Bound, Row, median},
};

/// Runs of which the median counts.
const RUNS: usize = 31;
/// Layers that a node shows to the guest are hashed, in images of this many bytes.
const LAYER: usize = 24 << 20;
const IMAGES: usize = 4;
const WORKLOADS: usize = 20;
/// A gigabyte.
const LARGE: usize = 1 << 30;

/// All rows.
pub(crate) fn rows() -> Vec<Row> {
    let [absolute, relative] = small_pod();
    vec![absolute, relative, twenty_workloads(), large_layer(), root_hashes()]
}

/// A workspace with owners' keys and a Coordinator.
struct Room {
    deployment: Deployment,
}

impl Room {
    fn new() -> Self {
        let deployment = Deployment::new();
        let resources = deployment.workspace.join("resources");
        fs::remove_dir_all(&resources).expect("it was made");
        fs::remove_file(deployment.manifest_path()).expect("it was made");
        fs::create_dir(&resources).expect("there is room");
        let room = Self { deployment };
        fs::copy(workspace_root().join("deploy/coordinator.yml"), resources.join("coordinator.yml"))
            .expect("it can be copied");
        let images = project_images();
        fs::write(room.path("images.txt"), image_replacements(&images)).expect("there is room");
        write_layout(&room.path("layout"), &images);
        room
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.deployment.workspace.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(&format!("resources/{name}.yaml")), text).expect("there is room");
    }

    fn command(&self, more: &[&str]) -> Command {
        let usual = ["generate", "--image-layout=layout", "--image-replacements=images.txt"];
        let mut command =
            Answer::command(&self.deployment.workspace, [&usual[..], more, &["resources"]].concat());
        command.env("CONTRAST_CACHE_DIR", self.path("cache")).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn pod(name: &str, image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: {name} }}\nspec:\n  runtimeClassName: contrast-cc\n  containers:\n  \
         - {{ name: main, image: \"{image}\", securityContext: {{ runAsUser: 1, runAsGroup: 1 }} }}\n"
    )
}

/// Everything is known: the whole process, against the same program that only says its version.
fn small_pod() -> [Row; 2] {
    let room = Room::new();
    room.write("web", &pod("web", &project_images()[0].pinned()));
    let generate = || {
        let mut command = room.command(&["--reference-values=metal-qemu-snp"]);
        timed(|| assert!(command.status().expect("it can be started").success()))
    };
    let version = || {
        let mut command = Answer::command(&room.deployment.workspace, ["--version"]);
        command.stdout(Stdio::null());
        timed(|| assert!(command.status().expect("it can be started").success()))
    };
    generate();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(generate());
        theirs.push(version());
    }
    let (ours, theirs) = (median(ours) * 1000.0, median(theirs) * 1000.0);
    let row = |what: &str, against: String, value, bound| Row {
        what: format!("`contrast generate` for one small pod, {what}"),
        measured: format!("{ours:.1} ms"),
        against,
        value,
        bound,
    };
    let alone = format!("`contrast --version`: {theirs:.1} ms");
    [
        row("everything known, p50", "–".into(), ours, Bound::Milliseconds(40.0)),
        row("against the program alone", alone, ours / theirs, Bound::Times(20.0)),
    ]
}

/// Nothing is known: images come from a registry on this machine, and their layers are hashed.
fn twenty_workloads() -> Row {
    let room = Room::new();
    let registry = Registry::start();
    let images: Vec<_> = (0..IMAGES)
        .map(|number| {
            let name = format!("{}/app/{number}:1", registry.address);
            let process = json!({ "Cmd": ["/bin/app"], "Env": ["PATH=/bin"] });
            let image = ContainerImage::compressed(&name, process, "data", &noise(number as u64, LAYER));
            registry.push(&image);
            image
        })
        .collect();
    for (number, image) in (0..WORKLOADS).zip(images.iter().cycle()) {
        let name = format!("pod-{number}");
        room.write(&name, &pod(&name, &image.pinned()));
    }
    let pause = project_images()[0].pinned();
    fs::write(room.path("settings.json"), json!({ "pause_image": pause }).to_string())
        .expect("there is room");
    let insecure = format!("--insecure-registry={}", registry.address);
    let mut command = room.command(&["--reference-values=aks-clh-snp", &insecure]);
    let ours = timed(|| assert!(command.status().expect("it can be started").success()));
    let alone = timed(|| by_themselves(&registry, &images));
    let value = (ours - alone).max(0.0) * 1000.0;
    Row {
        what: format!(
            "`contrast generate` for {WORKLOADS} workloads that share {IMAGES} images, nothing known"
        ),
        measured: format!("{:.2} s", ours),
        against: format!("downloading, decompressing and hashing the layers: {alone:.2} s"),
        value,
        bound: Bound::Milliseconds(1000.0),
    }
}

/// Gets, decompresses and hashes all layers, on as many threads as there are processors.
fn by_themselves(registry: &Registry, images: &[ContainerImage]) {
    let left = Mutex::new(images.iter().collect::<Vec<_>>());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                while let Some(image) = left.lock().ok().and_then(|mut left| left.pop()) {
                    let stored = registry.layer(image);
                    let mut data = Vec::new();
                    GzDecoder::new(stored.as_slice()).read_to_end(&mut data).expect("it is compressed");
                    let hashes = [Sha256::digest(&stored), Sha256::digest(&data)];
                    RootHash::of_data(data.as_slice()).expect("memory can be read");
                    std::hint::black_box(hashes);
                }
            });
        }
    });
}

/// The most memory that a run needs which reads a layer of a gigabyte.
fn large_layer() -> Row {
    let room = Room::new();
    let process = json!({ "Cmd": ["/bin/app"] });
    let image = ContainerImage::with_file("registry.example/large:1", process, "data", &noise(9, LARGE));
    write_layout(&room.path("large"), std::slice::from_ref(&image));
    room.write("large", &pod("large", &image.pinned()));
    drop(image);
    let pause = project_images()[0].pinned();
    fs::write(room.path("settings.json"), json!({ "pause_image": pause }).to_string())
        .expect("there is room");
    let mut command = room.command(&["--reference-values=aks-clh-snp", "--image-layout=large"]);
    let mut child = command.spawn().expect("it can be started");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0;
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("it was started") {
            break ended;
        }
        most = peak(&status).unwrap_or(most);
        thread::sleep(Duration::from_millis(5));
    };
    assert!(ended.success(), "generate failed");
    Row {
        what: "memory of `contrast generate` with a layer of 1 GiB".into(),
        measured: format!("{most:.1} MiB resident at most"),
        against: "–".into(),
        value: most,
        bound: Bound::Mib(64.0),
    }
}

/// The largest resident memory so far, in MiB, as long as the process runs.
fn peak(status: &str) -> Option<f64> {
    let text = fs::read_to_string(Path::new(status)).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

/// Root hashes on all processors at once, against what OpenSSL says of SHA-256 with blocks of the same size.
fn root_hashes() -> Row {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let data = noise(5, LARGE / processors);
    let seconds = timed(|| {
        thread::scope(|scope| {
            for _ in 0..processors {
                scope.spawn(|| RootHash::of_data(data.as_slice()).expect("memory can be read"));
            }
        });
    });
    let ours = (data.len() * processors) as f64 / seconds;
    let theirs = openssl_speed(processors);
    let rate = |bytes: f64| format!("{:.0} MB/s", bytes / 1e6);
    Row {
        what: format!("dm-verity root hash of 1 GiB, on {processors} processors"),
        measured: rate(ours),
        against: format!("`openssl speed -evp sha256 -bytes 4096`: {}", rate(theirs)),
        value: ours / theirs,
        bound: Bound::Share(0.95),
    }
}

/// Bytes a second, on all processors together.
fn openssl_speed(processors: usize) -> f64 {
    let mut command = Command::new("openssl");
    command.args([
        "speed",
        "-mr",
        "-seconds",
        "2",
        "-evp",
        "sha256",
        "-bytes",
        "4096",
        "-multi",
        &processors.to_string(),
    ]);
    let output = command.output().expect("openssl of Debian's package of that name");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // The last line with all processes together: `+F:NUMBER:NAME:RATE`.
    let rate =
        text.lines().rev().find_map(|line| line.strip_prefix("+F:")?.rsplit(':').next()?.trim().parse().ok());
    rate.unwrap_or_else(|| panic!("openssl speed says no rate:\n{text}"))
}

/// Bytes that compress about as programs do: half of them are the same.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 16);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = bytes.write_all(&state.to_le_bytes());
        let _ = bytes.write_all(&[0; 8]);
    }
    bytes.truncate(length);
    bytes
}
