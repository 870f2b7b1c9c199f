//! Requests for the files that a runtime without a shared file system copies into the guest.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use contrast_policy::request::{Kind, MemberError, Request};
use serde_json::{Value, json};

/// Most files of one container. A ConfigMap or a Secret has at most 1 MiB.
pub const MAX_FILES: usize = 10_000;

/// Volumes whose files the kubelet writes.
const WRITTEN: [&str; 4] = ["configmap", "secret", "projected", "downward-api"];

/// One request for each file that lies where the mounts of a container come from. `created`: the request for the container, which has
/// the mounts with their places in the guest. Folders of the node that are nobody's files (`hostPath`, persistent volumes) are shown to the
/// container as they are. More than [`MAX_FILES`] are not looked at.
///
/// # Errors
/// If a file has a number that no request can say.
pub fn copies(config: &Value, created: &Request) -> Result<Vec<Request>, MemberError> {
    let input = created.input();
    let places = input.pointer("/OCI/Mounts").and_then(Value::as_array).into_iter().flatten();
    let sources = config.get("mounts").and_then(Value::as_array).into_iter().flatten();
    let mut all = Vec::new();
    for (mount, place) in sources.zip(places) {
        let (Some(source), Some(place)) =
            (mount.get("source").and_then(Value::as_str), place.get("source").and_then(Value::as_str))
        else {
            continue;
        };
        if place.contains("/shared/containers/") {
            add(Path::new(source), place, is_written(source), &mut all)?;
        }
    }
    Ok(all)
}

fn is_written(source: &str) -> bool {
    WRITTEN.iter().any(|kind| source.contains(&format!("/kubernetes.io~{kind}/")))
}

fn add(source: &Path, place: &str, below: bool, all: &mut Vec<Request>) -> Result<(), MemberError> {
    // What is gone again is not copied; `runc` will say what it misses.
    let Ok(metadata) = fs::symlink_metadata(source) else { return Ok(()) };
    let kind = metadata.file_type();
    if all.len() >= MAX_FILES || kind.is_dir() && !below {
        return Ok(());
    }
    let target = kind.is_symlink().then(|| fs::read_link(source).ok()).flatten();
    let file_type = match kind {
        kind if kind.is_file() => "Regular",
        kind if kind.is_dir() => "Directory",
        kind if kind.is_symlink() => "Symlink",
        // Neither sockets nor devices are copied.
        _ => return Ok(()),
    };
    all.push(Request::read(
        Kind::CopyFile,
        &json!({
            "path": place, "file_type": file_type,
            "symlink_target": target.map(|target| target.to_string_lossy().into_owned()),
            "file_size": if kind.is_file() { metadata.size() } else { 0 },
            "file_mode": metadata.mode(), "dir_mode": 0o755,
            "uid": i32::try_from(metadata.uid()).unwrap_or(-1), "gid": i32::try_from(metadata.gid()).unwrap_or(-1),
        }),
    )?);
    if kind.is_dir() {
        let entries = fs::read_dir(source).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).take(MAX_FILES).collect();
        names.sort();
        for name in names {
            let place = format!("{place}/{}", name.to_string_lossy());
            add(&source.join(&name), &place, below, all)?;
        }
    }
    Ok(())
}
