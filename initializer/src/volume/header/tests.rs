//! A header that the program `cryptsetup` of Debian 12 made, and what may not be done to it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Both copies, from a device of 256 MiB.
const REAL: &[u8] = include_bytes!("../../../tests/headers/cryptsetup-2.6.1");
const TEXT: usize = BINARY_LEN;

/// The real header with `change` made to both copies, and right checksums.
fn changed(change: impl Fn(&mut [u8])) -> Vec<u8> {
    REAL.chunks(COPY_LEN)
        .flat_map(|copy| {
            let mut copy = copy.to_vec();
            change(&mut copy);
            seal(&mut copy);
            copy
        })
        .collect()
}

fn seal(copy: &mut [u8]) {
    let sum = checksum(copy);
    copy[CHECKSUM].copy_from_slice(&sum);
}

fn metadata() -> Value {
    serde_json::from_slice(text_of(&REAL[TEXT..COPY_LEN]).unwrap()).unwrap()
}

/// The real header with another JSON text.
fn with_text(text: &str) -> Vec<u8> {
    changed(|copy| {
        copy[TEXT..].fill(0);
        copy[TEXT..TEXT + text.len()].copy_from_slice(text.as_bytes());
    })
}

/// What is said of the real header with `value` at `pointer` of its JSON text.
fn refusal_of(pointer: &str, value: Value) -> String {
    let mut metadata = metadata();
    match metadata.pointer_mut(pointer) {
        Some(old) => *old = value,
        None => {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            metadata.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.into(), value);
        }
    }
    check(&with_text(&metadata.to_string())).unwrap_err().to_string()
}

#[test]
fn a_header_that_cryptsetup_made_is_accepted() {
    assert_eq!(check(REAL), Ok(Header { uuid: "3208524e-757c-4c16-9f7d-39a9dc5ef963".into() }));
    assert_eq!(check(&with_text(&metadata().to_string())), check(REAL), "members have no order");
    let whole_area = [REAL, &[7; 100]].concat();
    assert_eq!(check(&whole_area), check(REAL));
}

#[test]
fn less_than_both_copies_is_no_header() {
    assert_eq!(check(&[]), Err(HeaderError::Short(0)));
    assert_eq!(check(&REAL[..COPIES_LEN - 1]), Err(HeaderError::Short(COPIES_LEN - 1)));
}

#[test]
fn every_changed_bit_is_noticed() {
    for index in 0..COPIES_LEN {
        let mut header = REAL.to_vec();
        header[index] ^= 1 << (index % 8);
        assert!(check(&header).is_err(), "bit of byte {index}");
    }
}

#[test]
fn a_copy_that_begins_otherwise_is_named() {
    for (index, copy) in [
        (0, Copy::First),
        (5, Copy::First),
        (7, Copy::First),
        (COPY_LEN + 3, Copy::Second),
        (COPY_LEN + 6, Copy::Second),
    ] {
        let mut header = REAL.to_vec();
        header[index] ^= 1;
        assert_eq!(check(&header), Err(HeaderError::NotLuks2(copy)), "{index}");
    }
    let version_1 = changed(|copy| copy[7] = 1);
    assert_eq!(check(&version_1), Err(HeaderError::NotLuks2(Copy::First)));
}

#[test]
fn damage_of_a_copy_is_named() {
    for (index, copy) in [(TEXT + 5, Copy::First), (COPY_LEN + 500, Copy::Second), (130, Copy::First)] {
        let mut header = REAL.to_vec();
        header[index] ^= 1;
        assert_eq!(check(&header), Err(HeaderError::Checksum(copy)));
    }
}

