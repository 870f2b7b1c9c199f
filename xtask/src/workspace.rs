//! Where things are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs us; the constant serves a program that was started by hand.
    let package =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Path of a program of this workspace in the development profile: built into the same folder as this one.
///
/// # Errors
/// When the system does not tell where this program is.
pub(crate) fn built(program: &str) -> Result<PathBuf, Failure> {
    let own = env::current_exe().map_err(Failure::reading("/proc/self/exe"))?;
    Ok(own.with_file_name(program))
}

/// The folder of everything that is built, `target` unless cargo was told otherwise.
///
/// # Errors
/// As [`built`].
pub(crate) fn target() -> Result<PathBuf, Failure> {
    let own = built("")?;
    // Cargo marks it.
    let marked = own.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    Ok(marked.map_or_else(|| root().join("target"), Path::to_path_buf))
}

/// Where this user keeps what can be made anew, outside of the repository.
pub(crate) fn caches() -> PathBuf {
    let caches = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Path::new(&env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
    caches.unwrap_or_else(home)
}

/// All files below the root with one of these extensions, sorted. Build output and hidden folders are left out.
///
/// # Errors
/// When a folder cannot be listed.
pub(crate) fn files(extension: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        // The mark that cargo puts into its target folders.
        if folder.join("CACHEDIR.TAG").exists() {
            continue;
        }
        for path in list(&folder)? {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !path.is_symlink() && !hidden {
                folders.push(path);
            } else if path.is_file() && path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The entries of one folder, sorted.
///
/// # Errors
/// When the folder cannot be listed.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::reading(folder))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(Failure::reading(folder)))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// The text of a file.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::reading(path))
}

/// Replaces the text of a file.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::writing(path))
}

/// A path as messages show it: relative to the root.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
