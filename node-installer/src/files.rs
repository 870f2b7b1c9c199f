//! A runtime's files: fetched beside their place, checked there, and moved when they are right.

mod download;

use std::{
    fs::{self, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

pub use download::DownloadError;

use crate::{
    configuration::{FileEntry, Source},
    host::{self, Host, HostError, Place},
    integrity::{Hasher, Integrity},
};

/// Why a file is not in its place. What was there before still is.
#[derive(thiserror::Error, Debug)]
pub enum FilesError {
    /// The node.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The installer's own image.
    #[error("cannot read {} of the installer's image: {cause}; the image is damaged, or is another one's", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A server.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// Other bytes than the configuration says.
    #[error("{} hashes to {found}, but the configuration wants {wanted}; it was damaged or changed on its way, and is not installed", path.display())]
    Integrity {
        /// Where it should have gone.
        path: PathBuf,
        /// The configuration's digest.
        wanted: Integrity,
        /// The file's.
        found: Integrity,
    },
}

/// Puts one file in its place. Says whether anything changed: a file that is right already is left alone.
///
/// # Errors
/// See [`FilesError`].
pub async fn put(host: &Host, entry: &FileEntry) -> Result<bool, FilesError> {
    let place = host.place(&entry.path)?;
    let mode = if entry.executable { 0o755 } else { 0o644 };
    // Without a digest, the installer's image says what is right.
    let wanted = match (&entry.integrity, &entry.source) {
        (Some(wanted), _) => Some(wanted.clone()),
        (None, Source::Image(path)) => Some(digest(path, None).map_err(|cause| source(path, cause))?),
        (None, Source::Server(_)) => None,
    };
    if let Some(wanted) = &wanted
        && is_right(&place, wanted, mode)
    {
        return Ok(false);
    }
    if let Some(folder) = entry.path.parent() {
        host.make_folder(folder)?;
    }
    // Again, since folders on the way are there now.
    let place = host.place(&entry.path)?;
    let new = host::beside(&place, host::NEW);
    let result = fetch(entry, &new, wanted.as_ref(), mode).await.and_then(|()| {
        let moved = fs::rename(&new.here, &place.here).and_then(|()| host::sync_folder_of(&place.here));
        moved.map_err(|cause| writing(&place, cause))
    });
    if result.is_err() {
        host::remove_quietly(&new.here);
    }
    result.map(|()| true)
}

async fn fetch(
    entry: &FileEntry,
    new: &Place,
    wanted: Option<&Integrity>,
    mode: u32,
) -> Result<(), FilesError> {
    let file = host::create(&new.here).map_err(|cause| writing(new, cause))?;
    let mut sink = Sink { file, hasher: wanted.map(Integrity::hasher), place: new };
    match &entry.source {
        Source::Image(path) => copy(path, &mut sink)?,
        Source::Server(target) => download::get(target, &mut sink).await?,
    }
    let found = sink.hasher.take().map(Hasher::finish);
    if let Some((wanted, found)) = wanted.zip(found)
        && *wanted != found
    {
        return Err(FilesError::Integrity { path: entry.path.clone(), wanted: wanted.clone(), found });
    }
    let file = sink.file;
    let finish = file.set_permissions(Permissions::from_mode(mode)).and_then(|()| file.sync_all());
    finish.map_err(|cause| writing(new, cause))
}

/// A file in the making.
pub(crate) struct Sink<'a> {
    file: File,
    hasher: Option<Hasher>,
    place: &'a Place,
}

impl Sink<'_> {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FilesError> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.file.write_all(bytes).map_err(|cause| writing(self.place, cause))
    }
}

fn copy(path: &Path, sink: &mut Sink<'_>) -> Result<(), FilesError> {
    let mut result = Ok(());
    let read = in_parts(path, |bytes| {
        result = sink.write(bytes);
        result.is_ok()
    });
    read.map_err(|cause| source(path, cause))?;
    result
}

/// Hashes a file, as `like` or with SHA-256.
fn digest(path: &Path, like: Option<&Integrity>) -> io::Result<Integrity> {
    let mut hasher = like.map_or_else(|| Hasher::Sha256(Default::default()), Integrity::hasher);
    in_parts(path, |bytes| {
        hasher.update(bytes);
        true
    })?;
    Ok(hasher.finish())
}

/// Hands a file's bytes on until somebody has enough.
fn in_parts(path: &Path, mut each: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut buffer)?;
        let part = buffer.get(..length).unwrap_or_default();
        if part.is_empty() || !each(part) {
            return Ok(());
        }
    }
}

fn is_right(place: &Place, wanted: &Integrity, mode: u32) -> bool {
    let is_file =
        fs::symlink_metadata(&place.here).is_ok_and(|found| found.is_file() && found.mode() & 0o7777 == mode);
    is_file && digest(&place.here, Some(wanted)).is_ok_and(|found| found == *wanted)
}

fn source(path: &Path, cause: io::Error) -> FilesError {
    FilesError::Source { path: path.to_owned(), cause }
}

fn writing(place: &Place, cause: io::Error) -> FilesError {
    FilesError::Host(HostError { action: "write", path: place.on_node.clone(), cause })
}

#[cfg(test)]
mod tests;