#[test]
fn each_binary_field_has_its_refusal() {
    type Change = fn(&mut [u8]);
    let cases: [(&str, Change); 9] = [
        ("length of the first copy of the header has to be 16384, and is 32768", |copy| copy[14] = 0x80),
        ("offset of the first copy of the header has to be 0, and is 256", |copy| copy[262] = 1),
        ("offset of the second copy of the header has to be 16384, and is 16640", |copy| copy[262] |= 1),
        ("checksum's algorithm of the second copy of the header has to be sha256, and is sha512", |copy| {
            copy[75..78].copy_from_slice(b"512");
        }),
        ("identifier of the first copy of the header has to be a UUID in lower case", |copy| {
            copy[168] = b'Z'
        }),
        ("label of the first copy of the header has to be empty, and is x", |copy| copy[24] = b'x'),
        ("subsystem of the second copy of the header has to be empty", |copy| copy[255] = 1),
        ("padding of the first copy of the header has to be empty", |copy| copy[300] = 1),
        ("end of the first copy of the header has to be empty", |copy| copy[4095] = 1),
    ];
    for (expected, change) in cases {
        let refusal = check(&changed(change)).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}\ndoes not contain\n{expected}");
    }
}

#[test]
fn copies_that_say_different_things_are_refused() {
    type Change = fn(&mut [u8]);
    let cases: [(&str, Change); 3] = [
        ("sequence number of the second copy", |copy| copy[23] += 1),
        ("identifier of the second copy", |copy| copy[168] = b'0'),
        ("the JSON text of the second copy", |copy| copy[TEXT + 1] = b' '),
    ];
    for (expected, change) in cases {
        let mut header = REAL.to_vec();
        change(&mut header[COPY_LEN..]);
        seal(&mut header[COPY_LEN..]);
        let HeaderError::Values(mismatches) = check(&header).unwrap_err() else { panic!("{expected}") };
        assert!(mismatches[0].member.contains(expected), "{mismatches:?}");
        assert_eq!(mismatches.len(), 1);
    }
}

#[test]
fn each_value_of_the_text_has_its_refusal() {
    let salt = "has to be 32 bytes in Base64, and is";
    for (pointer, value, expected) in [
        ("/keyslots/0/type", json!("reencrypt"), "has to be `luks2`, and is `reencrypt`"),
        ("/keyslots/0/key_size", json!(64), "has to be 96, and is 64"),
        ("/keyslots/0/af/type", json!("luks2"), "has to be `luks1`"),
        ("/keyslots/0/af/stripes", json!(1), "has to be 4000, and is 1"),
        ("/keyslots/0/af/hash", json!("sha1"), "has to be `sha256`"),
        ("/keyslots/0/area/type", json!("journal"), "has to be `raw`"),
        ("/keyslots/0/area/offset", json!("16777216"), "has to be `32768`"),
        ("/keyslots/0/area/size", json!("4096"), "has to be `385024`"),
        ("/keyslots/0/area/encryption", json!("cipher_null-ecb"), "has to be `aes-xts-plain64`"),
        ("/keyslots/0/area/key_size", json!(32), "has to be 64"),
        ("/keyslots/0/kdf/type", json!("pbkdf2"), "has to be `argon2id`"),
        ("/keyslots/0/kdf/time", json!(0), "has to be from 1 to 10000, and is 0"),
        ("/keyslots/0/kdf/time", json!(10_001), "has to be from 1 to 10000"),
        ("/keyslots/0/kdf/memory", json!(31), "has to be from 32 to 10240"),
        ("/keyslots/0/kdf/memory", json!(4_194_304), "has to be from 32 to 10240"),
        ("/keyslots/0/kdf/cpus", json!(5), "has to be from 1 to 4"),
        ("/keyslots/0/kdf/salt", json!(""), salt),
        ("/keyslots/0/kdf/salt", json!("AAAA"), salt),
        ("/keyslots/0/kdf/salt", json!("?"), salt),
        ("/segments/0/type", json!("linear"), "has to be `crypt`, and is `linear`"),
        ("/segments/0/offset", json!("0"), "has to be `16777216`"),
        ("/segments/0/size", json!("512"), "has to be `dynamic`"),
        ("/segments/0/iv_tweak", json!("8"), "has to be `0`"),
        ("/segments/0/encryption", json!("cipher_null-ecb"), "has to be `aes-xts-plain64`"),
        ("/segments/0/sector_size", json!(512), "has to be 4096"),
        ("/segments/0/integrity/type", json!("none"), "has to be `hmac(sha256)`"),
        ("/segments/0/integrity/journal_encryption", json!("x"), "has to be `none`"),
        ("/segments/0/integrity/journal_integrity", json!("x"), "has to be `none`"),
        ("/digests/0/type", json!("none"), "has to be `pbkdf2`"),
        ("/digests/0/keyslots", json!([]), "has to be `0`, and is ``"),
        ("/digests/0/keyslots", json!(["0", "0"]), "has to be `0`, and is `0, 0`"),
        ("/digests/0/segments", json!([]), "has to be `0`"),
        ("/digests/0/hash", json!("sha1"), "has to be `sha256`"),
        ("/digests/0/iterations", json!(1), "has to be from 1000 to 10000000"),
        ("/digests/0/salt", json!(""), salt),
        ("/digests/0/digest", json!(""), salt),
        ("/config/json_size", json!("4096"), "has to be `12288`"),
        ("/config/keyslots_size", json!("0"), "has to be `16744448`"),
    ] {
        let refusal = refusal_of(pointer, value);
        let member = pointer[1..].replace('/', ".");
        let expected = format!("made here: {member} {expected}");
        assert!(refusal.contains(&expected), "{refusal}\ndoes not contain\n{expected}");
        assert!(!refusal.contains("; "), "only that: {refusal}");
    }
}

