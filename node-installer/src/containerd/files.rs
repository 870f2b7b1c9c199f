//! Which file of containerd's configuration has to be changed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::Value;

use super::document::{Document, DocumentError};
use crate::host::{Host, HostError};

/// The configuration and all files that it imports, in the order in which containerd reads them: the last one is right.
#[derive(Clone, Debug)]
pub struct Files {
    files: Vec<(PathBuf, Document)>,
}

/// Why the configuration cannot be changed.
#[derive(thiserror::Error, Debug)]
pub enum FilesError {
    /// The node.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A file.
    #[error("containerd's configuration {} on the node is left alone: {cause}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: DocumentError,
    },
    /// containerd would not start with it.
    #[error("containerd's configuration {} imports {}, which is not there: containerd would not start again. Repair that first; nothing was changed", by.display(), missing.display())]
    Missing {
        /// Who imports it.
        by: PathBuf,
        /// What.
        missing: PathBuf,
    },
    /// Imports without end.
    #[error("containerd's configuration {} imports more than {MAX_FILES} files", .0.display())]
    Many(PathBuf),
}

const MAX_FILES: usize = 100;

impl Files {
    /// Reads a configuration; one that is not there says nothing.
    ///
    /// # Errors
    /// If a file cannot be read or is no TOML.
    pub fn read(host: &Host, main: &Path) -> Result<Self, FilesError> {
        let mut files: Vec<(PathBuf, Document)> = Vec::new();
        let mut next = vec![main.to_owned()];
        while let Some(path) = next.pop() {
            if files.iter().any(|(known, _)| *known == path) {
                continue;
            }
            if files.len() == MAX_FILES {
                return Err(FilesError::Many(main.to_owned()));
            }
            let bytes = host.read(&path)?.unwrap_or_default();
            let document = Document::parse(&bytes)
                .map_err(|cause| FilesError::Document { path: path.clone(), cause })?;
            let mut imported = Vec::new();
            for import in document.imports() {
                imported.extend(matches(host, &path, import)?);
            }
            // What a file imports comes right after it.
            imported.reverse();
            next.extend(imported);
            files.push((path, document));
        }
        Ok(Self { files })
    }

    /// The version that holds where a file does not say its own.
    #[must_use]
    pub fn version(&self) -> Option<&Value> {
        self.files.first().and_then(|(_, main)| main.version())
    }

    /// The file that has the last word about runtimes. Older containerds take from an imported file the whole part that it speaks
    /// of, so nothing of that part that stands elsewhere would be seen.
    #[must_use]
    pub fn decisive(&self) -> Option<&(PathBuf, Document)> {
        let speaks = |(_, document): &&(PathBuf, Document)| document.has_cri(self.version());
        self.files.iter().rev().find(speaks).or(self.files.first())
    }

    /// The files that have a runtime.
    pub fn having<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a (PathBuf, Document)> {
        self.files.iter().filter(move |(_, document)| document.runtime(name).is_some())
    }

    /// All files.
    pub fn all(&self) -> impl Iterator<Item = &(PathBuf, Document)> {
        self.files.iter()
    }

    /// Whether the node's own runtime leaves control groups to systemd, if any file says so.
    #[must_use]
    pub fn systemd_cgroup(&self) -> Option<bool> {
        self.files.iter().rev().find_map(|(_, document)| document.systemd_cgroup())
    }

    /// Where containerd listens, if a file says so.
    #[must_use]
    pub fn socket(&self) -> Option<&str> {
        self.files.iter().rev().find_map(|(_, document)| document.socket())
    }
}

/// The files that an import means, sorted.
fn matches(host: &Host, by: &Path, import: &str) -> Result<Vec<PathBuf>, FilesError> {
    let path = by.parent().unwrap_or(Path::new("/")).join(import);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let pattern = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_pattern = |text: &str| text.contains(['*', '?', '[']);
    // Patterns among folders are left to containerd: what it makes of the result is looked at before it is started again.
    if is_pattern(&folder.to_string_lossy()) {
        return Ok(Vec::new());
    }
    if !is_pattern(pattern) {
        let there = fs::metadata(host.place(&path)?.here).is_ok();
        return if there {
            Ok(vec![path])
        } else {
            Err(FilesError::Missing { by: by.to_owned(), missing: path })
        };
    }
    let Ok(entries) = fs::read_dir(host.place(folder)?.here) else { return Ok(Vec::new()) };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<_> = names.filter(|name| fits(pattern, name)).map(|name| folder.join(name)).collect();
    found.sort();
    Ok(found)
}

