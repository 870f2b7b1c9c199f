//! What is copied from this machine into a bare root.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::{failure::Failure, process, setup::once, workspace};

/// Where the Rust toolchain lies in the root.
pub(super) const RUST: &str = "/opt/rust";

/// Where Debian's programs look for the certificates that they trust.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Copies everything that a run needs; the repository comes to `repository`.
///
/// # Errors
/// When something cannot be read or written.
pub(super) fn bring(root: &Path, repository: &str) -> Result<(), Failure> {
    let repository = inside(root, repository);
    bring_toolchain(&inside(root, RUST))?;
    bring_repository(&repository)?;
    bring_captures(&repository)?;
    bring_crates(&root.join("root/.cargo"))?;
    bring_tools(&root.join("root/.cache"))?;
    bring_configuration(root)
}

/// The toolchain that runs this, without its documentation.
fn bring_toolchain(to: &Path) -> Result<(), Failure> {
    let sysroot = process::output(process::program("rustc").args(["--print", "sysroot"]))?;
    let sysroot = Path::new(sysroot.trim());
    for part in
        ["bin", "lib", "libexec"].map(|part| sysroot.join(part)).into_iter().filter(|part| part.exists())
    {
        copy_folder(&part, to)?;
    }
    Ok(())
}

/// All files that are, or could be, in git, as they are now; nothing that was built.
fn bring_repository(to: &Path) -> Result<(), Failure> {
    let mut command = process::program("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = process::output(&mut command)?;
    for name in names.split_terminator('\0') {
        let (from, to) = (workspace::root().join(name), to.join(name));
        // Git still lists what was deleted.
        if from.exists() {
            copy_file(&from, &to)?;
        }
    }
    Ok(())
}

/// Captures of real hardware, where tests look for them: beside the repository.
fn bring_captures(repository: &Path) -> Result<(), Failure> {
    let from = env::var_os("CONTRAST_SHARED_DATA")
        .map_or_else(|| workspace::root().join("../shared/data"), PathBuf::from);
    let to = repository.with_file_name("shared");
    if from.exists() { copy_folder(&from.join("."), &to.join("data")) } else { Ok(()) }
}

/// Crates as they were downloaded, and how cargo reaches its registry.
fn bring_crates(to: &Path) -> Result<(), Failure> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(home()?.join(".cargo")));
    let Some(home) = home else { return Ok(()) };
    for part in ["registry/cache", "registry/index"] {
        let from = home.join(part);
        if from.exists() {
            copy_folder(&from.join("."), &to.join(part))?;
        }
    }
    let configuration = home.join("config.toml");
    if configuration.exists() { copy_file(&configuration, &to.join("config.toml")) } else { Ok(()) }
}

/// Programs that were built already because no registry has them ready: minutes each.
fn bring_tools(to: &Path) -> Result<(), Failure> {
    for (tool, _) in finished_tools(&once::tools())? {
        copy_folder(&tool, &to.join("contrast-tools"))?;
    }
    Ok(())
}

/// Brings such programs back from the caches of a root, so that they are built once on a machine; the note names them.
pub(super) fn keep_tools(from: &Path) -> Result<String, Failure> {
    let mut kept = Vec::new();
    for (tool, name) in finished_tools(&from.join("contrast-tools"))? {
        let to = once::tools().join(&name);
        if !to.exists() {
            once::make(&to, |work| {
                copy_folder(&tool, work)?;
                Ok(work.join(&name))
            })?;
            kept.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(kept.join(" "))
}

/// The folders of tools, with their names.
fn finished_tools(folder: &Path) -> Result<Vec<(PathBuf, OsString)>, Failure> {
    let all = if folder.is_dir() { workspace::list(folder)? } else { Vec::new() };
    let named = all.into_iter().filter_map(|path| {
        let name = path.file_name()?.to_owned();
        once::is_finished(&name).then_some((path, name))
    });
    Ok(named.collect())
}

/// How names are resolved, whose certificates are trusted, and how pip reaches its registry.
fn bring_configuration(root: &Path) -> Result<(), Failure> {
    let certificates =
        env::var_os("SSL_CERT_FILE").map_or_else(|| Path::new("/").join(CERTIFICATES), PathBuf::from);
    let mut copies = vec![
        ("/etc/resolv.conf".into(), root.join("etc/resolv.conf")),
        ("/etc/pip.conf".into(), root.join("etc/pip.conf")),
        (certificates, root.join(CERTIFICATES)),
    ];
    for name in [".pip/pip.conf", ".config/pip/pip.conf"] {
        copies.extend(home().map(|home| (home.join(name), root.join("root").join(name))));
    }
    copies.into_iter().filter(|(from, _)| from.exists()).try_for_each(|(from, to)| copy_file(&from, &to))?;
    // What is installed there starts no service: the tests start what they need, where they need it.
    let policy = root.join("usr/sbin/policy-rc.d");
    workspace::write(&policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o755)).map_err(Failure::writing(&policy))
}

fn home() -> Option<PathBuf> {
    env::var_os("HOME").map(PathBuf::from)
}

/// An absolute path of the root, as it is seen from outside.
fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// Copies a file's content and mode; a link becomes what it leads to.
fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(Failure::writing(folder))?;
    fs::copy(from, to).map(|_| ()).map_err(Failure::writing(to))
}

/// Copies a folder into `to`, or its content if it ends with a dot.
fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(Failure::writing(to))?;
    process::run(process::program("cp").args(["-a", "--no-preserve=ownership"]).arg(from).arg(to))
}
