//! Which files are resource files.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use contrast_resources::{File, MAX_FILE};

use super::PoliciesError;
use crate::workspace;

/// Something to read resources from.
pub(super) enum Input {
    /// `-`.
    Standard,
    /// A file that was named, whatever its name ends with.
    Named(PathBuf),
    /// A file in a folder that was named.
    Found(PathBuf),
}

/// The inputs at `paths`: `-`, files, and every `.yaml`, `.yml` and `.json` file below folders, in the order of names.
pub(super) fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, PoliciesError> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Input::Standard);
        } else if metadata(path)?.is_dir() {
            walk(path, &mut inputs)?;
        } else {
            inputs.push(Input::Named(path.clone()));
        }
    }
    Ok(inputs)
}

impl Input {
    /// Whether the user named this very input.
    pub(super) fn is_named(&self) -> bool {
        !matches!(self, Self::Found(_))
    }

    /// The resources in it.
    pub(super) fn read(&self) -> Result<File, PoliciesError> {
        let (name, content) = match self {
            Self::Standard => {
                let mut content = Vec::new();
                let longest = MAX_FILE as u64 + 1;
                io::stdin()
                    .lock()
                    .take(longest)
                    .read_to_end(&mut content)
                    .map_err(PoliciesError::StandardInput)?;
                ("standard input".to_owned(), content)
            }
            Self::Named(path) | Self::Found(path) => {
                (path.display().to_string(), workspace::read_bounded(path, MAX_FILE)?)
            }
        };
        Ok(File::read(name, content)?)
    }
}

fn metadata(path: &Path) -> Result<fs::Metadata, PoliciesError> {
    fs::metadata(path).map_err(|source| PoliciesError::Read { path: path.to_owned(), source })
}

fn walk(folder: &Path, inputs: &mut Vec<Input>) -> Result<(), PoliciesError> {
    let unreadable = |source: io::Error| PoliciesError::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut children = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(unreadable)?;
    children.sort();
    for child in children {
        // A link to a folder could lead in a circle.
        if child.is_dir() && !child.is_symlink() {
            walk(&child, inputs)?;
        } else if child.is_file() && holds_resources(&child) {
            inputs.push(Input::Found(child));
        }
    }
    Ok(())
}

fn holds_resources(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}
