//! Installs what the tests and the demo need beyond a Rust toolchain and a C compiler.

use std::{
    env,
    os::unix::fs::MetadataExt as _,
    process::{Command, Stdio},
};

use crate::{
    failure::{Failure, Obstacle},
    process,
};

/// Something that must be there.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    /// A program of a Debian package.
    Program { name: &'static str, package: &'static str },
    /// A cargo command of a component of the Rust toolchain.
    CargoCommand { name: &'static str, component: &'static str },
}

/// For the demo: an independent eye on certificates and mutual TLS.
pub(crate) const DEMO: &[Need] = &[program("openssl", "openssl")];

/// For the checks without tests.
pub(crate) const LINT: &[Need] = &[cargo_command("fmt", "rustfmt"), cargo_command("clippy", "clippy")];

/// For fuzzing: libFuzzer is written in C++.
pub(crate) const FUZZ: &[Need] = &[program("c++", "g++")];

/// For everything.
pub(crate) const EVERYTHING: &[Need] = &[
    cargo_command("fmt", "rustfmt"),
    cargo_command("clippy", "clippy"),
    program("openssl", "openssl"), // second opinion on certificates, handshakes and signatures
    program("curl", "curl"),       // reads health and metrics as a cluster does
    program("strace", "strace"),   // records writes and syncs for the crash-state test
    program("c++", "g++"),         // compiles libFuzzer
];

/// Makes sure that everything in `needs` is there, installing what is missing.
///
/// # Errors
/// When something is missing and cannot be installed; the message names it.
pub(crate) fn provide(needs: &[Need]) -> Result<(), Failure> {
    let (mut packages, mut components) = (Vec::new(), Vec::new());
    for need in needs {
        match *need {
            Need::Program { name, package } if !in_path(name) => packages.push(package),
            Need::CargoCommand { name, component } if !is_cargo_command(name) => components.push(component),
            _ => {}
        }
    }
    if !packages.is_empty() {
        install_packages(packages)?;
    }
    if !components.is_empty() {
        install_components(components)?;
    }
    Ok(())
}

const fn program(name: &'static str, package: &'static str) -> Need {
    Need::Program { name, package }
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

fn apt() -> Command {
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
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn in_path(program: &str) -> bool {
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
