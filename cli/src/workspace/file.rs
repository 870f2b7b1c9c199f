//! Whole files: read at once, replaced at once.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use contrast_attestation::atls::grpc::MAX_MESSAGE_BYTES;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::WorkspaceError;

/// Mode of files that hold no secret; the process's umask still applies.
const PUBLIC: u32 = 0o644;
/// Mode of files that do.
const SECRET: u32 = 0o600;

/// Longest of the files that go to a Coordinator or come from one, in bytes: as long as a message between the two.
/// Manifests, policies, keys, seed shares and evidence are no longer.
const MAX_FILE_LEN: usize = MAX_MESSAGE_BYTES;
/// Longest list of the events of a history, in bytes: a hundred thousand updates of a large deployment.
pub(crate) const MAX_EVENTS_LEN: usize = 1024 * 1024 * 1024;
/// Longest file that a guest boots from, in bytes: kernels, initrds and firmware are placed below 4 GiB.
pub(crate) const MAX_BOOT_FILE_LEN: usize = u32::MAX as usize;

/// The content of a file of at most 16 MiB.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, WorkspaceError> {
    read_bounded(path, MAX_FILE_LEN)
}

/// The content of a file of at most `longest` bytes. What is no file (a folder, a device, a pipe) is not waited for.
pub(crate) fn read_bounded(path: &Path, longest: usize) -> Result<Vec<u8>, WorkspaceError> {
    let failed = |source| WorkspaceError::Read { path: path.to_owned(), source };
    // A pipe without a writer would be waited for when it is opened.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(WorkspaceError::NotAFile { path: path.to_owned() });
    }
    let mut content = Vec::new();
    file.take(longest as u64 + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() > longest {
        return Err(WorkspaceError::TooLong { path: path.to_owned(), longest });
    }
    Ok(content)
}

/// Replaces a file that holds no secret, and makes the folder that it stands in. Whatever happens, the file
/// has either its old content or the whole new one.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), WorkspaceError> {
    replace(path, content).map_err(|source| WorkspaceError::Write { path: path.to_owned(), source })
}

/// Makes a file that only its owner may read. One that is there is never overwritten.
pub(crate) fn create_secret(path: &Path, content: &[u8]) -> Result<(), WorkspaceError> {
    let _writing = writing();
    let create = || {
        fs::create_dir_all(folder_of(path))?;
        let draft = draft(path, content, SECRET)?;
        // Unlike a renaming, this fails where there is something.
        fs::hard_link(&draft.0, path)?;
        File::open(folder_of(path))?.sync_all()
    };
    create().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => WorkspaceError::Exists { path: path.to_owned() },
        _ => WorkspaceError::Write { path: path.to_owned(), source },
    })
}

/// Replaces files that hold no secret, and of which all or none should be new: what can fail, such as a full disk, does so before
/// the first is replaced. Modes stay, and what links lead to is replaced instead of the links.
pub(crate) fn replace_all(files: &[(&Path, &[u8])]) -> Result<(), WorkspaceError> {
    let _writing = writing();
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| WorkspaceError::Write { path, source }
    };
    let mut drafts = Vec::new();
    for (path, content) in files {
        let target = fs::canonicalize(path).unwrap_or_else(|_| (*path).to_owned());
        may_replace(path)?;
        let mode = fs::metadata(&target).ok().map(|old| old.permissions());
        let make = || {
            fs::create_dir_all(folder_of(&target))?;
            let draft = draft(&target, content, PUBLIC)?;
            if let Some(mode) = mode {
                fs::set_permissions(&draft.0, mode)?;
            }
            Ok(draft)
        };
        drafts.push((make().map_err(failed(path))?, target));
    }
    for (draft, target) in &drafts {
        fs::rename(&draft.0, target).map_err(failed(target))?;
    }
    for (_, target) in &drafts {
        File::open(folder_of(target)).and_then(|folder| folder.sync_all()).map_err(failed(target))?;
    }
    Ok(())
}

/// Whether a file may be replaced: there is none, or one that can be written to.
pub(crate) fn may_replace(path: &Path) -> Result<(), WorkspaceError> {
    match fs::metadata(path) {
        Ok(old) if !old.is_file() => Err(WorkspaceError::NotAFile { path: path.to_owned() }),
        Ok(old) if old.permissions().readonly() => Err(WorkspaceError::Write {
            path: path.to_owned(),
            source: io::ErrorKind::PermissionDenied.into(),
        }),
        _ => Ok(()),
    }
}

/// Waits until what is being written is complete, and lets nothing more be written: for the end of the program.
pub(crate) fn finish_writing() {
    std::mem::forget(writing());
}

