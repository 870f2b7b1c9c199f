//! Directories kept in memory.

use std::{
    fs::{self, Permissions},
    io,
    path::{Path, PathBuf},
};

/// Everything in a directory: folders before what is in them, and files with their content.
pub(crate) struct Tree(Vec<(PathBuf, Permissions, Option<Vec<u8>>)>);

impl Tree {
    /// Reads what is in `directory`.
    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let mut entries = Vec::new();
        collect(directory, Path::new(""), &mut entries)?;
        Ok(Self(entries))
    }

    /// Writes it into `directory`, which exists.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        for (path, permissions, content) in &self.0 {
            let path = directory.join(path);
            match content {
                None => fs::create_dir(&path)?,
                Some(content) => fs::write(&path, content)?,
            }
            fs::set_permissions(&path, permissions.clone())?;
        }
        Ok(())
    }
}

fn collect(
    root: &Path,
    below: &Path,
    entries: &mut Vec<(PathBuf, Permissions, Option<Vec<u8>>)>,
) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let (path, metadata) = (below.join(entry.file_name()), entry.metadata()?);
        let content = if metadata.is_dir() { None } else { Some(fs::read(entry.path())?) };
        entries.push((path.clone(), metadata.permissions(), content));
        if metadata.is_dir() {
            collect(root, &path, entries)?;
        }
    }
    Ok(())
}
