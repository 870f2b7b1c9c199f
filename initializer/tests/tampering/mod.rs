//! What a host can do to the disk of a volume.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use contrast_initializer::volume::header::{COPIES_LEN, COPY_LEN, KEY_AREA_LEN};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Where the JSON text of a copy and its checksum are.
const TEXT: usize = 4096;
const CHECKSUM: std::ops::Range<usize> = 448..512;

/// A change, and what is said about it.
pub(crate) struct Tampering {
    pub(crate) change: Change,
    pub(crate) expected: &'static str,
}

pub(crate) enum Change {
    /// Of the JSON text, in both copies, with right checksums.
    Metadata(fn(&mut Value)),
    /// Of the first copy alone, with a right checksum.
    FirstCopy(fn(&mut Value)),
    /// Of bytes from here on, whatever depends on them.
    Bytes { offset: usize, len: usize, to: Option<u8> },
}

const fn of(change: Change, expected: &'static str) -> Tampering {
    Tampering { change, expected }
}

impl Tampering {
    /// Every kind.
    pub(crate) const ALL: [Self; 11] = [
        of(
            Change::Metadata(|metadata| {
                metadata["tokens"]["0"] = json!({ "type": "mine", "keyslots": ["0"] });
            }),
            "tokens.0: unknown field `0`",
        ),
        of(
            Change::Metadata(|metadata| metadata["segments"]["0"]["encryption"] = "cipher_null-ecb".into()),
            "segments.0.encryption has to be `aes-xts-plain64`, and is `cipher_null-ecb`",
        ),
        of(
            Change::Metadata(|metadata| {
                metadata["keyslots"]["0"]["area"]["encryption"] = "cipher_null-ecb".into()
            }),
            "keyslots.0.area.encryption has to be `aes-xts-plain64`, and is `cipher_null-ecb`",
        ),
        of(
            Change::Metadata(|metadata| {
                metadata["segments"]["0"].as_object_mut().unwrap().remove("integrity");
            }),
            "segments.0: missing field `integrity`",
        ),
        of(
            Change::Metadata(|metadata| metadata["keyslots"]["1"] = metadata["keyslots"]["0"].clone()),
            "keyslots.1: unknown field `1`",
        ),
        of(
            Change::Metadata(|metadata| metadata["config"]["requirements"] = json!({ "mandatory": ["x"] })),
            "config.requirements: unknown field `requirements`",
        ),
        of(
            Change::Metadata(|metadata| metadata["keyslots"]["0"]["kdf"]["memory"] = 4_194_304.into()),
            "keyslots.0.kdf.memory has to be from 32 to 10240, and is 4194304",
        ),
        of(
            Change::FirstCopy(|metadata| metadata["keyslots"]["0"]["kdf"]["time"] = 5.into()),
            "the JSON text of the second copy has to be that of the first copy",
        ),
        of(
            Change::Bytes { offset: COPY_LEN + TEXT + 9, len: 1, to: None },
            "the second copy of the header is damaged",
        ),
        of(
            Change::Bytes { offset: 0, len: COPY_LEN, to: Some(0) },
            "/dev/vdX holds an encrypted volume whose first header was overwritten, and was left alone",
        ),
        of(
            Change::Bytes { offset: COPIES_LEN, len: KEY_AREA_LEN, to: None },
            "the workload secret does not open the volume",
        ),
    ];
}

/// The last 4 KiB of which two disks differ.
pub(crate) fn last_difference(one: &Path, other: &Path) -> Change {
    const LEN: usize = 4096;
    let (one, other) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    let index = one.chunks(LEN).zip(other.chunks(LEN)).rposition(|(one, other)| one != other).unwrap();
    Change::Bytes { offset: index * LEN, len: LEN, to: None }
}

/// Makes a change to a disk.
pub(crate) fn rewritten(disk: &Path, change: &Change) {
    let disk = OpenOptions::new().read(true).write(true).open(disk).unwrap();
    let rewrite = |offset: usize, len: usize, change: &dyn Fn(&mut [u8])| {
        let mut bytes = vec![0; len];
        disk.read_exact_at(&mut bytes, offset as u64).unwrap();
        change(&mut bytes);
        disk.write_all_at(&bytes, offset as u64).unwrap();
    };
    match change {
        Change::Metadata(change) => {
            rewrite(0, COPY_LEN, &|copy| with_metadata(copy, *change));
            rewrite(COPY_LEN, COPY_LEN, &|copy| with_metadata(copy, *change));
        }
        Change::FirstCopy(change) => rewrite(0, COPY_LEN, &|copy| with_metadata(copy, *change)),
        Change::Bytes { offset, len, to } => rewrite(*offset, *len, &|bytes| {
            bytes.iter_mut().for_each(|byte| *byte = to.unwrap_or(!*byte));
        }),
    }
}

fn with_metadata(copy: &mut [u8], change: fn(&mut Value)) {
    let end = copy[TEXT..].iter().position(|byte| *byte == 0).unwrap();
    let mut metadata = serde_json::from_slice(&copy[TEXT..TEXT + end]).unwrap();
    change(&mut metadata);
    let text = metadata.to_string();
    copy[TEXT..].fill(0);
    copy[TEXT..TEXT + text.len()].copy_from_slice(text.as_bytes());
    copy[CHECKSUM].fill(0);
    let sum = Sha256::digest(&*copy);
    copy[CHECKSUM][..32].copy_from_slice(&sum);
}
