//! Digests of files in the form of Subresource Integrity (W3C): `sha256-`, `sha384-` or `sha512-`, and base64.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// What a file's bytes have to hash to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Integrity {
    algorithm: Algorithm,
    digest: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

/// Why a text is no digest.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum IntegrityError {
    /// No known algorithm before the dash.
    #[error("`{0}` does not begin with sha256-, sha384- or sha512-")]
    Algorithm(String),
    /// Not base64, or of the wrong length.
    #[error("`{0}` is not the algorithm's number of bytes in base64")]
    Digest(String),
}

impl FromStr for Integrity {
    type Err = IntegrityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.chars().take(120).collect::<String>();
        let (name, digest) = text.split_once('-').ok_or_else(|| IntegrityError::Algorithm(shown()))?;
        let (algorithm, length) = match name {
            "sha256" => (Algorithm::Sha256, 32),
            "sha384" => (Algorithm::Sha384, 48),
            "sha512" => (Algorithm::Sha512, 64),
            _ => return Err(IntegrityError::Algorithm(shown())),
        };
        let digest = STANDARD.decode(digest).ok().filter(|digest| digest.len() == length);
        Ok(Self { algorithm, digest: digest.ok_or_else(|| IntegrityError::Digest(shown()))? })
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.algorithm {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        };
        write!(f, "{name}-{}", STANDARD.encode(&self.digest))
    }
}

impl Integrity {
    /// A digest in the making, of the same kind.
    pub(crate) fn hasher(&self) -> Hasher {
        match self.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }
}

/// A digest in the making.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Integrity {
        let (algorithm, digest) = match self {
            Self::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
            Self::Sha384(hasher) => (Algorithm::Sha384, hasher.finalize().to_vec()),
            Self::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().to_vec()),
        };
        Integrity { algorithm, digest }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SHA-256 of nothing.
    const EMPTY: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn a_digest_is_what_the_bytes_hash_to() {
        let wanted: Integrity = EMPTY.parse().unwrap();
        assert_eq!(wanted.hasher().finish(), wanted);
        assert_eq!(wanted.to_string(), EMPTY);
        let mut other = wanted.hasher();
        other.update(b"x");
        assert_ne!(other.finish(), wanted);
    }

    #[test]
    fn what_is_too_short_or_of_another_kind_is_an_error() {
        for wrong in [
            "",
            "sha",
            "sha256",
            "sha256-",
            "md5-AAAA",
            "sha256-????",
            &EMPTY.replace("256", "384"),
            &EMPTY[..EMPTY.len() - 4],
        ] {
            assert!(wrong.parse::<Integrity>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,100}") {
            if let Ok(read) = text.parse::<Integrity>() {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
