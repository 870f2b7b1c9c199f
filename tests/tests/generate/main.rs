//! `contrast generate`, the real program, on real resources, images and registries.
//!
//! `ways` goes through the ways in which resources come in and go out, `contents` through what comes out, `bad_input` through what is
//! refused, `images` through registries, `accidents` through what may happen on the way, `released` through what is in `deploy`, and
//! `together` through a pod that wants everything.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod accidents;
mod bad_input;
mod contents;
mod images;
mod released;
mod together;
mod ways;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use contrast_tests::{
    Answer, ContainerImage, Deployment, image_replacements, project_images, workspace_root, write_layout,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder to work in: resources, images on disk, owners' keys.
struct Room {
    folder: TempDir,
}

/// What every run needs.
const USUAL: [&str; 8] = [
    "generate",
    "--reference-values",
    "simulated",
    "--simulator-dir",
    "simulator",
    "--image-layout",
    "images",
    "--image-replacements=image-replacements.txt",
];

impl Room {
    /// With the example application.
    fn shop() -> Self {
        let room = Self::with(&[]);
        fs::copy(workspace_root().join("deploy/shop.yml"), room.path("resources/shop.yml")).unwrap();
        room
    }

    /// Without resources.
    fn empty() -> Self {
        // Keys and a processor take seconds to make.
        static TEMPLATE: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let deployment = Deployment::new();
            let mut files = BTreeMap::new();
            for name in ["workload-owner.pem", "seedshare-owner.pem"] {
                files.insert(name.into(), fs::read(deployment.workspace.join(name)).unwrap());
            }
            for entry in fs::read_dir(&deployment.simulator).unwrap() {
                let path = entry.unwrap().path();
                files.insert(Path::new("simulator").join(path.file_name().unwrap()), fs::read(path).unwrap());
            }
            files
        });
        let room = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["simulator", "resources"] {
            fs::create_dir(room.path(folder)).unwrap();
        }
        for (path, content) in template {
            fs::write(room.folder.path().join(path), content).unwrap();
        }
        let images = project_images();
        room.write("image-replacements.txt", &image_replacements(&images));
        write_layout(&room.path("images"), &[&images[..], &[application()]].concat());
        room
    }

    /// With these files, beside the Coordinator.
    fn with(files: &[(&str, &str)]) -> Self {
        let room = Self::empty();
        let coordinator = workspace_root().join("deploy/coordinator.yml");
        fs::copy(coordinator, room.path("resources/coordinator.yml")).unwrap();
        for (name, text) in files {
            room.write(name, text);
        }
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// The command with the usual options and these.
    fn command(&self, more: &[&str]) -> Command {
        self.bare_command(&[&USUAL[..], more].concat())
    }

    /// The command with these arguments only. What is known of images is kept in the room.
    fn bare_command(&self, arguments: &[&str]) -> Command {
        let mut command = Answer::command(self.folder.path(), arguments);
        command
            .env("CONTRAST_CACHE_DIR", self.path("cache"))
            .env_remove("DOCKER_CONFIG")
            .env("HOME", self.folder.path());
        command
    }

    fn run(&self, more: &[&str]) -> Answer {
        Answer::of(self.command(more))
    }

    /// The same with a text on standard input.
    fn run_with(&self, input: &str, more: &[&str]) -> Answer {
        self.feed(self.command(more), input)
    }

    /// Runs a command with a text on standard input.
    fn feed(&self, mut command: Command, input: &str) -> Answer {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        // A program that does not want its input is right to end before it has read it.
        let _ = writer.join().unwrap();
        Answer {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn manifest(&self) -> Value {
        serde_json::from_str(&self.read("manifest.json")).unwrap()
    }

    /// All files but what is known of images, with their content.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(self.folder.path(), &mut files);
        files.retain(|path, _| !path.starts_with(self.path("cache")));
        files
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
}

/// Somebody's image, which nothing replaces.
fn application() -> ContainerImage {
    let process = json!({ "Entrypoint": ["/bin/web"], "Env": ["PATH=/bin"] });
    ContainerImage::new("registry.example/shop/web:1.4.2", process)
}

/// An object that makes confidential pods of it.
fn pod(name: &str) -> String {
    let image = &application().pinned();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  runtimeClassName: contrast-cc\n  containers:\n  - name: main\n    image: {image}\n"
    )
}
