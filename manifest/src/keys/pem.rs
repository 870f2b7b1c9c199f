//! Key files: one PEM block (RFC 7468) with a label that says what is inside.

use x509_cert::der::pem::{self, LineEnding};
use zeroize::Zeroizing;

/// Why a file is not the key that is asked for.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum KeyFileError {
    /// There is no PEM block.
    #[error("the file has no PEM block; it must have one that begins with -----BEGIN {expected}-----")]
    NoPem {
        /// The label that is asked for.
        expected: &'static str,
    },
    /// There are PEM blocks, but none with the label that is asked for.
    #[error(
        "the file holds a PEM block `{found}`, but must hold one `{expected}`{}",
        conversion(expected, found)
    )]
    WrongLabel {
        /// The label that is asked for.
        expected: &'static str,
        /// The label that was found first.
        found: String,
    },
    /// The block's text is damaged.
    #[error("the `{expected}` block is damaged: it is not well-formed PEM")]
    Damaged {
        /// The label that is asked for.
        expected: &'static str,
    },
    /// The block's content is no key of the kind that is asked for.
    #[error("the `{label}` block does not hold {kind}")]
    WrongKey {
        /// The label.
        label: &'static str,
        /// What it must hold.
        kind: &'static str,
    },
    /// A new key could not be made.
    #[error("the operating system gave no randomness for a new key")]
    Generation,
    /// The key does not sign.
    #[error("the operating system gave no randomness for a signature")]
    NoSignature,
}

/// The content of the first block labelled `expected`. Other blocks before it are skipped: OpenSSL
/// writes the parameters of a curve in front of its key.
pub(super) fn block(text: &[u8], expected: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let text = std::str::from_utf8(text).map_err(|_| KeyFileError::NoPem { expected })?;
    let begin = format!("-----BEGIN {expected}-----");
    let Some((_, rest)) = text.split_once(&begin) else {
        let found = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
        return Err(match found {
            Some((found, _)) => {
                KeyFileError::WrongLabel { expected, found: found.chars().take(40).collect() }
            }
            None => KeyFileError::NoPem { expected },
        });
    };
    let end = format!("-----END {expected}-----");
    let (body, _) = rest.split_once(&end).ok_or(KeyFileError::Damaged { expected })?;
    let whole = Zeroizing::new(format!("{begin}{body}{end}\n"));
    let (_, der) = pem::decode_vec(whole.as_bytes()).map_err(|_| KeyFileError::Damaged { expected })?;
    Ok(Zeroizing::new(der))
}

/// A PEM file with one block.
pub(super) fn file(label: &'static str, der: &[u8]) -> Result<Zeroizing<String>, KeyFileError> {
    pem::encode_string(label, LineEnding::LF, der)
        .map(Zeroizing::new)
        .map_err(|_| KeyFileError::Damaged { expected: label })
}

fn conversion(expected: &str, found: &str) -> &'static str {
    match (expected, found) {
        ("EC PRIVATE KEY", "PRIVATE KEY") => "; `openssl ec -in FILE` converts it",
        ("RSA PRIVATE KEY", "PRIVATE KEY") => "; `openssl rsa -traditional -in FILE` converts it",
        (_, "PUBLIC KEY" | "RSA PUBLIC KEY") => "; this is the public half of a key",
        (_, "ENCRYPTED PRIVATE KEY") => "; decrypt it first",
        ("EC PRIVATE KEY", "RSA PRIVATE KEY") => "; this may be the seed share owner's key",
        ("RSA PRIVATE KEY", "EC PRIVATE KEY") => "; this may be the workload owner's key",
        _ => "",
    }
}