#[test]
fn members_that_are_not_known_are_refused() {
    for pointer in [
        "/more",
        "/keyslots/1",
        "/keyslots/0/priority",
        "/keyslots/0/af/more",
        "/keyslots/0/area/hash",
        "/keyslots/0/kdf/hash",
        "/tokens/0",
        "/segments/1",
        "/segments/0/flags",
        "/segments/0/integrity/key_size",
        "/digests/1",
        "/digests/0/more",
        "/config/flags",
        "/config/requirements",
    ] {
        let refusal = refusal_of(pointer, json!({}));
        let (_, name) = pointer.rsplit_once('/').unwrap();
        let expected = format!("{}: unknown field `{name}`", pointer[1..].replace('/', "."));
        assert!(refusal.contains(&expected), "{refusal}\ndoes not contain\n{expected}");
    }
}

/// Every object and every value of `value`, as JSON pointers.
fn members(value: &Value, pointer: &str, all: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let pointer = format!("{pointer}/{name}");
        members(member, &pointer, all);
        all.push(pointer);
    }
}

#[test]
fn no_member_may_be_missing_or_of_another_type() {
    let mut all = Vec::new();
    members(&metadata(), "", &mut all);
    assert_eq!(all.len(), 45);
    for pointer in all {
        let refusal = refusal_of(&pointer, Value::Null);
        assert!(refusal.contains("not of the form"), "{pointer} null: {refusal}");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut metadata = metadata();
        metadata.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        let refusal = check(&with_text(&metadata.to_string())).unwrap_err().to_string();
        assert!(refusal.contains(&format!("missing field `{name}`")), "{refusal}");
    }
}

