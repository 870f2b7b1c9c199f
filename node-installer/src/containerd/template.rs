//! Templates of containerd's configuration: k3s and RKE2 write the configuration anew at each start, from a template if there is one.
//!
//! A template is no TOML, so it is only added to. One that is made new begins with the distribution's own, as its manual says.

use super::document::{DocumentError, block};

/// All that the distribution itself would write.
const BASE: &str = "{{ template \"base\" . }}\n";

/// A template with a block of lines for a runtime.
///
/// # Errors
/// If it is no text.
pub(crate) fn with(template: Option<&[u8]>, name: &str, lines: &str) -> Result<String, DocumentError> {
    let before = match template {
        Some(bytes) => std::str::from_utf8(bytes).map_err(|_| DocumentError::NotText)?,
        None => BASE,
    };
    let bare = block::cut(before, name).unwrap_or_else(|| before.to_owned());
    Ok(block::append(&bare, name, lines))
}

/// A template without a runtime's block; nothing if nothing but the distribution's own template is left of it.
///
/// # Errors
/// If it is no text.
pub(crate) fn without(template: &[u8], name: &str) -> Result<Option<String>, DocumentError> {
    let text = std::str::from_utf8(template).map_err(|_| DocumentError::NotText)?;
    match block::cut(text, name) {
        Some(bare) if bare == BASE => Ok(None),
        Some(bare) => Ok(Some(bare)),
        None => Ok(Some(text.to_owned())),
    }
}
