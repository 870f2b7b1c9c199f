//! Names of images: `registry/repository:tag@digest`.

use std::{fmt, str::FromStr};

use crate::digest::{Digest, DigestError, shortened};

/// The name of an image, complete: a name without a registry is one of Docker Hub, as everywhere.
///
/// The grammar is that of the distribution specification and of containerd: a first part with a dot, a colon or an
/// upper-case letter, or `localhost`, is a registry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not the name of an image. Each names the text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReferenceError {
    /// There is nothing.
    #[error("an image reference is empty; write for example `registry.example/app@sha256:…`")]
    Empty,
    /// The text is longer than any name can be.
    #[error("an image reference has {length} characters; at most {MAX_LENGTH} are allowed")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// It starts like a web address.
    #[error("image reference {text:?} is a web address; leave out `{scheme}://`")]
    Scheme {
        /// The text.
        text: String,
        /// What comes before `://`.
        scheme: String,
    },
    /// The registry is no host and port.
    #[error(
        "image reference {text:?} names the registry {registry:?}, which is no host with an optional port"
    )]
    Registry {
        /// The text.
        text: String,
        /// The part of it.
        registry: String,
    },
    /// The repository has letters in upper case.
    #[error(
        "image reference {text:?} has upper-case letters in the repository; only lower case is allowed there"
    )]
    UpperCase {
        /// The text.
        text: String,
    },
    /// The repository is not made of names with slashes between them.
    #[error(
        "image reference {text:?} names the repository {repository:?}; its parts may have a-z, 0-9, and single `.`, \
         `_`, `__` or `-` between them"
    )]
    Repository {
        /// The text.
        text: String,
        /// The part of it.
        repository: String,
    },
    /// The tag is no tag.
    #[error(
        "image reference {text:?} has the tag {tag:?}; a tag has at most 128 letters, digits, `_`, `.` and `-`, and \
         starts with none of the last two"
    )]
    Tag {
        /// The text.
        text: String,
        /// The part of it.
        tag: String,
    },
    /// What comes after `@` is no digest.
    #[error("image reference {text:?}: {source}")]
    Digest {
        /// The text.
        text: String,
        /// What is wrong with the digest.
        source: DigestError,
    },
}

/// The registry of names that have none.
const DOCKER_HUB: &str = "docker.io";
/// Where the images of Docker Hub are that belong to nobody else.
const OFFICIAL: &str = "library";
const DEFAULT_TAG: &str = "latest";
/// Registry, repository (255 characters at most in the distribution specification), tag and digest.
const MAX_LENGTH: usize = 1024;
const MAX_REPOSITORY: usize = 255;
/// Names of hosts and their parts (RFC 1035 section 2.3.4, without the dot of the root). Bounded, so
/// that an accepted name written in full is an accepted name as well.
const MAX_HOST: usize = 253;
const MAX_LABEL: usize = 63;

impl Reference {
    /// Host and port, as in the name: `docker.io` stands for Docker Hub.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository at the registry, for example `library/debian`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is written, or if neither tag nor digest is: then it is `latest`.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (None, None) => Some(DEFAULT_TAG),
            (tag, _) => tag.as_deref(),
        }
    }

    /// The digest, if one is written. It wins over the tag.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same image, pinned.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// Registry and repository, without tag and digest.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(ReferenceError::TooLong { length: text.chars().count() });
        }
        let whole = || shortened(text);
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ReferenceError::Scheme { text: whole(), scheme: shortened(scheme) });
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                let digest =
                    digest.parse().map_err(|source| ReferenceError::Digest { text: whole(), source })?;
                (name, Some(digest))
            }
            None => (text, None),
        };
        let (name, tag) = split_tag(name);
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Tag { text: whole(), tag: tag.to_owned() });
        }
        let (registry, path) = split_registry(name);
        if !is_registry(registry) {
            return Err(ReferenceError::Registry { text: whole(), registry: registry.to_owned() });
        }
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ReferenceError::UpperCase { text: whole() });
        }
        // Both are names of Docker Hub; the second one is that of its oldest clients.
        let registry = if registry == "index.docker.io" { DOCKER_HUB } else { registry };
        let repository = match registry == DOCKER_HUB && !path.contains('/') {
            true => format!("{OFFICIAL}/{path}"),
            false => path.to_owned(),
        };
        if repository.len() > MAX_REPOSITORY || !path.split('/').all(is_path_part) {
            return Err(ReferenceError::Repository { text: whole(), repository: path.to_owned() });
        }
        Ok(Self { registry: registry.to_owned(), repository, tag: tag.map(str::to_owned), digest })
    }
}

/// Complete, as containerd writes it: with `docker.io`, `library` and `latest` where the text has none.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = self.tag() {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// A colon after the last slash begins a tag; any other belongs to the port.
fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => (before, Some(tag)),
        _ => (name, None),
    }
}

fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (DOCKER_HUB, name),
    }
}

/// A host name, an IPv4 address, or an IPv6 address in brackets, and a port if need be.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            match rest.strip_prefix(':') {
                Some(port) => (None, Some(port)),
                None if rest.is_empty() => (None, None),
                None => return false,
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(text), None),
        },
    };
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    host.is_none_or(|host| host.len() <= MAX_HOST && host.split('.').all(label))
        && port.is_none_or(|port| {
            port.len() <= 5 && digits(port) && port.parse::<u16>().is_ok_and(|port| port != 0)
        })
}

/// Letters and digits, and between them one `.`, one or two `_`, or any number of `-`.
fn is_path_part(part: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators = part.split(|c: char| c.is_ascii() && alphanumeric(c as u8)).filter(|it| !it.is_empty());
    let bounded = |byte: Option<u8>| byte.is_some_and(alphanumeric);
    bounded(part.bytes().next())
        && bounded(part.bytes().next_back())
        && separators
            .into_iter()
            .all(|it| matches!(it, "." | "_" | "__") || it.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests;
