//! Programs of others that `cargo xtask setup` installs elsewhere than in PATH.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Helm, which was built from source into the user's caches; nothing, after a message, if it is not there and this is not CI.
///
/// # Panics
/// In CI, if it is not there.
#[must_use]
pub fn helm() -> Option<Command> {
    let caches = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Path::new(&env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
    command(caches.unwrap_or_else(home).join("contrast-tools/helm-3.22.0/helm"))
}

/// `kubernetes-validate`, from PyPI; nothing, after a message, if it is not there and this is not CI.
///
/// # Panics
/// In CI, if it is not there.
#[must_use]
pub fn kubernetes_validate() -> Option<Command> {
    let own = env::current_exe().expect("this program has a path");
    // Cargo marks the folder of everything that is built.
    let target = own.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    let target = target.expect("this program lies where cargo built it");
    command(target.join("python/kubernetes-validate-1.37.0/bin/kubernetes-validate"))
}

fn command(program: PathBuf) -> Option<Command> {
    if program.exists() {
        return Some(Command::new(program));
    }
    let missing = format!("{} does not exist; `cargo xtask setup` installs it", program.display());
    assert!(env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}