#[test]
fn texts_that_programs_read_differently_are_refused() {
    let real = metadata().to_string();
    let list = real
        .replace(r#"{"journal_encryption":"none","journal_integrity":"none","type":"hmac(sha256)"}"#, "[]");
    assert_ne!(list, real);
    let as_list = real.replace(
        r#"{"journal_encryption":"none","journal_integrity":"none","type":"hmac(sha256)"}"#,
        r#"["hmac(sha256)","none","none"]"#,
    );
    for (text, expected) in [
        (real.replace(r#""tokens":{}"#, r#""tokens":{},"tokens":{}"#), "duplicate field `tokens`"),
        (real.replace(r#""hash":"sha256""#, r#""hash":"sha1","hash":"sha256""#), "duplicate field `hash`"),
        (as_list, "a list in place of an object"),
        (list, "segments.0.integrity"),
        (format!("{real} {{}}"), "trailing characters"),
        (format!("/**/{real}"), "expected value"),
        (real.replace("4000", "4000.0"), "keyslots.0.af.stripes"),
        (real.replace("4000", "-4000"), "keyslots.0.af.stripes"),
        (String::new(), "EOF"),
        ("[".repeat(10_000), "not of the form"),
    ] {
        let refusal = check(&with_text(&text)).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}\ndoes not contain\n{expected}");
    }
    let behind = changed(|copy| copy[COPY_LEN - 1] = b'}');
    assert_eq!(check(&behind), Err(HeaderError::Trailing(Copy::First)));
}

#[test]
fn all_values_that_are_wrong_are_named() {
    let mut metadata = metadata();
    metadata["segments"]["0"]["encryption"] = "cipher_null-ecb".into();
    metadata["keyslots"]["0"]["kdf"]["memory"] = 1.into();
    let header = with_text(&metadata.to_string());
    let HeaderError::Values(mismatches) = check(&header).unwrap_err() else { panic!() };
    let members: Vec<_> = mismatches.iter().map(|mismatch| mismatch.member.as_str()).collect();
    assert_eq!(members, ["keyslots.0.kdf.memory", "segments.0.encryption"]);
}

#[test]
fn what_the_header_says_cannot_move_the_cursor() {
    let refusal = refusal_of("/segments/0/type", json!(format!("\u{1b}[2J{}", "x".repeat(5000))));
    assert!(!refusal.contains('\u{1b}') && refusal.contains("\u{fffd}[2Jxxx"), "{refusal}");
    assert!(refusal.len() < 400, "{refusal}");
    let refusal = refusal_of("/\u{1b}[2J", json!(1));
    assert!(!refusal.contains('\u{1b}'), "{refusal}");
}

proptest! {
    #[test]
    fn no_bytes_end_the_program(bytes in proptest::collection::vec(any::<u8>(), 0..COPIES_LEN + 100)) {
        prop_assert!(check(&bytes).is_err());
    }

    #[test]
    fn no_text_ends_the_program(text in "[\\[\\]{}\":,0-9a-z ]{0,300}") {
        prop_assert!(check_metadata(text.as_bytes()).is_err());
    }

    /// Whatever bytes of a header a host changes, if it is accepted it says the same in all that matters.
    #[test]
    fn whatever_is_accepted_encrypts_and_has_integrity(
        edits in proptest::collection::vec((0..1500_usize, any::<u8>()), 1..4),
        letters in proptest::collection::vec((0..1500_usize, "[0-9a-z\"{}]"), 0..3),
    ) {
        let header = changed(|copy| {
            for (index, byte) in &edits {
                copy[index % BINARY_LEN] ^= byte;
            }
            for (index, letter) in &letters {
                copy[TEXT + index] = letter.as_bytes()[0];
            }
        });
        if check(&header).is_ok() {
            let read: Value = serde_json::from_slice(text_of(&header[TEXT..COPY_LEN]).unwrap()).unwrap();
            for open in ["/keyslots/0/kdf/time", "/keyslots/0/kdf/memory", "/keyslots/0/kdf/cpus", "/keyslots/0/kdf/salt"] {
                prop_assert!(read.pointer(open).is_some());
            }
            let mut read = read;
            let mut real = metadata();
            for value in [&mut read, &mut real] {
                value["keyslots"]["0"]["kdf"].take();
                for member in ["salt", "digest", "iterations"] {
                    value["digests"]["0"][member].take();
                }
            }
            prop_assert_eq!(read, real);
        }
    }
}
