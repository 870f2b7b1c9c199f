//! The files that other containers of the pod read.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

use crate::credentials::{Credentials, Validity};

const EVERYBODY_READS: u32 = 0o444;
const OWNER_READS: u32 = 0o400;

/// Where a pod's files belong to a group of the pod's.
const GROUP_READS: u32 = 0o440;
/// The bit of a folder whose files belong to the folder's group (inode(7)).
const SET_GROUP_ID: u32 = 0o2000;

/// The file with the workload secret.
pub(crate) const WORKLOAD_SECRET: &str = "workload-secret-seed";
/// The file that says how old the certificate is, without a reader of certificates.
const VALIDITY: &str = "certificate.json";
/// The link to the folder with the files of now.
const DATA: &str = "..data";
/// What names begin with that are nobody's business but ours.
const HIDDEN: &str = "..";
/// A link on its way to its place.
const NEW_LINK: &str = "..new";

/// What could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// The directory cannot be made.
    #[error("cannot make the directory {}: {cause}; mount a writable volume there", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A file cannot be replaced.
    #[error("cannot write {}: {cause}; mount a writable volume with free space there", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A folder lies where a file belongs.
    #[error("cannot write {}: a folder is in the way; remove it", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
    },
    /// A file does not say what it said when it was written.
    #[error("cannot read {}: {cause}; somebody changed the pod's certificates: restart the pod", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// Writes everything into `directory`, which is made if need be. All files change at the same moment, so that nobody sees
/// a key beside another one's certificate: they lie in a folder of their own, to which `..data` leads, and each name leads
/// there by `..data`; as in Kubernetes' volumes of ConfigMaps. What was there before is removed; if it cannot be replaced, it stays.
///
/// # Errors
/// See [`FilesError`].
pub(crate) fn write(directory: &Path, credentials: &Credentials, key_pem: &str) -> Result<(), FilesError> {
    let volume = DirBuilder::new().recursive(true).mode(0o755).create(directory);
    let volume = volume.and_then(|()| fs::metadata(directory));
    let volume = volume.map_err(|cause| FilesError::Directory { path: directory.to_owned(), cause })?;
    // Kubernetes sets this bit where a volume is the group's of the pod (`fsGroup`).
    let private = if volume.permissions().mode() & SET_GROUP_ID == 0 { OWNER_READS } else { GROUP_READS };
    let secret = Zeroizing::new(hex::encode(&*credentials.workload_secret));
    let mut files: Vec<(&str, u32, &[u8])> = vec![
        ("key.pem", private, key_pem.as_bytes()),
        ("certChain.pem", EVERYBODY_READS, &credentials.chain),
        ("mesh-ca.pem", EVERYBODY_READS, &credentials.mesh_ca),
        ("coordinator-root-ca.pem", EVERYBODY_READS, &credentials.root_ca),
    ];
    let validity = validity_json(credentials.validity);
    files.push((VALIDITY, EVERYBODY_READS, validity.as_bytes()));
    if !secret.is_empty() {
        files.push((WORKLOAD_SECRET, private, secret.as_bytes()));
    }

    // What would be found out when half of the names are changed is found out before.
    let names = files.iter().map(|(name, ..)| *name);
    unoccupied(directory, names.chain([WORKLOAD_SECRET]))?;

    let before = fs::read_link(directory.join(DATA)).ok();
    // One that was left behind by a run that was killed, or whose files could not be written.
    remove_all_but(directory, before.as_deref())?;
    // Another name each time: whoever still reads in a folder does not find new files in it.
    let version = PathBuf::from(format!("{HIDDEN}{:016x}", getrandom::u64().unwrap_or_default()));
    let filled = fill(&directory.join(&version), &files).and_then(|()| {
        lead(directory, DATA, &version)?;
        files.iter().try_for_each(|(name, ..)| lead(directory, name, &Path::new(DATA).join(name)))
    });
    if filled.is_err() {
        // A volume that is full has to have room for the next attempt. What cannot be removed, the next attempt removes.
        let _ = remove_all_but(directory, fs::read_link(directory.join(DATA)).ok().as_deref());
    }
    filled?;
    if secret.is_empty() {
        remove(&directory.join(WORKLOAD_SECRET))?;
    }
    remove_all_but(directory, Some(&version))
}

/// What [`VALIDITY`] says.
fn validity_json(Validity { from, until }: Validity) -> String {
    let text = |time| OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default();
    format!("{{\"notBefore\":\"{}\",\"notAfter\":\"{}\"}}\n", text(from), text(until))
}

/// How long the certificate among the files in `directory` is good for; `None` if nobody wrote one.
///
/// # Errors
/// If what was written cannot be read any more.
pub(crate) fn validity(directory: &Path) -> Result<Option<Validity>, FilesError> {
    let path = directory.join(VALIDITY);
    // A link that leads nowhere was written, too.
    if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let read = fs::read(&path).and_then(|json| said_in(&json).ok_or(io::ErrorKind::InvalidData.into()));
    read.map(Some).map_err(|cause| FilesError::Unreadable { path, cause })
}

