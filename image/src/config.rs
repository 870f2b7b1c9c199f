//! An image's configuration: what runs, as whom, and which layers it is made of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    descriptor::{Platform, or_default},
    digest::Digest,
};

/// A larger configuration is refused.
pub const MAX_CONFIG: u64 = 8 << 20;

/// What a container of the image does unless it is told otherwise (OCI image specification, "Image Configuration").
/// What is missing there is empty here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// `Env`: entries `NAME=value`, in their order.
    pub env: Vec<String>,
    /// `User`, as it is written; [`crate::User`] reads it.
    pub user: String,
    /// `WorkingDir`.
    pub working_dir: String,
    /// `Volumes`: paths.
    pub volumes: BTreeSet<String>,
    /// `Tty`, which only Docker writes: a terminal.
    pub tty: bool,
    /// Digests of the uncompressed layers, bottom first.
    pub diff_ids: Vec<Digest>,
}

/// Why bytes are no configuration that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It has more than 8 MiB.
    #[error("the image's configuration has {0} bytes; at most {MAX_CONFIG} are read")]
    TooLong(u64),
    /// It is no JSON, or members are missing or of another type.
    #[error("the image's configuration cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It is for something else.
    #[error("the image is for {0}; confidential pods run linux/amd64")]
    Platform(Platform),
    /// The root file system is made in an unknown way.
    #[error("the image's root file system is of the type {0:?} instead of \"layers\"")]
    RootType(String),
    /// Manifest and configuration speak of different layers.
    #[error("the manifest has {layers} layers, but the configuration has {diff_ids}; build the image again")]
    Layers {
        /// Number of layers in the manifest.
        layers: usize,
        /// Number of `diff_ids`.
        diff_ids: usize,
    },
}

#[derive(Deserialize)]
struct Raw {
    #[serde(flatten)]
    platform: Platform,
    #[serde(default, deserialize_with = "or_default")]
    config: Process,
    rootfs: RootFs,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Process {
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    working_dir: String,
    #[serde(deserialize_with = "or_default")]
    volumes: BTreeMap<String, IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    tty: bool,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    diff_ids: Vec<Digest>,
}

impl Config {
    /// Reads the configuration of an image whose manifest has `layers` layers.
    ///
    /// # Errors
    /// If it is none, if the image is for another platform, or if the number of layers differs.
    pub fn parse(bytes: &[u8], layers: usize) -> Result<Self, ConfigError> {
        if bytes.len() as u64 > MAX_CONFIG {
            return Err(ConfigError::TooLong(bytes.len() as u64));
        }
        let Raw { platform, config, rootfs } = serde_json::from_slice(bytes)?;
        // What the index said is only where to look.
        if !platform.is_ours() {
            return Err(ConfigError::Platform(platform));
        }
        if rootfs.kind != "layers" {
            return Err(ConfigError::RootType(crate::digest::shortened(&rootfs.kind)));
        }
        if rootfs.diff_ids.len() != layers {
            return Err(ConfigError::Layers { layers, diff_ids: rootfs.diff_ids.len() });
        }
        Ok(Self {
            entrypoint: config.entrypoint,
            cmd: config.cmd,
            env: config.env,
            user: config.user,
            working_dir: config.working_dir,
            volumes: config.volumes.into_keys().collect(),
            tty: config.tty,
            diff_ids: rootfs.diff_ids,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{
        "created": "2024-01-01T00:00:00Z", "architecture": "amd64", "os": "linux", "history": [],
        "config": {
            "User": "web:www", "Env": ["PATH=/bin", "A=b=c", "PATH=/sbin"], "Entrypoint": ["/run", ""], "Cmd": ["-v"],
            "WorkingDir": "/srv", "Volumes": {"/data": {}, "/cache": {}}, "Tty": true, "ExposedPorts": {"80/tcp": {}},
            "Labels": null
        },
        "rootfs": {"type": "layers", "diff_ids": [
            "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        ]}
    }"#;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn everything_that_a_container_takes_from_it_is_read_in_its_order() {
        let config = Config::parse(FULL.as_bytes(), 1).unwrap();
        assert_eq!(config.entrypoint, words(&["/run", ""]));
        assert_eq!(config.cmd, words(&["-v"]));
        assert_eq!(config.env, words(&["PATH=/bin", "A=b=c", "PATH=/sbin"]));
        assert_eq!(
            (config.user.as_str(), config.working_dir.as_str(), config.tty),
            ("web:www", "/srv", true)
        );
        assert_eq!(config.volumes.iter().collect::<Vec<_>>(), ["/cache", "/data"]);
        assert_eq!(config.diff_ids, [Digest::of(b"hello")]);
    }

    #[test]
    fn what_is_missing_or_null_is_empty() {
        let null = r#"{"architecture": "amd64", "os": "linux", "variant": null, "rootfs": {"type": "layers",
            "diff_ids": null}, "config": {"Entrypoint": null, "Cmd": null, "Env": null, "Volumes": null,
            "User": null, "WorkingDir": null, "Tty": null}}"#;
        let none =
            r#"{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}"#;
        for text in [null, none] {
            assert_eq!(Config::parse(text.as_bytes(), 0).unwrap(), Config::default());
        }
    }

    #[test]
    fn an_image_for_another_platform_is_refused_whatever_the_index_says() {
        for (from, to) in [("amd64", "arm64"), ("linux", "windows"), ("\"amd64\"", "\"\"")] {
            let error = Config::parse(FULL.replace(from, to).as_bytes(), 1).unwrap_err();
            assert!(matches!(error, ConfigError::Platform(_)), "{error}");
        }
        let level = FULL.replace("\"os\"", "\"variant\": \"v3\", \"os\"");
        let error = Config::parse(level.as_bytes(), 1).unwrap_err();
        assert!(error.to_string().contains("linux/amd64/v3"), "{error}");
    }

    #[test]
    fn a_configuration_with_another_number_of_layers_is_refused() {
        for layers in [0, 2] {
            let error = Config::parse(FULL.as_bytes(), layers).unwrap_err();
            assert!(matches!(error, ConfigError::Layers { diff_ids: 1, .. }), "{error}");
        }
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for text in ["", "{}", "[]", "null", r#"{"os": "linux", "architecture": "amd64"}"#] {
            assert!(matches!(Config::parse(text.as_bytes(), 0), Err(ConfigError::Json(_))), "{text}");
        }
        let twice = FULL.replace("\"Tty\": true", "\"User\": \"root\"");
        assert!(matches!(Config::parse(twice.as_bytes(), 1), Err(ConfigError::Json(_))));
        let type_ = FULL.replace("\"layers\"", "\"chunks\"");
        assert!(matches!(Config::parse(type_.as_bytes(), 1), Err(ConfigError::RootType(_))));
        let long = vec![b' '; (8 << 20) + 1];
        assert!(matches!(Config::parse(&long, 0), Err(ConfigError::TooLong(_))));
    }
}
