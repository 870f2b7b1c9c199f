//! The configuration in the installer's image: which files a runtime has, and where they go.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use contrast_http::Target;
use serde::Deserialize;

use crate::{
    integrity::{Integrity, IntegrityError},
    platform::{Handler, HandlerError, Platform},
};

/// Its name in the configuration's folder.
pub const FILE: &str = "contrast-node-install.json";
/// Stands for the runtime's name in paths.
const PLACEHOLDER: &str = "@@runtimeName@@";
/// More than any configuration needs.
const MAX_BYTES: u64 = 1 << 20;
const MAX_FILES: usize = 256;

/// What is to be installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    /// The runtime's name.
    pub handler: Handler,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileEntry {
    /// Where it comes from.
    pub source: Source,
    /// Where it goes on the node: an absolute path below the runtime's folder.
    pub path: PathBuf,
    /// What it has to hash to. Always there for what comes from a server.
    pub integrity: Option<Integrity>,
    /// Is it a program?
    pub executable: bool,
}

/// Where a file comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The installer's image.
    Image(PathBuf),
    /// A web server.
    Server(Target),
}

/// What is wrong with a configuration.
#[derive(thiserror::Error, Debug)]
pub enum ConfigurationError {
    /// It cannot be read.
    #[error("cannot read the configuration {}: {cause}; it comes with the installer's image, or is mounted over it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// It is too long.
    #[error("the configuration {} is longer than {MAX_BYTES} bytes", .0.display())]
    Long(PathBuf),
    /// It is no JSON of this form.
    #[error("the configuration {} is not of the form of docs/nodes.md: {cause}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        cause: serde_json::Error,
    },
    /// Its runtime has no name that may be one.
    #[error("the configuration's `handler`: {0}")]
    Handler(#[from] HandlerError),
    /// Its runtime is another platform's.
    #[error("this image installs {handler}, which is not of the platform {wanted}; start it with `node-installer {has}`", has = handler.platform())]
    Platform {
        /// What it installs.
        handler: Handler,
        /// What it was started with.
        wanted: Platform,
    },
    /// Too many files.
    #[error("the configuration has {0} files; at most {MAX_FILES} are possible")]
    Many(usize),
    /// Something about one file.
    #[error("the configuration's `files[{index}]`: {cause}")]
    File {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        cause: FileError,
    },
}

/// What is wrong with one file's entry.
#[derive(thiserror::Error, Debug)]
pub enum FileError {
    /// No source that is known.
    #[error("`url` is `{0}`, and has to be file:///PATH, http://… or https://…")]
    Url(String),
    /// A place that is not the runtime's own.
    #[error("`path` is `{path}`, and has to be a file below {}", folder.display())]
    Path {
        /// The path.
        path: String,
        /// Where it should be.
        folder: PathBuf,
    },
    /// The digest is none.
    #[error("`integrity`: {0}")]
    Integrity(#[from] IntegrityError),
    /// What strangers may have changed has to have a digest.
    #[error("`{0}` comes from a server, so `integrity` has to say what it hashes to")]
    NoIntegrity(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    handler: String,
    files: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: String,
    path: String,
    #[serde(default)]
    integrity: Option<String>,
    #[serde(default)]
    executable: bool,
}

impl Configuration {
    /// Reads [`FILE`] in `folder`, for a platform.
    ///
    /// # Errors
    /// If it cannot be read, or is wrong in any way: nothing is installed in part.
    pub fn read(folder: &Path, platform: Platform) -> Result<Self, ConfigurationError> {
        let path = folder.join(FILE);
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text));
        let length = read.map_err(|cause| ConfigurationError::Read { path: path.clone(), cause })?;
        if length as u64 > MAX_BYTES {
            return Err(ConfigurationError::Long(path));
        }
        Self::parse(&text, &path, platform)
    }