/// What [`validity_json`] has written.
fn said_in(json: &[u8]) -> Option<Validity> {
    let json: serde_json::Value = serde_json::from_slice(json).ok()?;
    let time = |name: &str| Some(OffsetDateTime::parse(json.get(name)?.as_str()?, &Rfc3339).ok()?.into());
    Some(Validity { from: time("notBefore")?, until: time("notAfter")? })
}

/// Makes a folder with these files: names, modes, contents.
fn fill(folder: &Path, files: &[(&str, u32, &[u8])]) -> Result<(), FilesError> {
    let made = DirBuilder::new().mode(0o755).create(folder);
    made.map_err(|cause| FilesError::File { path: folder.to_owned(), cause })?;
    files.iter().try_for_each(|(name, mode, content)| {
        let path = folder.join(name);
        create(&path, *mode, content).map_err(|cause| FilesError::File { path, cause })
    })
}

fn create(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_READS).open(path)?;
    file.write_all(content)?;
    // The mode on opening is at the mercy of the process's mask.
    file.set_permissions(Permissions::from_mode(mode))
}

/// No folder has one of these names.
fn unoccupied<'n>(directory: &Path, names: impl Iterator<Item = &'n str>) -> Result<(), FilesError> {
    let mut paths = names.map(|name| directory.join(name));
    let occupied = paths.find(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()));
    occupied.map_or(Ok(()), |path| Err(FilesError::Occupied { path }))
}

/// Makes `name` lead to `target`, whatever it was before.
fn lead(directory: &Path, name: &str, target: &Path) -> Result<(), FilesError> {
    let path = directory.join(name);
    if fs::read_link(&path).is_ok_and(|before| before == target) {
        return Ok(());
    }
    let new = directory.join(NEW_LINK);
    remove(&new)?;
    symlink(target, &new)
        .and_then(|()| fs::rename(&new, &path))
        .map_err(|cause| FilesError::File { path, cause })
}

