//! What containerd wrote for a container: `config.json` of its bundle, or the description of a further process.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use serde_json::{Value, json};

/// Most bytes of a configuration. Annotations of a pod have at most 256 KiB.
pub const MAX_LEN: u64 = 8 << 20;

/// Where containerd says whether it is a sandbox.
pub(crate) const CONTAINER_TYPE: &str = "io.kubernetes.cri.container-type";
/// Where containerd says which sandbox a container belongs to.
const SANDBOX_ID: &str = "io.kubernetes.cri.sandbox-id";

/// Why there is no configuration.
#[derive(thiserror::Error, Debug)]
pub enum ConfigurationError {
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is a link, a folder, or longer than anything that containerd writes.
    #[error("{} is no file of at most {MAX_LEN} bytes", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// It is no JSON object.
    #[error("{} is no JSON object: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it is not.
        reason: String,
    },
    /// It does not come from Kubernetes.
    #[error(
        "the container says nothing of a pod in its annotation {0}; this runtime makes pods of Kubernetes only"
    )]
    NoPod(&'static str),
}

/// Which container of a pod it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The sandbox, which holds namespaces.
    Sandbox,
    /// Any other.
    Container,
}

/// The configuration of a container.
#[derive(Clone, PartialEq, Debug)]
pub struct Configuration(Value);

impl Configuration {
    /// Reads that of a bundle.
    ///
    /// # Errors
    /// If there is none, or it is not one.
    pub fn of_bundle(bundle: &Path) -> Result<Self, ConfigurationError> {
        let path = bundle.join("config.json");
        let bytes = read(&path)?;
        object(&path, &bytes).map(Self)
    }

    /// Of bytes that were read.
    ///
    /// # Errors
    /// If they are no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigurationError> {
        object(Path::new("config.json"), bytes).map(Self)
    }

    /// As it stands there.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Which container it is, and of which sandbox.
    ///
    /// # Errors
    /// If it is not of a pod.
    pub fn role(&self) -> Result<(Role, &str), ConfigurationError> {
        let role = match self.annotation(CONTAINER_TYPE) {
            Some("sandbox") => Role::Sandbox,
            Some("container") => Role::Container,
            _ => return Err(ConfigurationError::NoPod(CONTAINER_TYPE)),
        };
        let sandbox = self.annotation(SANDBOX_ID).ok_or(ConfigurationError::NoPod(SANDBOX_ID))?;
        Ok((role, sandbox))
    }

    /// The value of an annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.0.get("annotations")?.get(key)?.as_str()
    }

    /// The network namespace that it joins.
    #[must_use]
    pub fn network(&self) -> Option<&str> {
        let namespaces = self.0.pointer("/linux/namespaces")?.as_array()?;
        let found =
            namespaces.iter().find(|namespace| namespace.get("type").is_some_and(|kind| kind == "network"));
        found?.get("path")?.as_str().filter(|path| !path.is_empty())
    }

    /// Paths of the node that are mounted into it.
    pub fn bound(&self) -> impl Iterator<Item = &str> {
        let mounts = self.0.get("mounts").and_then(Value::as_array).into_iter().flatten();
        mounts.filter_map(|mount| mount.get("source")?.as_str()).filter(|source| source.starts_with('/'))
    }

    /// Adds a folder of the node that the container sees, and cannot change.
    pub fn show(&mut self, folder: &Path, at: &str) {
        let mount = json!({
            "destination": at, "type": "bind", "source": folder,
            "options": ["bind", "ro", "nosuid", "nodev", "noexec", "rprivate"],
        });
        if let Some(members) = self.0.as_object_mut() {
            let mounts = members.entry("mounts").or_insert_with(|| json!([]));
            if let Some(mounts) = mounts.as_array_mut() {
                mounts.push(mount);
            }
        }
    }

    /// Writes it in place of that of a bundle.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write(&self, bundle: &Path) -> Result<(), ConfigurationError> {
        replace(&bundle.join("config.json"), self.0.to_string().as_bytes())
    }
}

/// Reads the description of a further process.
///
/// # Errors
/// If there is none, or it is not one.
pub fn process(path: &Path) -> Result<Value, ConfigurationError> {
    object(path, &read(path)?)
}

