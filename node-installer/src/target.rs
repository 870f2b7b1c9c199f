//! What users say about their nodes: a folder with one file for each value, mounted from a ConfigMap.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// What users say about their nodes. What they do not say, the installer finds out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TargetConfiguration {
    /// containerd's configuration on the node, an absolute path; or the template of one, which ends in `.tmpl`.
    pub containerd_config: Option<PathBuf>,
    /// The unit that runs containerd; the first of these that runs.
    pub units: Vec<String>,
}

/// What is wrong with what users say.
#[derive(thiserror::Error, Debug)]
pub enum TargetError {
    /// It cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A name that means nothing.
    #[error("{} means nothing; possible names are {}. Correct the ConfigMap contrast-node-installer-target-config", .0.display(), NAMES.join(" and "))]
    Unknown(PathBuf),
    /// A value that is none.
    #[error("{} has to hold {what}. Correct the ConfigMap contrast-node-installer-target-config", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
    },
}

const CONTAINERD_CONFIG: &str = "containerd-config-path";
const UNITS: &str = "systemd-unit-name";
const NAMES: [&str; 2] = [CONTAINERD_CONFIG, UNITS];
const MAX_BYTES: u64 = 4096;

impl TargetConfiguration {
    /// Reads a folder; one that is not there says nothing.
    ///
    /// # Errors
    /// If something cannot be read or means nothing.
    pub fn read(folder: &Path) -> Result<Self, TargetError> {
        let failed = |cause| TargetError::Read { path: folder.to_owned(), cause };
        let mut target = Self::default();
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(target),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            // A ConfigMap's volume has links and folders of its own, which begin with two dots. Names lead there by links.
            if entry.file_name().as_encoded_bytes().starts_with(b"..") || path.is_dir() {
                continue;
            }
            target.set(&path)?;
        }
        Ok(target)
    }

    fn set(&mut self, path: &Path) -> Result<(), TargetError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !NAMES.contains(&name) {
            return Err(TargetError::Unknown(path.to_owned()));
        }
        let wrong = |what| TargetError::Value { path: path.to_owned(), what };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        read.map_err(|cause| TargetError::Read { path: path.to_owned(), cause })?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("text"))?;
        let text = text.trim();
        if text.len() as u64 > MAX_BYTES || text.contains('\0') {
            return Err(wrong("a short text"));
        }
        if name == CONTAINERD_CONFIG {
            const PATH: &str = "a path of a file, such as /etc/containerd/config.toml";
            // Without a slash at the beginning, it is meant from the node's root as well.
            let path = Path::new("/").join(text);
            if text.lines().count() != 1 || path.file_name().is_none() {
                return Err(wrong(PATH));
            }
            self.containerd_config = Some(path);
        } else {
            let separates = |c: char| c == ',' || c.is_whitespace();
            self.units = text.split(separates).filter(|unit| !unit.is_empty()).map(str::to_owned).collect();
            if self.units.is_empty() {
                return Err(wrong("names of units, such as containerd.service, separated by commas"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<TargetConfiguration, String> {
        let folder = tempfile::tempdir().unwrap();
        // As a ConfigMap is mounted.
        fs::create_dir(folder.path().join("..2026")).unwrap();
        symlink("..2026", folder.path().join("..data")).unwrap();
        for (name, content) in files {
            fs::write(folder.path().join("..2026").join(name), content).unwrap();
            symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
        }
        TargetConfiguration::read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_read_through_a_config_map_s_links() {
        let k3s = "var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl\n";
        let target = read(&[(CONTAINERD_CONFIG, k3s), (UNITS, "k3s.service, k3s-agent.service\n")]).unwrap();
        assert_eq!(target.containerd_config.unwrap(), Path::new("/").join(k3s.trim()));
        assert_eq!(target.units, ["k3s.service", "k3s-agent.service"]);
    }

    #[test]
    fn nobody_has_to_say_anything() {
        assert_eq!(read(&[]), Ok(TargetConfiguration::default()));
        let away = TargetConfiguration::read(Path::new("/nonexistent/target-config"));
        assert_eq!(away.unwrap(), TargetConfiguration::default());
    }

    #[test]
    fn unknown_names_and_empty_values_are_told() {
        for (name, content, expected) in [
            ("containerd-config", "x", "means nothing"),
            (CONTAINERD_CONFIG, " \n", "has to hold"),
            (CONTAINERD_CONFIG, "a\nb", "has to hold"),
            (CONTAINERD_CONFIG, "/", "has to hold"),
            (UNITS, ",\n,", "has to hold"),
            (UNITS, &"x".repeat(5000), "short text"),
        ] {
            let said = read(&[(name, content)]).unwrap_err();
            assert!(said.contains(expected) && said.contains(name), "{said}");
        }
    }
}
