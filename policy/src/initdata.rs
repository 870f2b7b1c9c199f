//! Initialisation data: how a policy is handed to a guest, and what its hash is (Kata Containers, "initdata" 0.1.0).
//!
//! The digest of the document stands in the hardware's evidence (`HOST_DATA` of SEV-SNP, `MRCONFIGID` of TDX), so that every byte
//! of it counts. Entries are sorted.

mod read;

use std::{collections::BTreeMap, io::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, GzBuilder};
pub use read::{
    AnnotationError, DocumentError, MAX_DOCUMENT_LEN, document_of_annotation, policy_of_annotation,
    policy_of_document,
};
use sha2::{Digest, Sha256};

/// The annotation of a pod that the runtime reads it from.
pub const ANNOTATION: &str = "io.katacontainers.config.hypervisor.cc_init_data";
/// The annotation of a pod that older runtimes read the policy's text from, in Base64.
pub const POLICY_ANNOTATION: &str = "io.katacontainers.config.agent.policy";
/// Name of the entry that the agent loads as its policy.
pub const POLICY: &str = "policy.rego";

/// A document, in TOML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document(String);

impl Document {
    /// Of entries by name.
    #[must_use]
    pub fn new(entries: &BTreeMap<String, String>) -> Self {
        let mut text = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n\n[data]\n".to_owned();
        for (name, value) in entries {
            text.push_str(&format!("{} = {}\n", quoted(name), multi_line(value)));
        }
        Self(text)
    }

    /// The document with a policy and nothing else.
    #[must_use]
    pub fn of_policy(policy: &crate::Policy) -> Self {
        Self::new(&BTreeMap::from([(POLICY.to_owned(), policy.text().to_owned())]))
    }

    /// The text that is hashed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the text: the name of the policy in a manifest.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// The value of [`ANNOTATION`]: compressed (gzip, without a time), in Base64.
    #[must_use]
    pub fn annotation(&self) -> String {
        let mut gzip =
            GzBuilder::new().operating_system(UNKNOWN_SYSTEM).write(Vec::new(), Compression::best());
        // Writing into memory does not fail.
        let written = gzip.write_all(self.0.as_bytes()).and_then(|()| gzip.finish());
        STANDARD.encode(written.unwrap_or_default())
    }
}

/// RFC 1952 section 2.3.1.
const UNKNOWN_SYSTEM: u8 = 255;

/// A basic string (TOML 1.0.0, "String").
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text, false))
}

/// Over several lines, as it is if that is possible.
fn multi_line(text: &str) -> String {
    let is_plain = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    if text.chars().all(is_plain) && !text.contains("'''") && !text.ends_with('\'') {
        format!("'''\n{text}'''")
    } else {
        format!("\"\"\"\n{}\"\"\"", escaped(text, true))
    }
}

fn escaped(text: &str, keep_lines: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' if keep_lines => escaped.push(c),
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &Document) -> BTreeMap<String, String> {
        let table: toml::Table = document.text().parse().unwrap();
        let data = table["data"].as_table().unwrap();
        data.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    #[test]
    fn whatever_goes_in_comes_out() {
        let texts = [
            "",
            "a",
            "\n",
            "a'''b",
            "'",
            "\"\"\"",
            "\\",
            "a\r\nb\u{7f}\u{0}",
            "ä\u{2028}",
            "line\n'quoted'\n",
        ];
        for text in texts {
            let entries = BTreeMap::from([("a \"name\"\\".to_owned(), text.to_owned())]);
            assert_eq!(read(&Document::new(&entries)), entries, "{text:?}");
        }
    }

    #[test]
    fn the_annotation_is_the_document() {
        let document =
            Document::new(&BTreeMap::from([("policy.rego".to_owned(), "package agent_policy\n".to_owned())]));
        let gzip = STANDARD.decode(document.annotation()).unwrap();
        let text = std::io::read_to_string(flate2::read::GzDecoder::new(gzip.as_slice())).unwrap();
        assert_eq!(text, document.text());
        assert_eq!(gzip.get(4..8), Some(&[0; 4][..]), "no time");
    }
}
