//! What volumes are, as the node shows it, and as it was at first.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use rustix::fs::statfs;
use serde_json::Value;

use super::{Known, State};
use crate::requests::{Disks, Volume};

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: u64 = 0x0102_1994;
/// Where the kubelet has volumes of kind emptyDir: below this folder by their name.
const EMPTY_DIR: &str = "/kubernetes.io~empty-dir/";

impl State {
    fn known(&mut self, key: String, first: impl FnOnce() -> (bool, Option<u32>)) -> Known {
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX).saturating_add(1);
        let entry = self.known.entry(key).or_insert_with(|| {
            let (in_memory, group) = first();
            Known { number, in_memory, group }
        });
        entry.clone()
    }
}

impl Disks for State {
    fn volume(&mut self, source: &str) -> Option<Volume> {
        let (_, name) = source.split_once(EMPTY_DIR)?;
        if name.is_empty() || name.contains('/') {
            return None;
        }
        let Known { number, in_memory, group } = self.known(source.to_owned(), || look_at(Path::new(source)));
        Some(match in_memory {
            true => Volume::Memory { name: name.to_owned(), group },
            false => Volume::Disk { address: address(number), group },
        })
    }

    fn device(&mut self, device: &Value) -> String {
        let number = |name: &str| device.get(name).and_then(Value::as_i64).unwrap_or_default();
        let key = format!("{}:{}", number("major"), number("minor"));
        address(self.known(key, || (false, None)).number)
    }
}

/// Whether a folder lies in memory, and the group that the kubelet gave it. It gives one to the folder of every volume of a pod with
/// `fsGroup`, together with the bit by which what is made in it belongs to that group, too.
fn look_at(folder: &Path) -> (bool, Option<u32>) {
    const SET_GROUP: u32 = 0o2000;
    let Ok(metadata) = fs::metadata(folder) else { return (false, None) };
    let group = Some(metadata.gid()).filter(|group| *group != 0 && metadata.mode() & SET_GROUP != 0);
    let is_own = folder
        .parent()
        .and_then(|parent| fs::metadata(parent).ok())
        .is_some_and(|parent| parent.dev() != metadata.dev());
    let is_tmpfs = statfs(folder).is_ok_and(|found| u64::try_from(found.f_type) == Ok(TMPFS));
    (is_own && is_tmpfs, group)
}

/// As Kata's runtime says where a disk is: one number, or that of a bridge and one on it.
fn address(number: u32) -> String {
    match u8::try_from(number) {
        Ok(number) => format!("{number:02x}"),
        Err(_) => format!("{:02x}/{:02x}", (number >> 8) & 0xFF, number & 0xFF),
    }
}
