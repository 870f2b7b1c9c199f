//! The header of an encrypted volume.

use contrast_initializer::volume::header::{check, check_metadata};
use serde_json::Value;

/// A header, or its JSON text alone: what is accepted encrypts, and notices changes.
///
/// # Panics
/// If it does not.
pub fn volume_header(bytes: &[u8]) {
    // A checksum stands in the way of most changes of a whole header, so its text is an input, too.
    let _ = check(bytes);
    if check_metadata(bytes).is_err() {
        return;
    }
    let read: Value = serde_json::from_slice(bytes).unwrap_or_default();
    for (member, expected) in [
        ("/segments/0/encryption", "aes-xts-plain64"),
        ("/segments/0/integrity/type", "hmac(sha256)"),
        ("/segments/0/size", "dynamic"),
        ("/keyslots/0/area/encryption", "aes-xts-plain64"),
        ("/keyslots/0/kdf/type", "argon2id"),
        ("/digests/0/type", "pbkdf2"),
    ] {
        assert_eq!(read.pointer(member).and_then(Value::as_str), Some(expected), "{member}");
    }
    for (member, expected) in
        [("", 5), ("/keyslots", 1), ("/segments", 1), ("/digests", 1), ("/tokens", 0), ("/config", 2)]
    {
        assert_eq!(
            read.pointer(member).and_then(Value::as_object).map(|object| object.len()),
            Some(expected),
            "{member}"
        );
    }
}