/// Removes all folders of files but one, which others may still read.
fn remove_all_but(directory: &Path, kept: Option<&Path>) -> Result<(), FilesError> {
    let failed = |cause| FilesError::File { path: directory.to_owned(), cause };
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_version = name.as_encoded_bytes().starts_with(HIDDEN.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_version && kept.is_none_or(|kept| kept != name) {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), FilesError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(FilesError::File { path: path.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const TIMES: &str = "{\"notBefore\":\"1970-01-01T00:00:00Z\",\"notAfter\":\"1970-01-02T00:00:00Z\"}\n";

    fn credentials(mark: &str, secret: &[u8]) -> Credentials {
        Credentials {
            mesh_ca: format!("mesh {mark}").into(),
            chain: format!("chain {mark}").into(),
            root_ca: format!("root {mark}").into(),
            workload_secret: Zeroizing::new(secret.to_vec()),
            validity: Validity { from: UNIX_EPOCH, until: UNIX_EPOCH + Duration::from_secs(86_400) },
        }
    }

    /// Name, mode and content of every file that pods look for, sorted.
    fn listing(directory: &Path) -> Vec<(String, u32, String)> {
        let mut files: Vec<_> = names(directory)
            .into_iter()
            .filter(|name| !name.starts_with(".."))
            .map(|name| {
                let path = directory.join(&name);
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                (name, mode, fs::read_to_string(&path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    fn names(directory: &Path) -> Vec<String> {
        fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// What came of the Coordinator, and the key.
    fn contents(directory: &Path) -> Vec<String> {
        let files = listing(directory).into_iter().filter(|(name, ..)| name != VALIDITY);
        files.map(|(_, _, content)| content).collect()
    }

    fn file(name: &str, mode: u32, content: &str) -> (String, u32, String) {
        (name.into(), mode, content.into())
    }

    #[test]
    fn names_modes_and_contents_are_those_that_pods_expect() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("made/on/the/way");
        write(&target, &credentials("1", &[0xab, 0x01]), "key 1").unwrap();
        assert_eq!(
            listing(&target),
            [
                file("certChain.pem", 0o444, "chain 1"),
                file("certificate.json", 0o444, TIMES),
                file("coordinator-root-ca.pem", 0o444, "root 1"),
                file("key.pem", 0o400, "key 1"),
                file("mesh-ca.pem", 0o444, "mesh 1"),
                file("workload-secret-seed", 0o400, "ab01"),
            ]
        );
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn the_group_of_a_volume_reads_what_is_private() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o2777)).unwrap();
        write(directory.path(), &credentials("1", &[1]), "key 1").unwrap();
        let modes: Vec<_> = listing(directory.path()).into_iter().map(|(_, mode, _)| mode).collect();
        assert_eq!(modes, [0o444, 0o444, 0o444, 0o440, 0o444, 0o440]);
    }

    #[test]
    fn a_second_run_replaces_everything_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        for number in 1..=3 {
            let mark = number.to_string();
            write(directory.path(), &credentials(&mark, &[number]), &format!("key {mark}")).unwrap();
            let expected = ["chain", "root", "key", "mesh"].map(|name| format!("{name} {mark}"));
            assert_eq!(contents(directory.path())[..4], expected);
            assert_eq!(names(directory.path()).len(), 6 + 2, "names, `..data` and its folder");
        }
    }

    #[test]
    fn what_a_run_left_that_was_killed_at_any_step_is_in_nobody_s_way() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &credentials("1", &[1]), "key 1").unwrap();
        fs::create_dir(directory.path().join("..0123456789abcdef")).unwrap();
        fs::write(directory.path().join("..0123456789abcdef/key.pem"), "half").unwrap();
        symlink("..0123456789abcdef", directory.path().join(NEW_LINK)).unwrap();
        write(directory.path(), &credentials("2", &[2]), "key 2").unwrap();
        assert_eq!(contents(directory.path()), ["chain 2", "root 2", "key 2", "mesh 2", "02"]);
        assert_eq!(names(directory.path()).len(), 6 + 2);
    }

    #[test]
    fn plain_files_of_an_older_initializer_are_replaced() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["key.pem", "certChain.pem", "mesh-ca.pem", "workload-secret-seed"] {
            create(&directory.path().join(name), EVERYBODY_READS, b"old").unwrap();
        }
        write(directory.path(), &credentials("1", &[1]), "key 1").unwrap();
        assert_eq!(contents(directory.path()), ["chain 1", "root 1", "key 1", "mesh 1", "01"]);
    }

    #[test]
    fn a_certificate_whose_age_cannot_be_told_any_more_is_not_taken_for_none() {
        let directory = tempfile::tempdir().unwrap();
        let told = || validity(directory.path());
        assert_eq!(told().unwrap(), None);
        let written = credentials("1", &[]);
        write(directory.path(), &written, "key").unwrap();
        assert_eq!(told().unwrap(), Some(written.validity));

        let lost = fs::canonicalize(directory.path().join(DATA)).unwrap();
        fs::remove_dir_all(&lost).unwrap();
        assert!(told().unwrap_err().to_string().contains(VALIDITY));
        fs::create_dir(&lost).unwrap();
        for damaged in ["", "{}", "{\"notBefore\":\"1970-01-01T00:00:00Z\",\"notAfter\":\"never\"}"] {
            fs::write(lost.join(VALIDITY), damaged).unwrap();
            assert!(told().is_err(), "{damaged}");
        }
    }

    /// However often it looks, a reader never sees a key beside another one's certificate.
    #[test]
    fn key_and_certificate_change_together() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &credentials("0", &[]), "key 0").unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut looks = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    // As a process does that follows the link once.
                    let Ok(now) = fs::canonicalize(directory.path().join(DATA)) else { continue };
                    let [chain, key] =
                        ["certChain.pem", "key.pem"].map(|name| fs::read_to_string(now.join(name)));
                    if let (Ok(chain), Ok(key)) = (chain, key) {
                        assert_eq!(chain.strip_prefix("chain"), key.strip_prefix("key"));
                        looks += 1;
                    }
                }
                looks
            });
            for number in 1..500 {
                write(directory.path(), &credentials(&number.to_string(), &[]), &format!("key {number}"))
                    .unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(reader.join().unwrap() > 0);
        });
    }

    #[test]
    fn a_pod_without_a_secret_has_no_secret_of_before() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &credentials("1", &[1]), "key 1").unwrap();
        write(directory.path(), &credentials("2", &[]), "key 2").unwrap();
        assert!(fs::symlink_metadata(directory.path().join("workload-secret-seed")).is_err());
        assert_eq!(listing(directory.path()).len(), 5);
    }

    #[test]
    fn what_cannot_be_written_is_named_and_what_was_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let occupied = directory.path().join("file");
        fs::write(&occupied, "").unwrap();
        let error = write(&occupied, &credentials("1", &[]), "key").unwrap_err();
        assert!(error.to_string().contains(occupied.to_str().unwrap()), "{error}");

        let volume = directory.path().join("volume");
        write(&volume, &credentials("1", &[]), "key 1").unwrap();
        let before = contents(&volume);
        let name = "workload-secret-seed";
        for secret in [&[2][..], &[]] {
            fs::create_dir(volume.join(name)).unwrap();
            let error = write(&volume, &credentials("2", secret), "key 2").unwrap_err();
            assert!(error.to_string().contains(name) && error.to_string().contains("remove it"), "{error}");
            fs::remove_dir(volume.join(name)).unwrap();
            assert_eq!(contents(&volume), before);
        }
    }
}