    fn parse(text: &[u8], path: &Path, platform: Platform) -> Result<Self, ConfigurationError> {
        let form = |cause| ConfigurationError::Form { path: path.to_owned(), cause };
        let document: Document = serde_json::from_slice(text).map_err(form)?;
        let handler: Handler = document.handler.parse()?;
        if handler.platform() != platform {
            return Err(ConfigurationError::Platform { handler, wanted: platform });
        }
        if document.files.len() > MAX_FILES {
            return Err(ConfigurationError::Many(document.files.len()));
        }
        let files = document.files.into_iter().enumerate().map(|(index, entry)| {
            FileEntry::new(entry, &handler).map_err(|cause| ConfigurationError::File { index, cause })
        });
        let files = files.collect::<Result<_, _>>()?;
        Ok(Self { handler, files })
    }
}

impl FileEntry {
    fn new(entry: Entry, handler: &Handler) -> Result<Self, FileError> {
        let source = source(&entry.url).ok_or_else(|| FileError::Url(entry.url.clone()))?;
        let integrity = entry.integrity.as_deref().map(str::parse).transpose()?;
        if matches!(source, Source::Server(_)) && integrity.is_none() {
            return Err(FileError::NoIntegrity(entry.url));
        }
        let path = PathBuf::from(entry.path.replace(PLACEHOLDER, handler.name()));
        // Whatever is ours can be taken away again with the runtime's folder, and nothing else is ever overwritten.
        let inside = path.strip_prefix(handler.folder()).is_ok_and(|rest| {
            rest.components().next().is_some()
                && rest.components().all(|part| matches!(part, Component::Normal(_)))
        });
        if !inside {
            return Err(FileError::Path { path: entry.path, folder: handler.folder() });
        }
        Ok(Self { source, path, integrity, executable: entry.executable })
    }
}

fn source(url: &str) -> Option<Source> {
    match url.strip_prefix("file://") {
        Some(path) => path.starts_with('/').then(|| Source::Image(path.into())),
        None => url.parse().ok().map(Source::Server),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Configuration, String> {
        let parsed = Configuration::parse(text.as_bytes(), Path::new("/config/x.json"), Platform::Simulated);
        parsed.map_err(|error| error.to_string())
    }

    fn with_file(file: &str) -> String {
        format!(r#"{{ "handler": "contrast-cc-simulated-00000000", "files": [{file}] }}"#)
    }

    const GOOD: &str = r#"{ "url": "file:///usr/bin/x", "path": "/opt/edgeless/@@runtimeName@@/bin/x", "executable": true }"#;

    #[test]
    fn the_runtime_s_name_stands_in_paths() {
        let read = parse(&with_file(GOOD)).unwrap();
        let file = &read.files[0];
        assert_eq!(file.path, Path::new("/opt/edgeless/contrast-cc-simulated-00000000/bin/x"));
        assert_eq!(file.source, Source::Image("/usr/bin/x".into()));
        assert!(file.executable && file.integrity.is_none());
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        for (from, to, expected) in [
            ("file:///usr", "ftp:///usr", "`url` is `ftp:///usr/bin/x`"),
            ("file:///usr", "file://usr", "`url`"),
            ("file:///usr", "https://example.com", "has to say what it hashes to"),
            ("/opt/edgeless/@@runtimeName@@/bin/x", "/etc/passwd", "`path` is `/etc/passwd`"),
            ("/bin/x\", \"ex", "/../y\", \"ex", "`path`"),
            ("/bin/x\", \"ex", "\", \"ex", "`path`"),
            ("\"executable\": true", "\"integrity\": \"sha2\"", "`integrity`"),
            ("executable", "exe", "unknown field `exe`"),
        ] {
            let changed = with_file(&GOOD.replace(from, to));
            assert_ne!(changed, with_file(GOOD), "{from}");
            let said = parse(&changed).unwrap_err();
            assert!(said.contains(expected), "{to}: {said}");
        }
        let said = parse(&with_file("").replace("0000\"", "\"")).unwrap_err();
        assert!(said.contains("`handler`"), "{said}");
        assert!(parse("{}").unwrap_err().contains("handler"));
    }

    #[test]
    fn a_configuration_that_is_away_or_endless_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Configuration::read(folder.path(), Platform::Simulated).unwrap_err().to_string();
        assert!(read().contains("cannot read"));
        std::fs::write(folder.path().join(FILE), vec![b' '; 2 << 20]).unwrap();
        assert!(read().contains("longer than"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text in any::<Vec<u8>>()) {
            let _ = Configuration::parse(&text, Path::new("x"), Platform::Simulated);
        }
    }
}
