//! Installs what the tests and the demo need beyond a Rust toolchain and a C compiler.

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    failure::{Failure, Obstacle},
    process, workspace,
};

/// Something that must be there.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    /// A program of a Debian package.
    Program { name: &'static str, package: &'static str },
    /// A program of a Python package on PyPI, in a folder of its own below `target/python`.
    PythonProgram { name: &'static str, version: &'static str },
    /// A kernel of Debian with its modules, unpacked below `target/kernel`. It is not installed: no machine starts with it.
    Kernel { package: &'static str },
    /// A cargo command of a component of the Rust toolchain.
    CargoCommand { name: &'static str, component: &'static str },
}

/// For the demo: an independent eye on certificates and mutual TLS.
pub(crate) const DEMO: &[Need] = &[OPENSSL];

/// For the checks without tests.
pub(crate) const LINT: &[Need] = &[RUSTFMT, CLIPPY];

/// For fuzzing.
pub(crate) const FUZZ: &[Need] = &[CPLUSPLUS];

/// For a bare root.
pub(crate) const BARE_ROOT: &[Need] = &[program("debootstrap", "debootstrap")];

/// For everything. A test may start a program only if it is here: `cargo xtask lint` compares.
pub(crate) const EVERYTHING: &[Need] = &[
    RUSTFMT,
    CLIPPY,
    OPENSSL,
    CPLUSPLUS,
    program("cp", "coreutils"),
    program("mount", "mount"), // small, full and read-only disks
    program("umount", "mount"),
    program("unshare", "util-linux"), // mounts of which nothing is left
    program("setpriv", "util-linux"), // processes that end with their test
    program("sh", "dash"),
    program("tar", "tar"),                            // a second writer of archives
    program("veritysetup", "cryptsetup-bin"),         // second opinion on dm-verity root hashes
    program("cryptsetup", "cryptsetup-bin"),          // encrypted volumes
    program("dmsetup", "dmsetup"),                    // what a killed program leaves of them
    program("mkfs.ext4", "e2fsprogs"),                // and what is on them
    program("ldd", "libc-bin"),                       // which libraries go with programs into a guest
    program("busybox", "busybox-static"),             // the guest's shell
    program("qemu-system-x86_64", "qemu-system-x86"), // a guest whose kernel has a device mapper
    Need::Kernel { package: "linux-image-cloud-amd64" },
    program("docker-registry", "docker-registry"), // where images are pulled from
    program("strace", "strace"),                   // records writes and syncs for the crash-state test
    python_program("sev-snp-measure", "0.0.13"),   // second opinion on launch digests
];

const RUSTFMT: Need = cargo_command("fmt", "rustfmt");
const CLIPPY: Need = cargo_command("clippy", "clippy");
/// A second opinion on certificates, handshakes and signatures.
const OPENSSL: Need = program("openssl", "openssl");
/// libFuzzer is written in C++.
const CPLUSPLUS: Need = program("c++", "g++");

/// Makes sure that everything in `needs` is there, installing what is missing.
///
/// # Errors
/// When something is missing and cannot be installed; the message names it.
pub(crate) fn provide(needs: &[Need]) -> Result<(), Failure> {
    let (mut packages, mut components, mut python, mut kernels) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for need in needs {
        match *need {
            Need::Program { name, package } if !in_path(name) => packages.push(package),
            Need::CargoCommand { name, component } if !is_cargo_command(name) => components.push(component),
            Need::PythonProgram { name, version }
                if !python_folder(name, version)?.join("bin").join(name).is_file() =>
            {
                python.push((name, version));
            }
            Need::Kernel { package } if !kernel_folder(package)?.is_dir() => kernels.push(package),
            _ => {}
        }
    }
    if !python.is_empty() && !has_venv() {
        packages.push("python3-venv");
    }
    if !packages.is_empty() {
        install_packages(packages)?;
    }
    if !components.is_empty() {
        install_components(components)?;
    }
    for (name, version) in python {
        install_python_program(name, version)?;
    }
    for package in kernels {
        unpack_kernel(package)?;
    }
    Ok(())
}

/// Whether a program of this name is there after set-up.
pub(crate) fn provides(program: &str) -> bool {
    EVERYTHING.iter().any(|need| match need {
        Need::Program { name, .. } | Need::PythonProgram { name, .. } => *name == program,
        Need::CargoCommand { .. } | Need::Kernel { .. } => false,
    })
}

const fn program(name: &'static str, package: &'static str) -> Need {
    Need::Program { name, package }
}

const fn python_program(name: &'static str, version: &'static str) -> Need {
    Need::PythonProgram { name, version }
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

fn install_python_program(name: &str, version: &str) -> Result<(), Failure> {
    println!("installing {name} {version}");
    let folder = python_folder(name, version)?;
    // Whatever an interrupted attempt left is removed.
    process::run(python().args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = process::program(folder.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    process::run(pip.arg(format!("{name}=={version}")))
}

/// `package` only depends on the kernel of the day.
fn unpack_kernel(package: &'static str) -> Result<(), Failure> {
    println!("unpacking {package}");
    if !in_path("apt-get") {
        return Err(Failure::Packages { missing: vec![package], obstacle: Obstacle::NoApt });
    }
    let depends = process::output(process::program("apt-cache").args(["depends", package]))?;
    let image = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).next();
    let folder = kernel_folder(package)?;
    let new = folder.with_extension("new");
    // Whatever an interrupted attempt left is removed.
    if new.exists() {
        fs::remove_dir_all(&new).map_err(Failure::writing(&new))?;
    }
    fs::create_dir_all(&new).map_err(Failure::writing(&new))?;
    process::run(process::program("apt-get").current_dir(&new).args([
        "download",
        "--quiet",
        image.unwrap_or(package),
    ]))?;
    for archive in workspace::list(&new)? {
        process::run(process::program("dpkg-deb").arg("--extract").args([&archive, &new]))?;
        fs::remove_file(&archive).map_err(Failure::writing(&archive))?;
    }
    fs::rename(&new, &folder).map_err(Failure::writing(&folder))
}

/// Tests look for the kernel in `boot` of this folder, and for its modules in `lib/modules`.
fn kernel_folder(package: &str) -> Result<PathBuf, Failure> {
    Ok(workspace::target()?.join("kernel").join(package))
}

/// Tests look for the program in `bin` of this folder.
fn python_folder(name: &str, version: &str) -> Result<PathBuf, Failure> {
    Ok(workspace::target()?.join("python").join(format!("{name}-{version}")))
}

/// Debian's Python has only half of the module; `ensurepip` is what is missing.
fn has_venv() -> bool {
    let mut command = python();
    command.args(["-c", "import ensurepip, venv"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn python() -> Command {
    process::program("python3")
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
    fn programs_of_two_versions_do_not_share_a_folder() {
        let folder = |version| python_folder("sev-snp-measure", version).ok();
        assert!(folder("0.0.13").is_some_and(|path| path.ends_with("python/sev-snp-measure-0.0.13")));
        assert_ne!(folder("0.0.13"), folder("0.0.12"));
    }

    #[test]
    fn a_program_that_nobody_has_is_missing() {
        assert!(!in_path("no-such-program-anywhere"));
        assert!(!is_cargo_command("no-such-command-anywhere"));
    }
}
