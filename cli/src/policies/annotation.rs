//! Policy documents as pod annotations hold them.

use std::io::Read;

use base64::{Engine, prelude::BASE64_STANDARD};
pub(super) use contrast_policy::initdata::{ANNOTATION as INITDATA, POLICY_ANNOTATION as REGO};
use flate2::read::GzDecoder;

/// Largest policy document, in bytes. A few compressed bytes can stand for very many.
const LONGEST: u64 = 4 * 1024 * 1024;

/// Why an annotation holds no policy.
#[derive(thiserror::Error, Debug)]
pub(crate) enum AnnotationError {
    /// Not base64.
    #[error("the annotation {key} is not base64")]
    NotBase64 { key: &'static str, source: base64::DecodeError },
    /// Base64, but not of gzip.
    #[error("the annotation {INITDATA} is not compressed with gzip")]
    NotGzip(#[source] std::io::Error),
    /// The document is too long.
    #[error("the annotation {INITDATA} stands for more than {LONGEST} bytes")]
    TooLong,
    /// The document is hashed in another way than a manifest can say.
    #[error(
        "the initialisation data does not say algorithm = \"sha256\", the only algorithm that manifests have"
    )]
    Algorithm,
}

/// The policy document of a pod with an annotation `REGO`.
pub(super) fn rego(value: &str) -> Result<Vec<u8>, AnnotationError> {
    base64(REGO, value)
}

/// The policy document of a pod with an annotation `INITDATA`: the bytes of the TOML text.
pub(super) fn initdata(value: &str) -> Result<Vec<u8>, AnnotationError> {
    let compressed = base64(INITDATA, value)?;
    let mut document = Vec::new();
    GzDecoder::new(compressed.as_slice())
        .take(LONGEST + 1)
        .read_to_end(&mut document)
        .map_err(AnnotationError::NotGzip)?;
    if document.len() as u64 > LONGEST {
        return Err(AnnotationError::TooLong);
    }
    if !hashed_with_sha256(&document) {
        return Err(AnnotationError::Algorithm);
    }
    Ok(document)
}

/// Whether a policy document is initialisation data, and no Rego text.
pub(crate) fn is_initdata(document: &[u8]) -> bool {
    top_level(document).any(|(key, _)| key == "algorithm")
}

fn base64(key: &'static str, value: &str) -> Result<Vec<u8>, AnnotationError> {
    let text: String = value.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(text).map_err(|source| AnnotationError::NotBase64 { key, source })
}

fn hashed_with_sha256(document: &[u8]) -> bool {
    top_level(document).any(|(key, value)| key == "algorithm" && matches!(value, "sha256" | "sha-256"))
}

/// The texts at the top level of a TOML document, that is above its first table.
fn top_level(document: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let text = std::str::from_utf8(document).unwrap_or_default();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.split_once('#').map_or(value, |(value, _)| value);
        Some((key.trim().trim_matches('"'), value.trim().trim_matches(['"', '\''])))
    })
}
