//! What a node's installer is told: which files of its image go where on a node, and what they hash to. The runtime is named after that.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contrast_image::Digest;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::tree::{Entry, Name, Tree, TreeError};

/// A runtime that the image installs on nodes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Its platform, which is part of its name.
    pub platform: String,
    /// Its files.
    pub file: Vec<RuntimeFile>,
}

/// A file of a runtime.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeFile {
    /// The path in the image.
    pub source: String,
    /// The path on nodes; `@@runtimeName@@` stands for the runtime's name.
    pub path: String,
}

/// The version of a runtime that was not released.
const UNRELEASED: &str = "00000000";

impl Runtime {
    /// The name while it is not released.
    #[must_use]
    pub fn unreleased(&self) -> String {
        format!("contrast-cc-{}-{UNRELEASED}", self.platform)
    }

    /// What the installer is told of the files in its image. If it is `released`, the runtime is named after them.
    ///
    /// # Errors
    /// If one of its files is not in the image.
    pub(crate) fn configuration(&self, image: &Tree, released: bool) -> Result<Configuration, TreeError> {
        let files: Vec<_> = self.file.iter().map(|file| file.entry(image)).collect::<Result<_, _>>()?;
        let version = Digest::of(json!(files).to_string().as_bytes()).hex();
        let version = if released { version.get(..8).unwrap_or(UNRELEASED) } else { UNRELEASED };
        let handler = format!("contrast-cc-{}-{version}", self.platform);
        let text = format!("{:#}\n", json!({ "handler": handler, "files": files }));
        Ok(Configuration { handler, text })
    }
}

/// What an installer is told.
pub(crate) struct Configuration {
    /// The runtime's name.
    pub(crate) handler: String,
    /// The whole, as JSON.
    pub(crate) text: String,
}

impl RuntimeFile {
    fn entry(&self, image: &Tree) -> Result<serde_json::Value, TreeError> {
        let name = Name::new(&self.source)?;
        let Some(Entry::File { content, executable }) = image.get(&name) else {
            return Err(TreeError::Missing(name));
        };
        let integrity = format!("sha256-{}", STANDARD.encode(Sha256::digest(content)));
        let url = format!("file://{name}");
        Ok(json!({ "url": url, "path": self.path, "integrity": integrity, "executable": executable }))
    }
}
