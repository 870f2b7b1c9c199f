//! Where registries have mirrors: `registries.conf`, version 2 (containers-registries.conf(5)).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::reference::Reference;

/// What a file says about registries.
#[derive(Clone, Default, Debug)]
pub struct Mirrors {
    registries: Vec<Registry>,
}

/// Why a file does not say where mirrors are.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is no TOML, or members are of another type.
    #[error("{path} is no registries.conf: {source}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// It has the form of before 2018.
    #[error("{0} has version 1 of registries.conf, with `[registries.…]`; write `[[registry]]` instead")]
    Version1(PathBuf),
    /// An entry says neither what it is for nor where that is.
    #[error("{0} has a [[registry]] with neither `prefix` nor `location`")]
    Nameless(PathBuf),
}

/// A place to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Location {
    /// Host, port, and repository.
    pub(super) name: String,
    /// Without TLS.
    pub(super) insecure: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    registry: Vec<Registry>,
    registries: Option<toml::Table>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<Mirror>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mirror {
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: When,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    #[default]
    All,
    DigestOnly,
    TagOnly,
}

impl Mirrors {
    /// Reads a file. Other settings in it are for other programs.
    ///
    /// # Errors
    /// If it cannot be read, or is of another form.
    pub fn of_file(path: &Path) -> Result<Self, MirrorError> {
        let text =
            fs::read_to_string(path).map_err(|source| MirrorError::Io { path: path.to_owned(), source })?;
        let File { mut registry, registries } = toml::from_str(&text)
            .map_err(|source| MirrorError::Toml { path: path.to_owned(), source: Box::new(source) })?;
        if registries.is_some() {
            return Err(MirrorError::Version1(path.to_owned()));
        }
        for entry in &mut registry {
            if entry.prefix.is_empty() {
                entry.prefix.clone_from(&entry.location);
            }
            if entry.prefix.is_empty() {
                return Err(MirrorError::Nameless(path.to_owned()));
            }
        }
        Ok(Self { registries: registry })
    }

    /// The places to ask for an image, in their order; nothing if the registry is blocked.
    pub(super) fn locations(&self, reference: &Reference) -> Option<Vec<Location>> {
        let name = reference.name();
        let matching =
            self.registries.iter().filter_map(|entry| Some((entry, covered(&entry.prefix, &name)?)));
        let Some((entry, length)) = matching.max_by_key(|(_, length)| *length) else {
            return Some(vec![Location { name, insecure: false }]);
        };
        if entry.blocked {
            return None;
        }
        let rest = name.get(length..).unwrap_or_default();
        let pinned = reference.digest().is_some();
        let mirrors = entry.mirror.iter().filter(|mirror| match mirror.pull_from_mirror {
            When::All => pinned || !entry.mirror_by_digest_only,
            When::DigestOnly => pinned,
            When::TagOnly => !pinned && !entry.mirror_by_digest_only,
        });
        let at = |location: &str, insecure| Location {
            // With a wildcard there may be nothing to put in its place.
            name: if location.is_empty() { name.clone() } else { format!("{location}{rest}") },
            insecure,
        };
        let mut locations: Vec<_> = mirrors.map(|mirror| at(&mirror.location, mirror.insecure)).collect();
        locations.push(at(&entry.location, entry.insecure));
        Some(locations)
    }
}

/// How much of a name a prefix stands for, if it does: it ends where a part of the name ends. `*.` stands for any host
/// below a domain.
fn covered(prefix: &str, name: &str) -> Option<usize> {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host = name.split(['/', ':']).next()?;
        // Compared by its own length: an exact prefix says more than a wildcard for the same host.
        return (domain.starts_with('.') && host.ends_with(domain)).then_some(host.len());
    }
    let rest = name.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(['/', ':'])).then_some(prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        unqualified-search-registries = ["docker.io"]
        short-name-mode = "enforcing"
        [[registry]]
        prefix = "docker.io"
        location = "mirror.corp:5000/hub"
        insecure = true
        [[registry]]
        location = "ghcr.io"
        [[registry.mirror]]
        location = "m1.corp/ghcr"
        [[registry.mirror]]
        location = "m2.corp"
        insecure = true
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "m3.corp"
        pull-from-mirror = "tag-only"
        [[registry]]
        prefix = "ghcr.io/team"
        location = "ghcr.io/team"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "m4.corp/team"
        [[registry]]
        prefix = "*.blocked.example"
        blocked = true
        [[registry]]
        prefix = "*.wild.example"
        insecure = true
    "#;

    fn read(text: &str) -> Result<Mirrors, MirrorError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registries.conf");
        fs::write(&path, text).unwrap();
        Mirrors::of_file(&path)
    }

    /// Places in their order, those without TLS with `!`.
    fn places(reference: &str) -> Option<String> {
        let locations = read(FILE).unwrap().locations(&reference.parse().unwrap())?;
        let shown = |place: &Location| format!("{}{}", if place.insecure { "!" } else { "" }, place.name);
        Some(locations.iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_longest_prefix_says_where_to_ask_and_in_which_order() {
        let pinned = format!("@sha256:{}", "0".repeat(64));
        for (reference, expected) in [
            ("debian:12", Some("!mirror.corp:5000/hub/library/debian")),
            ("user/app", Some("!mirror.corp:5000/hub/user/app")),
            ("quay.io/app", Some("quay.io/app")),
            ("ghcr.io/app:1", Some("m1.corp/ghcr/app m3.corp/app ghcr.io/app")),
            (&format!("ghcr.io/app{pinned}"), Some("m1.corp/ghcr/app !m2.corp/app ghcr.io/app")),
            ("ghcr.io/team/app:1", Some("ghcr.io/team/app")),
            (&format!("ghcr.io/team/app{pinned}"), Some("m4.corp/team/app ghcr.io/team/app")),
            ("ghcr.io/teams/app:1", Some("m1.corp/ghcr/teams/app m3.corp/teams/app ghcr.io/teams/app")),
            ("a.blocked.example/app", None),
            ("blocked.example/app", Some("blocked.example/app")),
            ("a.wild.example:5000/app", Some("!a.wild.example:5000/app")),
        ] {
            assert_eq!(places(reference).as_deref(), expected, "{reference}");
        }
    }

    #[test]
    fn files_of_another_form_are_refused() {
        assert!(read("").unwrap().registries.is_empty());
        assert!(matches!(read("[[registry]]\ninsecure = true"), Err(MirrorError::Nameless(_))));
        assert!(matches!(read("[registries.search]\nregistries = []"), Err(MirrorError::Version1(_))));
        for text in [
            "[[registry",
            "[[registry]]\nlocation = 1",
            "[[registry]]\nlocation=\"a\"\n[[registry.mirror]]\n",
        ] {
            assert!(matches!(read(text), Err(MirrorError::Toml { .. })), "{text}");
        }
        assert!(matches!(Mirrors::of_file(Path::new("/nonexistent")), Err(MirrorError::Io { .. })));
    }
}