/// Held while something is being written.
fn writing() -> MutexGuard<'static, ()> {
    static WRITING: Mutex<()> = Mutex::new(());
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what a file holds under another name beside it, if it is not `content`. Gives the name.
///
/// For files whose loss cannot be made good.
pub(crate) fn set_aside(path: &Path, content: &[u8]) -> Result<Option<PathBuf>, WorkspaceError> {
    let old = match read(path) {
        Err(WorkspaceError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        other => other?,
    };
    if old == content {
        return Ok(None);
    }
    let digest = hex::encode(Sha256::digest(&old));
    let kept = path.with_extension(format!("{}.old", digest.chars().take(12).collect::<String>()));
    write(&kept, &old)?;
    Ok(Some(kept))
}

/// Replaces many files in a folder. All of them are on disk afterwards; a power cut before can leave some of them
/// empty, so they must be such that their loss is noticed and can be made good.
pub(crate) fn write_all(folder: &Path, files: &BTreeMap<String, &[u8]>) -> Result<(), WorkspaceError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| WorkspaceError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for (name, content) in files {
        let path = folder.join(name);
        // A history only grows, so most of it is there already.
        if read_bounded(&path, content.len()).is_ok_and(|old| old == **content) {
            continue;
        }
        put(&path, content, Durable::Later).map_err(failed(&path))?;
    }
    File::open(folder).and_then(|opened| Ok(rustix::fs::syncfs(opened)?)).map_err(failed(folder))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), WorkspaceError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(WorkspaceError::Remove { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Removes a folder that this program made, with all that is in it, if it is there. A link is not followed.
pub(crate) fn remove_folder(path: &Path) -> Result<(), WorkspaceError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(WorkspaceError::Remove { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Removes the files of a folder whose names are `unwanted`.
pub(crate) fn remove_where(folder: &Path, unwanted: impl Fn(&str) -> bool) -> Result<(), WorkspaceError> {
    let remove = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(&unwanted) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    remove().map_err(|source| WorkspaceError::Remove { path: folder.to_owned(), source })
}

/// When a new file has to be on disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Now,
    /// The caller sees to it.
    Later,
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder_of(path))?;
    put(path, content, Durable::Now)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn put(path: &Path, content: &[u8], durable: Durable) -> io::Result<()> {
    let _writing = writing();
    let draft = match durable {
        Durable::Later => undurable_draft(path, content, PUBLIC)?.1,
        Durable::Now => draft(path, content, PUBLIC)?,
    };
    fs::rename(&draft.0, path)?;
    if durable == Durable::Now {
        File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}

/// A draft that is on disk.
fn draft(path: &Path, content: &[u8], mode: u32) -> io::Result<Draft> {
    let (file, draft) = undurable_draft(path, content, mode)?;
    file.sync_all()?;
    Ok(draft)
}

fn undurable_draft(path: &Path, content: &[u8], mode: u32) -> io::Result<(File, Draft)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let draft = folder_of(path).join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    // One that a killed run has left, or a link that somebody else has put there: neither is written through.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    let draft = Draft(draft);
    file.write_all(content)?;
    Ok((file, draft))
}

/// A file that is not finished; removed if it never will be.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_leaves_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/folder/file");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o111, 0);
    }

    #[test]
    fn what_is_no_file_or_has_no_end_is_an_error_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        for path in [Path::new("/dev/zero"), dir.path(), &pipe] {
            let error = read(path).unwrap_err();
            assert!(matches!(error, WorkspaceError::NotAFile { .. }), "{error}");
        }
        let long = dir.path().join("long");
        write(&long, b"12345").unwrap();
        assert_eq!(read_bounded(&long, 5).unwrap(), b"12345");
        assert!(matches!(read_bounded(&long, 4), Err(WorkspaceError::TooLong { longest: 4, .. })));
    }

    #[test]
    fn other_content_is_kept_under_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seed-shares.json");
        assert_eq!(set_aside(&path, b"new").unwrap(), None);
        write(&path, b"old").unwrap();
        assert_eq!(set_aside(&path, b"old").unwrap(), None);
        let kept = set_aside(&path, b"new").unwrap().unwrap();
        assert_eq!(read(&kept).unwrap(), b"old");
        assert_eq!(kept.file_name().unwrap(), "seed-shares.cba06b5736fa.old");
    }

    #[test]
    fn neither_a_draft_nor_a_file_that_is_a_link_is_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (path, foreign) = (dir.path().join("file"), dir.path().join("foreign"));
        fs::write(&foreign, "foreign").unwrap();
        let draft = dir.path().join(format!(".file.{}.new", std::process::id()));
        std::os::unix::fs::symlink(&foreign, draft).unwrap();
        std::os::unix::fs::symlink(&foreign, &path).unwrap();
        write(&path, b"own").unwrap();
        assert_eq!(read(&foreign).unwrap(), b"foreign");
        assert_eq!((read(&path).unwrap(), fs::read_dir(dir.path()).unwrap().count()), (b"own".to_vec(), 2));
    }

    #[test]
    fn a_secret_is_for_its_owner_alone_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/key.pem");
        create_secret(&path, b"one").unwrap();
        assert!(matches!(create_secret(&path, b"two"), Err(WorkspaceError::Exists { .. })));
        assert_eq!(read(&path).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn of_several_files_all_are_replaced_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b, link] = ["a", "b", "link"].map(|name| dir.path().join(name));
        fs::write(&a, "old").unwrap();
        fs::set_permissions(&a, fs::Permissions::from_mode(0o640)).unwrap();
        fs::create_dir(&b).unwrap();
        assert!(replace_all(&[(&a, b"new"), (&b, b"new")]).is_err());
        assert_eq!((read(&a).unwrap(), fs::read_dir(dir.path()).unwrap().count()), (b"old".to_vec(), 2));
        std::os::unix::fs::symlink(&a, &link).unwrap();
        replace_all(&[(&link, b"new"), (&dir.path().join("c"), b"c")]).unwrap();
        assert_eq!(read(&a).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&a).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_leaves_no_draft_either() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(matches!(write(&path, b"x"), Err(WorkspaceError::Write { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