/// Does a name fit a pattern of `*` and `?`? (A set in brackets is read as one place that anything fits.)
fn fits(pattern: &str, name: &str) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Part {
        Any,
        One,
        Exactly(char),
    }
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(part) = chars.next() {
        parts.push(match part {
            '*' => Part::Any,
            '?' => Part::One,
            '[' => {
                chars.by_ref().find(|part| *part == ']');
                Part::One
            }
            other => Part::Exactly(other),
        });
    }
    // Which beginnings of the pattern the name fits so far: one pass over the name.
    let open = |fitting: &mut Vec<bool>| {
        for (at, part) in parts.iter().enumerate() {
            if *part == Part::Any && fitting.get(at) == Some(&true) {
                fitting.splice(at + 1..at + 2, [true]);
            }
        }
    };
    let mut fitting = vec![false; parts.len() + 1];
    fitting.splice(..1, [true]);
    open(&mut fitting);
    for letter in name.chars() {
        let mut next = vec![false; parts.len() + 1];
        for (at, part) in parts.iter().enumerate() {
            let here = fitting.get(at) == Some(&true);
            match part {
                Part::Any if here => drop(next.splice(at..at + 1, [true])),
                Part::One if here => drop(next.splice(at + 1..at + 2, [true])),
                Part::Exactly(wanted) if here && *wanted == letter => {
                    drop(next.splice(at + 1..at + 2, [true]));
                }
                _ => {}
            }
        }
        fitting = next;
        open(&mut fitting);
    }
    fitting.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.toml", "99-nvidia.toml", true),
            ("*.toml", ".toml", true),
            ("*.toml", "config.toml.bak", false),
            ("?-*.t*l", "1-x.toml", true),
            ("[0-9]*.toml", "10.toml", true),
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("[", "x", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(500), &"a".repeat(499)), "also a long one ends soon");
    }

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let host = Host::new(folder.path());
        (folder, host)
    }

    const MAIN: &str = "/etc/containerd/config.toml";

    fn decisive(files: &[(&str, &str)]) -> Result<PathBuf, String> {
        let (_folder, host) = host(files);
        let files = Files::read(&host, Path::new(MAIN)).map_err(|error| error.to_string())?;
        Ok(files.decisive().unwrap().0.clone())
    }

    #[test]
    fn the_last_file_that_speaks_of_runtimes_is_changed() {
        let cri = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n";
        let imports = |list: &str| format!("imports = [{list}]\n{cri}");
        let main = imports("'/etc/containerd/conf.d/*.toml', 'other.toml'");
        let other = ("etc/containerd/other.toml", "version = 2\n");
        let with = |name: &'static str, text: &'static str| {
            decisive(&[("etc/containerd/config.toml", &main), other, (name, text)]).unwrap()
        };
        let nvidia = "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd]\n";
        let path = "etc/containerd/conf.d/99-nvidia.toml";
        assert_eq!(with(path, nvidia), Path::new("/").join(path));
        // It has no version of its own, so the main file's holds.
        assert_eq!(with(path, "[plugins.'io.containerd.grpc.v1.cri']\n"), Path::new("/").join(path));
        assert_eq!(with(path, "oom_score = 1\n"), Path::new(MAIN));
        assert_eq!(with("etc/containerd/conf.d/old.toml.bak", nvidia), Path::new(MAIN));
    }

    #[test]
    fn a_file_that_imports_itself_is_read_once() {
        let main = "version = 3\nimports = ['config.toml', './*.toml']\n";
        assert_eq!(decisive(&[("etc/containerd/config.toml", main)]).unwrap(), Path::new(MAIN));
    }

    #[test]
    fn an_import_that_is_away_or_damaged_is_told_before_anything_changes() {
        let said = decisive(&[("etc/containerd/config.toml", "version = 2\nimports = ['/etc/gone.toml']\n")]);
        let said = said.unwrap_err();
        assert!(said.contains("/etc/gone.toml") && said.contains("nothing was changed"), "{said}");
        let said = decisive(&[
            ("etc/containerd/config.toml", "version = 2\nimports = ['x.toml']\n"),
            ("etc/containerd/x.toml", "version = 2\nx = \n"),
        ]);
        let said = said.unwrap_err();
        assert!(said.contains("/etc/containerd/x.toml") && said.contains("line 2"), "{said}");
    }
}