/// A JSON object that stands for limits, or for anything else.
///
/// # Errors
/// If it is none.
pub fn object(path: &Path, bytes: &[u8]) -> Result<Value, ConfigurationError> {
    let json = |reason: String| ConfigurationError::Json { path: path.to_owned(), reason };
    let value: Value = serde_json::from_slice(bytes).map_err(|error| json(error.to_string()))?;
    if value.is_object() { Ok(value) } else { Err(json("it is something else".to_owned())) }
}

/// The bytes of a file that is not a link.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ConfigurationError> {
    let io = |source| ConfigurationError::Io { path: path.to_owned(), source };
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let no_file = || ConfigurationError::NoFile { path: path.to_owned() };
    if !metadata.is_file() || metadata.len() > MAX_LEN {
        return Err(no_file());
    }
    bounded(file).map_err(io)?.ok_or_else(no_file)
}

/// All of a stream; `None` if that is more than [`MAX_LEN`].
pub(crate) fn bounded(from: impl io::Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(MAX_LEN + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_LEN).then_some(bytes))
}

/// Replaces a file in one step, so that whoever reads it finds the one or the other, also after a loss of power.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ConfigurationError> {
    let io = |source| ConfigurationError::Io { path: path.to_owned(), source };
    let new = path.with_extension("new");
    let write = || {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::create_new(&new)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&new, path)
    };
    write().map_err(io)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bundle(bytes: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), bytes).unwrap();
        folder
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_its_path() {
        for bytes in [&b""[..], b"[]", b"{", b"\xFF", b"null"] {
            let error = Configuration::of_bundle(bundle(bytes).path()).unwrap_err();
            assert!(matches!(error, ConfigurationError::Json { .. }), "{error}");
        }
        let deep = "[".repeat(100_000);
        assert!(Configuration::parse(deep.as_bytes()).is_err());
        let folder = tempfile::tempdir().unwrap();
        let error = Configuration::of_bundle(folder.path()).unwrap_err();
        assert!(error.to_string().contains("config.json"), "{error}");
    }

    #[test]
    fn links_folders_pipes_and_files_without_an_end_are_not_read() {
        let folder = bundle(b"{}");
        let file = folder.path().join("config.json");
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&file, elsewhere.path().join("config.json")).unwrap();
        assert!(Configuration::of_bundle(elsewhere.path()).is_err());
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(Configuration::of_bundle(folder.path()).is_err());
        fs::remove_dir(&file).unwrap();
        File::create(&file).unwrap().set_len(MAX_LEN + 1).unwrap();
        let error = Configuration::of_bundle(folder.path()).unwrap_err();
        assert!(matches!(error, ConfigurationError::NoFile { .. }), "{error}");
        fs::remove_file(&file).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let error = Configuration::of_bundle(folder.path()).unwrap_err();
        assert!(matches!(error, ConfigurationError::NoFile { .. }), "{error}");
    }

    #[test]
    fn only_containers_of_pods_have_a_role() {
        let role = |text: &str| {
            Configuration::parse(text.as_bytes()).unwrap().role().map(|(role, id)| (role, id.to_owned())).ok()
        };
        assert_eq!(role("{}"), None);
        assert_eq!(role(r#"{"annotations":{"io.kubernetes.cri.container-type":"sandbox"}}"#), None);
        let both = |kind: &str| {
            format!(
                r#"{{"annotations":{{"io.kubernetes.cri.container-type":"{kind}","io.kubernetes.cri.sandbox-id":"ab"}}}}"#
            )
        };
        assert_eq!(role(&both("sandbox")), Some((Role::Sandbox, "ab".to_owned())));
        assert_eq!(role(&both("container")), Some((Role::Container, "ab".to_owned())));
        assert_eq!(role(&both("other")), None);
    }

    #[test]
    fn a_folder_is_shown_beside_all_mounts_and_nothing_else_changes() {
        let folder = bundle(br#"{"a":18446744073709551615,"mounts":[{"destination":"/x"}]}"#);
        let mut configuration = Configuration::of_bundle(folder.path()).unwrap();
        configuration.show(Path::new("/run/s"), "/run/contrast-simulator");
        configuration.write(folder.path()).unwrap();
        let written = Configuration::of_bundle(folder.path()).unwrap();
        assert_eq!(written.value()["a"], json!(u64::MAX));
        assert_eq!(written.value()["mounts"][0], json!({ "destination": "/x" }));
        assert_eq!(written.value()["mounts"][1]["source"], "/run/s");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(configuration) = Configuration::parse(&bytes) {
                let _ = configuration.role();
                let _ = configuration.bound().count();
            }
        }
    }
}
