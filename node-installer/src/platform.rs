//! Platforms, and the names of their runtimes.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// What a runtime makes of a pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Platform {
    /// An ordinary container whose policy is enforced, and whose evidence a simulated processor signs. Not confidential.
    Simulated,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Simulated];

    /// The name in commands and in the names of runtimes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
        }
    }

    /// The runtime of this platform, if `name` is one's.
    #[must_use]
    pub fn handler(self, name: &str) -> Option<Handler> {
        name.parse().ok().filter(|handler: &Handler| handler.platform == self)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such platform.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("`{0}` is no platform that this program installs; it installs: {all}", all = Platform::ALL.map(Platform::name).join(", "))]
pub struct UnknownPlatform(String);

impl FromStr for Platform {
    type Err = UnknownPlatform;

    /// As everywhere, upper and lower case are the same.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|platform| platform.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| UnknownPlatform(name.to_owned()))
    }
}

/// The name of one version of a runtime, `contrast-cc-PLATFORM-XXXXXXXX`: in containerd's configuration, as the name of the
/// RuntimeClass, and as the folder of its files.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Handler {
    platform: Platform,
    name: String,
}

impl PartialOrd for Platform {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Platform {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name().cmp(other.name())
    }
}

impl std::hash::Hash for Platform {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

/// Where the files of all versions are.
pub(crate) const FOLDER: &str = "/opt/edgeless";
const PREFIX: &str = "contrast-cc-";

impl Handler {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its platform.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.platform
    }

    /// The folder of its files on a node, an absolute path.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        Path::new(FOLDER).join(&self.name)
    }
}

impl fmt::Display for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A name that no runtime of ours has.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error(
    "`{0}` is no name of a runtime; it has the form contrast-cc-PLATFORM-XXXXXXXX, with 8 hexadecimal digits"
)]
pub struct HandlerError(String);

impl FromStr for Handler {
    type Err = HandlerError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let parts = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('-'));
        let is_version = |text: &str| {
            text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        // Names are names of folders and keys of files: nothing but the exact form.
        let platform = parts
            .filter(|(_, version)| is_version(version))
            .and_then(|(platform, _)| Platform::ALL.into_iter().find(|known| known.name() == platform));
        let platform = platform.ok_or_else(|| HandlerError(name.to_owned()))?;
        Ok(Self { platform, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_is_a_runtime_s_name() {
        let handler: Handler = "contrast-cc-simulated-0123abcd".parse().unwrap();
        assert_eq!(handler.folder(), Path::new("/opt/edgeless/contrast-cc-simulated-0123abcd"));
        for wrong in [
            "",
            "runc",
            "contrast-cc-simulated",
            "contrast-cc-simulated-0123ABCD",
            "contrast-cc-simulated-0123abc",
            "contrast-cc-../simulated-0123abcd",
            "contrast-cc-simulated-0123abcd/..",
            "contrast-cc-other-0123abcd",
        ] {
            assert!(wrong.parse::<Handler>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_platform_is_told_which_there_are() {
        assert_eq!("Simulated".parse(), Ok(Platform::Simulated));
        let said = "metal".parse::<Platform>().unwrap_err().to_string();
        assert!(said.contains("`metal`") && said.contains("simulated"), "{said}");
    }
}
