//! What an annotation holds.

use std::io::{self, Read as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::{ANNOTATION, POLICY, POLICY_ANNOTATION};

/// Largest policy document, in bytes. A few compressed bytes can stand for very many.
pub const MAX_DOCUMENT_LEN: u64 = 4 * 1024 * 1024;

/// Why an annotation holds no policy.
#[derive(thiserror::Error, Debug)]
pub enum AnnotationError {
    /// Not base64.
    #[error("the annotation {key} is not base64")]
    NotBase64 {
        /// Name of the annotation.
        key: &'static str,
        /// Where it is not.
        source: base64::DecodeError,
    },
    /// Base64, but not of gzip.
    #[error("the annotation {ANNOTATION} is not compressed with gzip")]
    NotGzip(#[source] io::Error),
    /// The document is too long.
    #[error("the annotation {ANNOTATION} stands for more than {MAX_DOCUMENT_LEN} bytes")]
    TooLong,
}

/// Why a document holds no policy.
#[derive(thiserror::Error, Debug)]
pub enum DocumentError {
    /// It is not text.
    #[error("the policy is not UTF-8 text")]
    NotText,
    /// It is no TOML document of texts.
    #[error("the initialisation data is no document of texts in TOML: {0}")]
    Form(String),
    /// Another version than this one.
    #[error("the initialisation data has version {0:?}, and only \"0.1.0\" is known")]
    Version(String),
    /// The document is hashed in another way than a manifest can say.
    #[error("the initialisation data says algorithm = {0:?}; manifests have only \"sha256\"")]
    Algorithm(String),
    /// The name of an entry is no name of a file.
    #[error("the initialisation data has an entry {0:?}, which is no name of a file")]
    Entry(String),
    /// It holds no policy.
    #[error("the initialisation data has no entry {POLICY:?}")]
    NoPolicy,
}

/// The document in the value of [`ANNOTATION`]: the bytes whose digest is the host data.
///
/// # Errors
/// If it is none, or longer than [`MAX_DOCUMENT_LEN`].
pub fn document_of_annotation(value: &str) -> Result<Vec<u8>, AnnotationError> {
    let compressed = base64_of(ANNOTATION, value)?;
    let mut document = Vec::new();
    GzDecoder::new(compressed.as_slice())
        .take(MAX_DOCUMENT_LEN + 1)
        .read_to_end(&mut document)
        .map_err(AnnotationError::NotGzip)?;
    if document.len() as u64 > MAX_DOCUMENT_LEN {
        return Err(AnnotationError::TooLong);
    }
    Ok(document)
}

/// The policy's text in the value of [`POLICY_ANNOTATION`]: the bytes whose digest is the host data.
///
/// # Errors
/// If it is not Base64.
pub fn policy_of_annotation(value: &str) -> Result<Vec<u8>, AnnotationError> {
    base64_of(POLICY_ANNOTATION, value)
}

/// The policy that a document holds, as the guest reads it.
///
/// # Errors
/// If a guest would refuse the document, or has no policy then.
pub fn policy_of_document(document: &[u8]) -> Result<String, DocumentError> {
    #[derive(Deserialize)]
    struct Form {
        version: String,
        algorithm: String,
        #[serde(default)]
        data: BTreeMap<String, String>,
    }
    let text = std::str::from_utf8(document).map_err(|_| DocumentError::NotText)?;
    let form: Form = toml::from_str(text).map_err(|error| DocumentError::Form(error.message().to_owned()))?;
    if form.version != "0.1.0" {
        return Err(DocumentError::Version(form.version));
    }
    if !["sha256", "sha-256"].contains(&form.algorithm.as_str()) {
        return Err(DocumentError::Algorithm(form.algorithm));
    }
    let is_name = |name: &&String| !["", ".", ".."].contains(&name.as_str()) && !name.contains(['/', '\0']);
    if let Some(other) = form.data.keys().find(|name| !is_name(name)) {
        return Err(DocumentError::Entry(other.clone()));
    }
    let mut data = form.data;
    data.remove(POLICY).ok_or(DocumentError::NoPolicy)
}

fn base64_of(key: &'static str, value: &str) -> Result<Vec<u8>, AnnotationError> {
    let text: String = value.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|source| AnnotationError::NotBase64 { key, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initdata::Document;

    fn document(text: &str) -> Result<String, DocumentError> {
        policy_of_document(text.as_bytes())
    }

    #[test]
    fn a_document_that_was_made_here_is_read() {
        let made = Document::new(&BTreeMap::from([(POLICY.to_owned(), "package agent_policy\n".to_owned())]));
        let read = document_of_annotation(&made.annotation()).unwrap();
        assert_eq!(read, made.text().as_bytes());
        assert_eq!(policy_of_document(&read).unwrap(), "package agent_policy\n");
    }

    #[test]
    fn what_a_guest_would_not_take_is_refused_with_the_reason() {
        let head = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n";
        for (text, why) in [
            (String::new(), "version"),
            (head.replace("0.1.0", "0.2.0"), "only \"0.1.0\""),
            (head.replace("256", "384"), "algorithm"),
            (head.to_owned(), "policy.rego"),
            (format!("{head}[data]\n\"../x\" = \"\"\n"), "../x"),
            (format!("{head}[data]\n\"policy.rego\" = 1\n"), "TOML"),
        ] {
            let error = document(&text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(matches!(policy_of_document(&[0xFF]), Err(DocumentError::NotText)));
    }

    #[test]
    fn few_bytes_that_stand_for_many_are_refused() {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&vec![b'a'; MAX_DOCUMENT_LEN as usize + 1]).unwrap();
        let value = STANDARD.encode(gzip.finish().unwrap());
        assert!(matches!(document_of_annotation(&value), Err(AnnotationError::TooLong)));
        assert!(matches!(document_of_annotation("AAAA"), Err(AnnotationError::NotGzip(_))));
        assert!(matches!(document_of_annotation("%"), Err(AnnotationError::NotBase64 { .. })));
    }
}
