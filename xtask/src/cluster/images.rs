//! The images that a node has from the beginning, made of files of this machine, in the form of `docker save`.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::programs::Programs;
use crate::{failure::Failure, process, workspace};

/// What the static shell of Debian loads when it looks a name up.
const NAMES: [&str; 5] =
    ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2", "libc.so.6", "ld-linux-x86-64.so.2"];
const LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// Writes the archives into `folder`.
///
/// # Errors
/// When a file is missing, or there is no room.
pub(super) fn make(folder: &Path, programs: &Programs) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(Failure::writing(folder))?;
    let kube = programs.kube();
    // As the image of this name says everywhere: policies compare it.
    let pause = Image { name: "registry.k8s.io/pause:3.10", entrypoint: "/pause", user: "65535:65535" };
    pause.write(folder, |root| copy(&kube.join("pause"), &root.join("pause")))?;
    let coredns = Image { name: "localhost/coredns:cluster", entrypoint: "/coredns", user: "" };
    coredns.write(folder, |root| copy(&kube.join("coredns"), &root.join("coredns")))?;
    // Under the name by which other clusters pull one, so that what is written for them works here.
    let shell = Image { name: "docker.io/library/busybox:stable", entrypoint: "", user: "" };
    shell.write(folder, busybox)
}

struct Image {
    name: &'static str,
    /// The program that it runs, if any.
    entrypoint: &'static str,
    /// As whom, if not as root.
    user: &'static str,
}

/// Where programs are found, as in most images.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Image {
    /// Packs what `fill` puts into a folder.
    fn write(&self, folder: &Path, fill: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
        let short = self.name.rsplit('/').next().unwrap_or(self.name).split(':').next().unwrap_or_default();
        let work = folder.join(short);
        let root = work.join("root");
        fs::create_dir_all(&root).map_err(Failure::writing(&root))?;
        fill(&root)?;
        let mut tar = process::program("tar");
        tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-cf"]);
        process::run(tar.arg(work.join("layer.tar")).arg("-C").arg(&root).arg("."))?;
        let sum = process::output(process::program("sha256sum").arg(work.join("layer.tar")))?;
        let digest = sum.split(' ').next().unwrap_or_default();
        let start = match self.entrypoint {
            "" => r#""Cmd":["/bin/sh"]"#.to_owned(),
            program => format!(r#""Entrypoint":["{program}"]"#),
        };
        workspace::write(
            &work.join("config.json"),
            &format!(
                r#"{{"architecture":"amd64","os":"linux","config":{{{start},"User":"{}","Env":["{PATH}"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:{digest}"]}}}}"#,
                self.user
            ),
        )?;
        let manifest =
            format!(r#"[{{"Config":"config.json","RepoTags":["{}"],"Layers":["layer.tar"]}}]"#, self.name);
        workspace::write(&work.join("manifest.json"), &manifest)?;
        let mut archive = process::program("tar");
        archive.arg("-cf").arg(folder.join(format!("{short}.tar"))).arg("-C").arg(&work);
        process::run(archive.args(["manifest.json", "config.json", "layer.tar"]))?;
        fs::remove_dir_all(&work).map_err(Failure::writing(&work))
    }
}

fn busybox(root: &Path) -> Result<(), Failure> {
    for folder in ["bin", "etc", "tmp", "var/run", LIBRARIES, "lib64"] {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).map_err(Failure::writing(&folder))?;
    }
    let program = program("busybox");
    copy(&program, &root.join("bin/busybox"))?;
    for applet in
        process::output(process::program(&program).arg("--list"))?.lines().filter(|name| *name != "busybox")
    {
        let link = root.join("bin").join(applet);
        symlink("busybox", &link).map_err(Failure::writing(&link))?;
    }
    for name in NAMES {
        copy(&Path::new("/").join(LIBRARIES).join(name), &root.join(LIBRARIES).join(name))?;
    }
    workspace::write(&root.join("etc/nsswitch.conf"), "hosts: files dns\n")?;
    let loader = root.join("lib64/ld-linux-x86-64.so.2");
    symlink(Path::new("/").join(LIBRARIES).join("ld-linux-x86-64.so.2"), &loader)
        .map_err(Failure::writing(&loader))
}

/// Debian has it in /bin.
fn program(name: &str) -> PathBuf {
    let folders = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
    folders.into_iter().find(|path| path.is_file()).unwrap_or_else(|| name.into())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to).map(|_| ()).map_err(Failure::reading(from))
}
