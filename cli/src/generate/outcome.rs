//! What a run is to write, and where.

use std::{
    fs,
    path::{Path, PathBuf},
};

use similar::TextDiff;

use super::{error::GenerateError, owner_keys::NewKey, resources::Resources};
use crate::{
    output,
    resource_files::Input,
    workspace::{self, WorkspaceError},
};

/// Everything that is to be written.
pub(crate) struct Outcome {
    /// Files with their new content, in place of what they had.
    files: Vec<Replaced>,
    /// What goes to standard output.
    standard: Option<String>,
    /// Owners' keys, which nothing may name before they are written.
    keys: Vec<NewKey>,
}

struct Replaced {
    path: PathBuf,
    old: Option<String>,
    new: String,
}

impl Outcome {
    /// The resources, back to where each file came from, or all of them to one file.
    pub(crate) fn new(
        resources: &Resources,
        output: Option<&Path>,
        manifest: (PathBuf, Option<String>, String),
        keys: Vec<NewKey>,
    ) -> Result<Self, GenerateError> {
        let (path, old, new) = manifest;
        let mut outcome = Self { files: vec![Replaced { path, old, new }], standard: None, keys };
        let mut combined = String::new();
        for source in resources.files() {
            let old = source.file.text();
            let new = source.rewritten()?.unwrap_or_else(|| old.to_owned());
            match (output, &source.input) {
                (Some(_), _) => append(&mut combined, &new),
                (None, Input::Standard) => outcome.standard = Some(new),
                (None, Input::Named(path) | Input::Found(path)) => {
                    let (path, old) = (path.clone(), Some(old.to_owned()));
                    outcome.files.push(Replaced { path, old, new });
                }
            }
        }
        match output {
            Some(path) if path.as_os_str() == "-" => outcome.standard = Some(combined),
            Some(path) => {
                let old = fs::read_to_string(path).ok();
                outcome.files.push(Replaced { path: path.to_owned(), old, new: combined });
            }
            None => {}
        }
        outcome.files.retain(|file| file.old.as_ref() != Some(&file.new));
        Ok(outcome)
    }

    /// Writes everything: keys first, then all files or none of them.
    pub(crate) fn write(&self) -> Result<(), WorkspaceError> {
        // A key is there for good, so it comes after whatever can be found out before.
        self.files.iter().try_for_each(|file| workspace::may_replace(&file.path))?;
        for key in &self.keys {
            workspace::create_secret(&key.path, key.pem.as_bytes())?;
            output::note(&format!("Made {}, the key of {}. Keep it.", key.path.display(), key.purpose));
        }
        let files: Vec<_> =
            self.files.iter().map(|file| (file.path.as_path(), file.new.as_bytes())).collect();
        workspace::replace_all(&files)?;
        if let Some(text) = &self.standard {
            output::document(text).map_err(WorkspaceError::standard_output)?;
        }
        Ok(())
    }

    /// The paths of files that change.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Whether the result of the run goes to standard output.
    pub(crate) fn is_printed(&self) -> bool {
        self.standard.is_some()
    }

    /// What would change, line by line; nothing if nothing would.
    pub(crate) fn difference(&self) -> String {
        let mut difference = String::new();
        for key in &self.keys {
            difference.push_str(&format!("{} would be made\n", key.path.display()));
        }
        for file in &self.files {
            let path = file.path.display().to_string();
            let old = file.old.as_deref().unwrap_or_default();
            let before = if file.old.is_some() { path.as_str() } else { "/dev/null" };
            let diff = TextDiff::from_lines(old, &file.new);
            difference.push_str(&diff.unified_diff().header(before, &path).to_string());
        }
        difference
    }
}

/// Adds a file's text to others. What ends with a document begins the next one anew.
fn append(all: &mut String, text: &str) {
    let text = text.trim_start_matches('\u{feff}');
    if !all.is_empty() {
        if !all.ends_with('\n') {
            all.push('\n');
        }
        if text.starts_with('%') {
            all.push_str("...\n");
        } else if !text.starts_with("---") {
            all.push_str("---\n");
        }
    }
    all.push_str(text);
}
