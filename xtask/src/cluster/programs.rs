//! The programs that no distribution has: built from Go modules once on a machine, and kept outside of the repository.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{order::Containerd, problem::Problem};
use crate::{
    failure::Failure,
    process,
    setup::{self, once},
    workspace,
};

/// What the programs are built from, in `tests/cluster`.
const SOURCES: [&str; 5] = ["go.mod", "go.sum", "kube/main.go", "coredns/main.go", "pause.c"];

/// The Kubernetes programs, which are one file.
const KUBERNETES: [&str; 6] =
    ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"];

/// The programs of containerd, all of one version.
const CONTAINERD: [&str; 3] = ["containerd", "containerd-shim-runc-v2", "ctr"];

/// What a build needs at once, in MiB: downloaded modules and compiled packages, which are removed afterwards.
const BUILD_ROOM: u64 = 7_000;

/// Where the built programs are.
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Kubernetes' programs under their names, and `coredns` and `pause`.
    pub(super) fn kube(&self) -> PathBuf {
        self.folder.join("kube")
    }

    /// Programs of one version of containerd.
    ///
    /// # Errors
    /// When the build folder cannot be found out.
    pub(super) fn containerd(&self, version: Containerd) -> Result<PathBuf, Failure> {
        match version {
            Containerd::Two => Ok(self.folder.join("containerd")),
            Containerd::OneSix => Ok(setup::unpacked("containerd")?.join("usr/bin")),
        }
    }

    /// The programs as they are kept, or built now.
    ///
    /// # Errors
    /// When they cannot be built.
    pub(super) fn provide() -> Result<Self, Failure> {
        let flags = flags()?;
        let folder = once::tools().join(format!("cluster-{}", key(&flags)?));
        once::make(&folder, |work| build(work, &flags))?;
        Ok(Self { folder })
    }

    /// The programs, if they were built already.
    ///
    /// # Errors
    /// When the sources cannot be read.
    pub(super) fn built() -> Result<Option<Self>, Failure> {
        let folder = once::tools().join(format!("cluster-{}", key(&flags()?)?));
        Ok(folder.is_dir().then_some(Self { folder }))
    }
}

fn sources() -> PathBuf {
    workspace::root().join("tests/cluster")
}

/// How programs are linked: Kubernetes learns its own version only from here.
fn flags() -> Result<String, Failure> {
    let module = workspace::read(&sources().join("go.mod"))?;
    let version =
        module.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v")).unwrap_or("0.0.0");
    let minor = version.split('.').nth(1).unwrap_or("0");
    let package = "k8s.io/component-base/version";
    Ok(format!(
        "-s -w -X {package}.gitVersion=v{version} -X {package}.gitMajor=1 -X {package}.gitMinor={minor}"
    ))
}

/// A name for everything that the programs depend on.
fn key(flags: &str) -> Result<String, Failure> {
    let mut command = process::program("sh");
    command.args(["-euc", r#"{ echo "$1"; shift; cat -- "$@"; } | sha256sum"#, "sh"]);
    command.arg(format!("{flags} {:?}", setup::GO)).args(SOURCES.map(|name| sources().join(name)));
    Ok(process::output(&mut command)?.chars().take(16).collect())
}

/// Builds everything below `work`, and says which part is to be kept.
fn build(work: &Path, flags: &str) -> Result<PathBuf, Failure> {
    println!("building Kubernetes' programs, which takes about ten minutes, once on this machine");
    enough_room(work, BUILD_ROOM)?;
    let (kube, containerd) = (work.join("programs/kube"), work.join("programs/containerd"));
    for folder in [&kube, &containerd] {
        fs::create_dir_all(folder).map_err(Failure::writing(folder))?;
    }
    let go = setup::go_toolchain(work)?;
    let compile = |output: &Path, package: &str| {
        let mut command = setup::go(&go, work);
        command.current_dir(sources()).args([
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            flags,
            "-o",
        ]);
        process::run(command.arg(output).arg(package))
    };
    compile(&kube.join("kube"), "./kube")?;
    for name in KUBERNETES {
        let link = kube.join(name);
        symlink("kube", &link).map_err(Failure::writing(&link))?;
    }
    compile(&kube.join("coredns"), "./coredns")?;
    for name in CONTAINERD {
        compile(&containerd.join(name), &format!("github.com/containerd/containerd/v2/cmd/{name}"))?;
    }
    let mut compiler = process::program("cc");
    process::run(
        compiler.args(["-static", "-Os", "-s", "-o"]).arg(kube.join("pause")).arg(sources().join("pause.c")),
    )?;
    Ok(work.join("programs"))
}

/// Whether this many MiB are left on the disk of a folder.
///
/// # Errors
/// When there are fewer.
pub(super) fn enough_room(folder: &Path, needed: u64) -> Result<(), Failure> {
    let said =
        process::output(process::program("df").args(["--block-size=1M", "--output=avail"]).arg(folder))?;
    let left = said.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
    if left < needed {
        Err(Problem::NoRoom { folder: folder.to_owned(), needed, left }.into())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_kept_apart_by_what_they_are_built_from() {
        let flags = flags().unwrap();
        assert!(flags.contains("gitVersion=v1."), "{flags}");
        let one = key(&flags).unwrap();
        assert_eq!(one.len(), 16);
        assert_eq!(one, key(&flags).unwrap());
        assert_ne!(one, key("-s").unwrap());
    }

    #[test]
    fn a_disk_with_too_little_room_is_named() {
        assert!(enough_room(Path::new("/"), 0).is_ok());
        assert!(matches!(
            enough_room(Path::new("/"), u64::MAX),
            Err(Failure::Cluster(Problem::NoRoom { needed: u64::MAX, .. }))
        ));
    }
}
