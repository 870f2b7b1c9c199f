//! The JSON half of a copy of the header.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    COPY_LEN, DATA_OFFSET, HeaderError, KEY_AREA_LEN, KEY_AREA_OFFSET, Mismatch, fields::BINARY_LEN,
    printable,
};

/// Passes, memory in KiB and threads of Argon2id, and rounds of PBKDF2. Formatting chooses what takes two seconds in 10 MiB; the bounds are
/// what a pod of small memory can do in a minute.
const ARGON2_PASSES: (u64, u64) = (1, 10_000);
const ARGON2_MEMORY: (u64, u64) = (32, 10_240);
const ARGON2_THREADS: (u64, u64) = (1, 4);
const PBKDF2_ROUNDS: (u64, u64) = (1_000, 10_000_000);

// A member that is not here is refused when the text is read, and so is one that is here twice. Objects have numbers as names (section 3 of
// the specification): where one object is allowed, `0` is its name.

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    keyslots: One<Keyslot>,
    tokens: Nothing,
    segments: One<Segment>,
    digests: One<Digest>,
    config: Config,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct One<T> {
    #[serde(rename = "0")]
    only: T,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Keyslot {
    r#type: String,
    key_size: u64,
    af: AntiForensic,
    area: Area,
    kdf: KeyDerivation,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct AntiForensic {
    r#type: String,
    stripes: u64,
    hash: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Area {
    r#type: String,
    offset: String,
    size: String,
    encryption: String,
    key_size: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeyDerivation {
    r#type: String,
    time: u64,
    memory: u64,
    cpus: u64,
    salt: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    r#type: String,
    offset: String,
    size: String,
    iv_tweak: String,
    encryption: String,
    sector_size: u64,
    integrity: Integrity,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Integrity {
    r#type: String,
    journal_encryption: String,
    journal_integrity: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Digest {
    r#type: String,
    keyslots: Vec<String>,
    segments: Vec<String>,
    hash: String,
    iterations: u64,
    salt: String,
    digest: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Config {
    json_size: String,
    keyslots_size: String,
}

/// The text in the JSON half, which zeros follow; `None` if something else does.
pub(super) fn text_of(half: &[u8]) -> Option<&[u8]> {
    let len = half.iter().position(|byte| *byte == 0).unwrap_or(half.len());
    let (text, rest) = half.split_at_checked(len)?;
    rest.iter().all(|byte| *byte == 0).then_some(text)
}

/// Holds the JSON text of a header against the form.
///
/// # Errors
/// [`HeaderError::Form`] and [`HeaderError::Values`]. Values that are wrong are all named.
pub fn check_metadata(text: &[u8]) -> Result<(), HeaderError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read: Metadata = serde_path_to_error::deserialize(&mut reader).map_err(|error| form(&error))?;
    reader.end().map_err(|error| form(&error))?;
    // A list of values is read as an object, too.
    if serde_json::to_value(&read).ok() != serde_json::from_slice::<Value>(text).ok() {
        return Err(HeaderError::Form("there is a list in place of an object".to_owned()));
    }

    let mut values = Values::default();
    let Keyslot { r#type, key_size, af, area, kdf } = read.keyslots.only;
    values.text("keyslots.0.type", &r#type, "luks2");
    values.number("keyslots.0.key_size", key_size, 96);
    values.text("keyslots.0.af.type", &af.r#type, "luks1");
    values.number("keyslots.0.af.stripes", af.stripes, 4000);
    values.text("keyslots.0.af.hash", &af.hash, "sha256");
    values.text("keyslots.0.area.type", &area.r#type, "raw");
    values.text("keyslots.0.area.offset", &area.offset, &KEY_AREA_OFFSET.to_string());
    values.text("keyslots.0.area.size", &area.size, &KEY_AREA_LEN.to_string());
    values.text("keyslots.0.area.encryption", &area.encryption, "aes-xts-plain64");
    values.number("keyslots.0.area.key_size", area.key_size, 64);
    values.text("keyslots.0.kdf.type", &kdf.r#type, "argon2id");
    values.range("keyslots.0.kdf.time", kdf.time, ARGON2_PASSES);
    values.range("keyslots.0.kdf.memory", kdf.memory, ARGON2_MEMORY);
    values.range("keyslots.0.kdf.cpus", kdf.cpus, ARGON2_THREADS);
    values.bytes("keyslots.0.kdf.salt", &kdf.salt);

    let segment = read.segments.only;
    values.text("segments.0.type", &segment.r#type, "crypt");
    values.text("segments.0.offset", &segment.offset, &DATA_OFFSET.to_string());
    values.text("segments.0.size", &segment.size, "dynamic");
    values.text("segments.0.iv_tweak", &segment.iv_tweak, "0");
    values.text("segments.0.encryption", &segment.encryption, "aes-xts-plain64");
    values.number("segments.0.sector_size", segment.sector_size, 4096);
    let integrity = segment.integrity;
    values.text("segments.0.integrity.type", &integrity.r#type, "hmac(sha256)");
    values.text("segments.0.integrity.journal_encryption", &integrity.journal_encryption, "none");
    values.text("segments.0.integrity.journal_integrity", &integrity.journal_integrity, "none");

    let digest = read.digests.only;
    values.text("digests.0.type", &digest.r#type, "pbkdf2");
    values.text("digests.0.keyslots", &digest.keyslots.join(", "), "0");
    values.text("digests.0.segments", &digest.segments.join(", "), "0");
    values.text("digests.0.hash", &digest.hash, "sha256");
    values.range("digests.0.iterations", digest.iterations, PBKDF2_ROUNDS);
    values.bytes("digests.0.salt", &digest.salt);
    values.bytes("digests.0.digest", &digest.digest);

    values.text("config.json_size", &read.config.json_size, &(COPY_LEN - BINARY_LEN).to_string());
    values.text(
        "config.keyslots_size",
        &read.config.keyslots_size,
        &(DATA_OFFSET - KEY_AREA_OFFSET).to_string(),
    );
    if values.wrong.is_empty() { Ok(()) } else { Err(HeaderError::Values(values.wrong)) }
}

fn form(error: &impl ToString) -> HeaderError {
    HeaderError::Form(printable(&error.to_string()))
}

#[derive(Default)]
struct Values {
    wrong: Vec<Mismatch>,
}

impl Values {
    fn text(&mut self, member: &str, found: &str, expected: &str) {
        self.demand(found == expected, member, || format!("`{expected}`"), || format!("`{found}`"));
    }

    fn number(&mut self, member: &str, found: u64, expected: u64) {
        self.demand(found == expected, member, || expected.to_string(), || found.to_string());
    }

    fn range(&mut self, member: &str, found: u64, (least, most): (u64, u64)) {
        let is_right = (least..=most).contains(&found);
        self.demand(is_right, member, || format!("from {least} to {most}"), || found.to_string());
    }

    /// A salt or a digest: 32 bytes in Base64.
    fn bytes(&mut self, member: &str, found: &str) {
        let is_right = STANDARD.decode(found).is_ok_and(|bytes| bytes.len() == 32);
        self.demand(is_right, member, || "32 bytes in Base64".to_owned(), || format!("`{found}`"));
    }

    fn demand(
        &mut self,
        is_right: bool,
        member: &str,
        expected: impl FnOnce() -> String,
        found: impl FnOnce() -> String,
    ) {
        if !is_right {
            self.wrong.push(Mismatch::new(member, expected(), &found()));
        }
    }
}
