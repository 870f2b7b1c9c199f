//! The node's files, seen from inside a container: links lead where they lead on the node, and files change at one moment.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Component, Path, PathBuf},
    time::SystemTime,
};

use rustix::fs::{FlockOperation, OFlags, XattrFlags};

/// The node's root folder.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

/// Something on the node cannot be read or changed.
#[derive(thiserror::Error, Debug)]
#[error("cannot {action} {} on the node: {cause}{}", path.display(), advice(cause))]
pub struct HostError {
    /// What was tried.
    pub action: &'static str,
    /// The path on the node.
    pub path: PathBuf,
    /// What the system says.
    pub cause: io::Error,
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "; mount its file system writable, or name another file in the ConfigMap contrast-node-installer-target-config"
        }
        io::ErrorKind::StorageFull => "; make room on the node",
        io::ErrorKind::PermissionDenied => {
            "; the installer has to be root, and the file must not be immutable (`lsattr`, `chattr -i`)"
        }
        io::ErrorKind::ResourceBusy => {
            "; it is a mount of its own, and cannot be replaced: name another file in the ConfigMap contrast-node-installer-target-config"
        }
        _ => "",
    }
}

/// A file on the node, after links.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Its path on the node, without links.
    pub on_node: PathBuf,
    /// Its path for this program.
    pub here: PathBuf,
}

/// One installer at a time; ends with the process, however that ends.
pub struct Lock(#[expect(dead_code, reason = "held, never looked at")] File);

/// A file in the making, beside the one that it replaces.
pub(crate) const NEW: &str = ".contrast-new";
/// As many links as Linux follows (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// More than any file that is read here has.
const MAX_BYTES: u64 = 4 << 20;

impl Host {
    /// The node whose root is mounted at `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path of the node leads. Links are followed inside of the node's root: for this program, an absolute one would
    /// lead into its own image. What does not exist may be made.
    ///
    /// # Errors
    /// If there are too many links, or a folder cannot be read.
    pub fn place(&self, path: &Path) -> Result<Place, HostError> {
        self.follow(path).map_err(|cause| HostError { action: "find", path: path.to_owned(), cause })
    }

    fn follow(&self, path: &Path) -> io::Result<Place> {
        let parts = |path: &Path| -> VecDeque<OsString> {
            let normal = path.components().filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_owned()),
                Component::ParentDir => Some("..".into()),
                _ => None,
            });
            normal.collect()
        };
        let (mut rest, mut found, mut links) = (parts(path), PathBuf::new(), 0);
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                found.pop();
                continue;
            }
            match fs::read_link(self.root.join(&found).join(&part)) {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(io::Error::other("too many links"));
                    }
                    if target.is_absolute() {
                        found = PathBuf::new();
                    }
                    let mut target = parts(&target);
                    target.append(&mut rest);
                    rest = target;
                }
                // Not there, or no link.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) =>
                {
                    found.push(part);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Place { here: self.root.join(&found), on_node: Path::new("/").join(&found) })
    }

    /// The content of a file; nothing if there is none.
    ///
    /// # Errors
    /// If it cannot be read, is no file, or is longer than 4 MiB.
    pub fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, HostError> {
        let place = self.place(path)?;
        let failed = |cause| HostError { action: "read", path: path.to_owned(), cause };
        let length = match fs::metadata(&place.here) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            found => found.map_err(failed)?.len(),
        };
        if length > MAX_BYTES {
            return Err(failed(io::Error::other(format!("it is longer than {MAX_BYTES} bytes"))));
        }
        fs::read(&place.here).map(Some).map_err(failed)
    }

    /// When a file was last changed; nothing if there is none.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub fn changed(&self, path: &Path) -> Result<Option<SystemTime>, HostError> {
        let place = self.place(path)?;
        match fs::metadata(&place.here).and_then(|found| found.modified()) {
            Ok(time) => Ok(Some(time)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(HostError { action: "look at", path: path.to_owned(), cause }),
        }
    }

    /// Replaces a file's content at one moment, durably. Whose it is and who may read it stays; a new one can be read by everybody.
    ///
    /// # Errors
    /// If it cannot be written: then it is as it was.
    pub fn replace(&self, path: &Path, content: &[u8]) -> Result<(), HostError> {
        let new = self.prepare(path, content)?;
        let place = self.place(path)?;
        let moved = fs::rename(&new.here, &place.here).and_then(|()| sync_folder_of(&place.here));
        moved.map_err(|cause| {
            remove_quietly(&new.here);
            HostError { action: "replace", path: path.to_owned(), cause }
        })
    }

    /// Writes a copy of a file, with this content and all else as the file has it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn copy(&self, path: &Path, to: &Path, content: &[u8]) -> Result<(), HostError> {
        let new = self.prepare(path, content)?;
        let to_place = self.place(to)?;
        let moved = fs::rename(&new.here, &to_place.here).and_then(|()| sync_folder_of(&to_place.here));
        moved.map_err(|cause| {
            remove_quietly(&new.here);
            HostError { action: "write", path: to.to_owned(), cause }
        })
    }

    /// Writes beside a file what is to replace it. Says where.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn prepare(&self, path: &Path, content: &[u8]) -> Result<Place, HostError> {
        let place = self.place(path)?;
        let new = beside(&place, NEW);
        let write = || -> io::Result<()> {
            let mut file = create(&new.here)?;
            file.write_all(content)?;
            match fs::metadata(&place.here) {
                Ok(before) => {
                    file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
                    fchown(&file, Some(before.uid()), Some(before.gid()))?;
                    keep_label(&place.here, &file);
                }
                Err(_) => file.set_permissions(Permissions::from_mode(0o644))?,
            }
            file.sync_all()
        };
        write().map_err(|cause| {
            remove_quietly(&new.here);
            HostError { action: "write beside", path: path.to_owned(), cause }
        })?;
        Ok(new)
    }

    /// Makes a folder, and those above it, readable for everybody.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make_folder(&self, path: &Path) -> Result<Place, HostError> {
        let place = self.place(path)?;
        let made = DirBuilder::new().recursive(true).mode(0o755).create(&place.here);
        made.map_err(|cause| HostError { action: "make the folder", path: path.to_owned(), cause })?;
        Ok(place)
    }

    /// Removes a file, durably. Nothing to do if there is none.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, path: &Path) -> Result<(), HostError> {
        let place = self.place(path)?;
        match fs::remove_file(&place.here).and_then(|()| sync_folder_of(&place.here)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.map_err(|cause| HostError { action: "remove", path: path.to_owned(), cause }),
        }
    }

    /// Removes a folder with all that is in it. Nothing to do if there is none.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_folder(&self, path: &Path) -> Result<(), HostError> {
        let place = self.place(path)?;
        match fs::remove_dir_all(&place.here) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.map_err(|cause| HostError { action: "remove", path: path.to_owned(), cause }),
        }
    }

    /// Removes a folder if nothing is in it.
    pub fn remove_if_empty(&self, path: &Path) {
        if let Ok(place) = self.place(path) {
            // It is not empty, or not there: both are fine.
            let _ = fs::remove_dir(&place.here);
        }
    }

    /// Takes the lock that all installers on this node share.
    ///
    /// # Errors
    /// If another one has it.
    pub fn lock(&self, path: &Path) -> Result<Lock, HostError> {
        let place = self.place(path)?;
        if let Some(folder) = place.on_node.parent() {
            self.make_folder(folder)?;
        }
        let failed = |cause| HostError { action: "lock", path: path.to_owned(), cause };
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&place.here);
        let file = file.map_err(failed)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            let busy = "another installer works on this node; this one is started again by Kubernetes";
            let taken = error == rustix::io::Errno::WOULDBLOCK;
            failed(if taken { io::Error::other(busy) } else { error.into() })
        })?;
        Ok(Lock(file))
    }
}

