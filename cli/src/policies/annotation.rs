//! Policy documents as pod annotations hold them.

use contrast_policy::initdata;
pub(super) use contrast_policy::initdata::{ANNOTATION as INITDATA, POLICY_ANNOTATION as REGO};

/// Why an annotation holds no policy.
#[derive(thiserror::Error, Debug)]
pub(crate) enum AnnotationError {
    /// It holds no document at all.
    #[error(transparent)]
    Form(#[from] initdata::AnnotationError),
    /// The document is hashed in another way than a manifest can say.
    #[error(
        "the initialisation data does not say algorithm = \"sha256\", the only algorithm that manifests have"
    )]
    Algorithm,
}

/// The policy document of a pod with an annotation `REGO`.
pub(super) fn rego(value: &str) -> Result<Vec<u8>, AnnotationError> {
    Ok(initdata::policy_of_annotation(value)?)
}

/// The policy document of a pod with an annotation `INITDATA`: the bytes of the TOML text.
pub(super) fn initdata(value: &str) -> Result<Vec<u8>, AnnotationError> {
    let document = initdata::document_of_annotation(value)?;
    if !hashed_with_sha256(&document) {
        return Err(AnnotationError::Algorithm);
    }
    Ok(document)
}

/// Whether a policy document is initialisation data, and no Rego text.
pub(crate) fn is_initdata(document: &[u8]) -> bool {
    top_level(document).any(|(key, _)| key == "algorithm")
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
