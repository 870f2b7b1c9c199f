//! Content addresses: SHA-256 over the bytes of a blob.

use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// `sha256:` and 64 hexadecimal digits (OCI image specification, "Descriptors", section "Digests").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// Why a text is no digest.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is one that nobody but its author knows, or one that no registry in use takes.
    #[error("digests made with {0:?} are not supported; refer to the image by its sha256 digest")]
    Algorithm(String),
    /// What should be 64 lower-case hexadecimal digits is something else.
    #[error("{0:?} is no digest; write `sha256:` and 64 hexadecimal digits in lower case")]
    Form(String),
}

/// Why bytes are not those that were asked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Mismatch {
    /// There are more bytes, or fewer.
    #[error("it has {found} bytes instead of {expected}")]
    Size {
        /// Bytes that were announced.
        expected: u64,
        /// Bytes that came. When there are too many, reading stops at the first that is one too many.
        found: u64,
    },
    /// The bytes are other ones.
    #[error("its digest is {found} instead of {expected}")]
    Digest {
        /// What was announced.
        expected: Digest,
        /// What the bytes have.
        found: Digest,
    },
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || DigestError::Form(shortened(text));
        let (algorithm, digits) = text.split_once(':').ok_or_else(form)?;
        if algorithm != "sha256" {
            let named = !algorithm.is_empty() && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric());
            return Err(if named { DigestError::Algorithm(shortened(algorithm)) } else { form() });
        }
        let mut bytes = [0; 32];
        if digits.bytes().any(|byte| byte.is_ascii_uppercase())
            || hex::decode_to_slice(digits, &mut bytes).is_err()
        {
            return Err(form());
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes a digest from bytes that come in parts.
pub(crate) struct Hasher(Context);

impl Default for Hasher {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        let mut bytes = [0; 32];
        // SHA-256 always has 32 bytes.
        bytes.iter_mut().zip(self.0.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Digest(bytes)
    }
}

/// Reads a blob and keeps count of what passes. What was read is believed only after [`Checked::finish`].
pub(crate) struct Checked<R> {
    inner: R,
    hasher: Hasher,
    expected: Digest,
    size: u64,
    read: u64,
    /// Why reading failed: bytes that are missing for that reason are not called damaged.
    failure: Option<Arc<io::Error>>,
}

impl<R: Read> Checked<R> {
    /// Expects `size` bytes with the digest `expected`. No more than that are read, and one.
    pub(crate) fn new(inner: R, expected: Digest, size: u64) -> Self {
        Self { inner, hasher: Hasher::default(), expected, size, read: 0, failure: None }
    }

    /// Reads what is left, and compares.
    ///
    /// # Errors
    /// If reading fails, or did before. The inner result is that of the comparison.
    pub(crate) fn finish(mut self) -> io::Result<Result<(), Mismatch>> {
        if let Some(failure) = self.failure {
            return Err(io::Error::new(failure.kind(), failure));
        }
        io::copy(&mut self, &mut io::sink())?;
        if self.read == self.size && self.inner.read(&mut [0])? > 0 {
            self.read += 1;
        }
        let found = self.hasher.finish();
        Ok(if self.read != self.size {
            Err(Mismatch::Size { expected: self.size, found: self.read })
        } else if found != self.expected {
            Err(Mismatch::Digest { expected: self.expected, found })
        } else {
            Ok(())
        })
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size - self.read).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..left) else { return Ok(0) };
        let read = match self.inner.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let failure = Arc::new(error);
                self.failure = Some(Arc::clone(&failure));
                return Err(io::Error::new(failure.kind(), failure));
            }
            read => read?,
        };
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        self.read += read as u64;
        Ok(read)
    }
}

/// A text from outside, short enough for a message.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn a_digest_is_that_of_the_bytes_and_reads_back() {
        assert_eq!(Digest::of(b"hello").to_string(), HELLO);
        assert_eq!(HELLO.parse::<Digest>().unwrap(), Digest::of(b"hello"));
    }

    #[test]
    fn other_algorithms_and_other_forms_are_refused_differently() {
        let sha512 = format!("sha512:{}", "0".repeat(128));
        assert_eq!(sha512.parse::<Digest>(), Err(DigestError::Algorithm("sha512".to_owned())));
        let upper = HELLO.replace('b', "B");
        let long = format!("{HELLO}0");
        for text in ["", "sha256", "sha256:", ":00", &HELLO[7..], &upper, &long, &HELLO[..70]] {
            assert!(matches!(text.parse::<Digest>(), Err(DigestError::Form(_))), "{text}");
        }
    }

    fn check(bytes: &[u8], expected: &[u8], size: u64) -> Result<(), Mismatch> {
        let mut checked = Checked::new(bytes, Digest::of(expected), size);
        let mut start = [0; 3];
        let _ = checked.read(&mut start).unwrap();
        checked.finish().unwrap()
    }

    #[test]
    fn bytes_are_believed_only_if_size_and_digest_agree() {
        assert_eq!(check(b"hello", b"hello", 5), Ok(()));
        assert_eq!(check(b"", b"", 0), Ok(()));
        assert!(matches!(check(b"hellO", b"hello", 5), Err(Mismatch::Digest { .. })));
        assert_eq!(check(b"hell", b"hello", 5), Err(Mismatch::Size { expected: 5, found: 4 }));
        assert_eq!(check(b"hello, world", b"hello", 5), Err(Mismatch::Size { expected: 5, found: 6 }));
    }

    #[test]
    fn bytes_that_could_not_be_read_are_not_called_damaged() {
        /// Fails once, and then is at its end.
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) { Ok(0) } else { Err(io::Error::other("cable cut")) }
            }
        }
        let mut checked = Checked::new(Broken(false), Digest::of(b"hello"), 5);
        assert_eq!(checked.read(&mut [0; 5]).unwrap_err().to_string(), "cable cut");
        assert_eq!(checked.finish().unwrap_err().to_string(), "cable cut");
    }

    proptest! {
        #[test]
        fn what_is_read_as_a_digest_is_written_the_same(text in "(sha256:)?[0-9a-fA-F]{60,66}|.{0,80}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
