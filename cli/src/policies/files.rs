//! Which files are resource files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::PoliciesError;

/// Every `.yaml` and `.yml` file at or below `paths`, folders in the order of names.
pub(super) fn resource_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, PoliciesError> {
    let mut files = Vec::new();
    for path in paths {
        walk(path, &mut files)?;
    }
    Ok(files)
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), PoliciesError> {
    let unreadable = |source: io::Error| PoliciesError::Read { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_file() && is_yaml(path) {
        files.push(path.to_owned());
    }
    if !metadata.is_dir() {
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let mut children = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(unreadable)?;
    children.sort();
    // Links inside of a folder could lead in a circle; a path that was given may be a link.
    children
        .iter()
        .filter(|child| !child.is_symlink() || child.is_file())
        .try_for_each(|child| walk(child, files))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}