/// A file beside another one.
pub(crate) fn beside(place: &Place, suffix: &str) -> Place {
    let with = |path: &Path| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        path.with_file_name(name)
    };
    Place { on_node: with(&place.on_node), here: with(&place.here) }
}

/// A new file that only its owner can read so far, in place of one that was left behind.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(flags).open(path)
}

/// Makes what happened in a folder durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Removes what was not finished. If that fails, the next attempt writes over it.
pub(crate) fn remove_quietly(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Without its label, SELinux would keep containerd from its own configuration. File systems without labels have none.
fn keep_label(from: &Path, to: &File) {
    const NAME: &str = "security.selinux";
    let mut label = [0; 256];
    if let Ok(length) = rustix::fs::getxattr(from, NAME, &mut label) {
        let label = label.get(..length).unwrap_or_default();
        if let Err(error) = rustix::fs::fsetxattr(to, NAME, label, XattrFlags::empty()) {
            tracing::warn!("cannot keep the SELinux label of {}: {error}", from.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn node() -> (tempfile::TempDir, Host) {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::new(folder.path());
        (folder, host)
    }

    #[test]
    fn links_lead_where_they_lead_on_the_node() {
        let (folder, host) = node();
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::create_dir_all(folder.path().join("srv/real")).unwrap();
        symlink("/srv", folder.path().join("etc/absolute")).unwrap();
        symlink("../etc/absolute/real/../real", folder.path().join("etc/relative")).unwrap();
        symlink("../../../../../srv", folder.path().join("etc/up")).unwrap();
        for path in ["/etc/absolute/real/x", "/etc/relative/x", "/etc/up/real/x", "/../srv/real/x"] {
            let place = host.place(Path::new(path)).unwrap();
            assert_eq!(place.on_node, Path::new("/srv/real/x"), "{path}");
            assert_eq!(place.here, folder.path().join("srv/real/x"));
        }
        symlink("loop", folder.path().join("etc/loop")).unwrap();
        assert!(host.place(Path::new("/etc/loop")).unwrap_err().to_string().contains("too many links"));
    }

    #[test]
    fn a_file_behind_a_link_is_replaced_and_the_link_stays() {
        let (folder, host) = node();
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join("real"), "old").unwrap();
        fs::set_permissions(folder.path().join("real"), Permissions::from_mode(0o640)).unwrap();
        symlink("/real", folder.path().join("etc/file")).unwrap();
        host.replace(Path::new("/etc/file"), b"new").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("real")).unwrap(), "new");
        assert_eq!(fs::metadata(folder.path().join("real")).unwrap().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(folder.path().join("etc/file")).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
    }

    #[test]
    fn what_a_killed_run_left_is_written_over() {
        let (folder, host) = node();
        fs::write(folder.path().join("file"), "old").unwrap();
        symlink("/etc/passwd", folder.path().join("file.contrast-new")).unwrap();
        host.replace(Path::new("/file"), b"new").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_replaced_is_told_and_stays() {
        let (folder, host) = node();
        fs::create_dir(folder.path().join("file")).unwrap();
        let said = host.replace(Path::new("/file"), b"new").unwrap_err().to_string();
        assert!(said.contains("/file"), "{said}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_one_installer_works_at_a_time() {
        let (_folder, host) = node();
        let path = Path::new("/run/contrast/lock");
        let first = host.lock(path).unwrap();
        let said = host.lock(path).err().unwrap().to_string();
        assert!(said.contains("another installer"), "{said}");
        drop(first);
        host.lock(path).unwrap();
    }
}
