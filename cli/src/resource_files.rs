//! Files of Kubernetes resources, as a user names them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use contrast_resources::{File, MAX_FILE, ReadError};

use crate::{
    failure::Advice,
    output,
    workspace::{self, WorkspaceError},
};

/// Something to read resources from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// `-`.
    Standard,
    /// A file that was named, whatever its name ends with.
    Named(PathBuf),
    /// A file in a folder that was named.
    Found(PathBuf),
}

/// Resource files cannot be read.
#[derive(thiserror::Error, Debug)]
pub(crate) enum ResourceFileError {
    /// A path cannot be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// A file is not what the API server reads.
    #[error(transparent)]
    Resources(#[from] ReadError),
    /// Standard input cannot be read.
    #[error("cannot read standard input")]
    StandardInput(#[source] io::Error),
    /// There are no resource files.
    #[error("there are no .yaml, .yml or .json files at {}", list(paths))]
    None { paths: Vec<PathBuf> },
}

impl Advice for ResourceFileError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Read { .. } | Self::None { .. } | Self::StandardInput(_) => {
                "give the files or folders of your resources".into()
            }
            Self::File(error) => return error.advice(),
            Self::Resources(_) => "correct the file, or leave it out".into(),
        })
    }
}

/// Reads everything at `paths`: `-`, files, and every `.yaml`, `.yml` and `.json` file below folders, in the order of
/// names. What is no resource file is skipped with a warning in a folder, and an error if it was named.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<(Input, File)>, ResourceFileError> {
    let inputs = inputs(paths)?;
    if inputs.is_empty() {
        return Err(ResourceFileError::None { paths: paths.to_vec() });
    }
    let mut files = Vec::new();
    for input in inputs {
        match input.read() {
            Ok(file) => files.push((input, file)),
            Err(ResourceFileError::Resources(error)) if matches!(input, Input::Found(_)) => {
                output::warning(&format!("{error} (this file is skipped)"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, ResourceFileError> {
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
    Ok(without_repetition(inputs))
}

/// A file is one file, by whatever names: in a folder that was named, too, or through a link. One that was named counts as such.
fn without_repetition(inputs: Vec<Input>) -> Vec<Input> {
    let mut kept: Vec<Input> = Vec::new();
    let mut known = BTreeMap::new();
    for input in inputs {
        let real = input.path().map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        match known.entry(real) {
            Entry::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push(input);
            }
            Entry::Occupied(entry) => {
                if let (Input::Named(_), Some(before @ Input::Found(_))) =
                    (&input, kept.get_mut(*entry.get()))
                {
                    *before = input;
                }
            }
        }
    }
    kept
}

impl Input {
    /// The file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Standard => None,
            Self::Named(path) | Self::Found(path) => Some(path),
        }
    }

    fn read(&self) -> Result<File, ResourceFileError> {
        let (name, content) = match self.path() {
            None => {
                let mut content = Vec::new();
                let longest = MAX_FILE as u64 + 1;
                let read = io::stdin().lock().take(longest).read_to_end(&mut content);
                read.map_err(ResourceFileError::StandardInput)?;
                ("standard input".to_owned(), content)
            }
            Some(path) => (path.display().to_string(), workspace::read_bounded(path, MAX_FILE)?),
        };
        Ok(File::read(name, content)?)
    }
}

fn metadata(path: &Path) -> Result<fs::Metadata, ResourceFileError> {
    fs::metadata(path).map_err(|source| ResourceFileError::Read { path: path.to_owned(), source })
}

fn walk(folder: &Path, inputs: &mut Vec<Input>) -> Result<(), ResourceFileError> {
    let unreadable = |source: io::Error| ResourceFileError::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut children = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(unreadable)?;
    children.sort();
    for child in children {
        if child.is_dir() {
            // A link to a folder could lead in a circle.
            if !child.is_symlink() {
                walk(&child, inputs)?;
            } else if !is_hidden(&child) {
                output::warning(&format!(
                    "{} is a link to a folder, which is not followed; name the folder, too, if it has resources",
                    child.display()
                ));
            }
        } else if holds_resources(&child) {
            if child.is_file() {
                inputs.push(Input::Found(child));
            } else {
                output::warning(&format!(
                    "{} is no file, or a link that leads nowhere (it is skipped)",
                    child.display()
                ));
            }
        }
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn holds_resources(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
