//! Pointers to blobs, and the platforms that they are for.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer};

use crate::digest::Digest;

/// Says what a blob is and which bytes it must have (OCI image specification, "Descriptors").
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// For entries of an index: where it runs.
    pub platform: Option<Platform>,
    /// Remarks, among them the image's name in a layout.
    #[serde(default, deserialize_with = "or_default")]
    pub annotations: BTreeMap<String, String>,
}

/// Operating system and processor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Platform {
    /// For example `linux`.
    #[serde(default)]
    pub os: String,
    /// In Go's words, for example `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// For `amd64` the level of its instruction set, for example `v3`.
    #[serde(default, deserialize_with = "or_default")]
    pub variant: String,
}

impl Platform {
    /// Does it run in a confidential pod? They are Linux on `amd64`, and promise no level above the first.
    pub(crate) fn is_ours(&self) -> bool {
        self.os == "linux" && self.architecture == "amd64" && matches!(self.variant.as_str(), "" | "v1")
    }

    /// Attestations of a build stand in an index as if they were images for an unknown platform.
    pub(crate) fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

/// In the usual form, for example `linux/amd64`.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |text: &str| if text.is_empty() { "?".to_owned() } else { text.to_owned() };
        write!(f, "{}/{}", word(&self.os), word(&self.architecture))?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

/// Go writes `null` for what is empty.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
