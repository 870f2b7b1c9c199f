//! The versions of a runtime that are on a node, side by side, and who uses them.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    containerd::{Containerd, ContainerdError, Files},
    cri::Sandbox,
    host::{Host, HostError},
    platform::{self, Handler, Platform},
};

/// All versions of a platform's runtime that have a folder, or a place in containerd's configuration.
///
/// # Errors
/// If the configuration cannot be read.
pub(crate) fn installed(
    containerd: &Containerd,
    platform: Platform,
) -> Result<BTreeSet<Handler>, ContainerdError> {
    let files = Files::read(&containerd.host, containerd.source.main())?;
    let configured = files.all().flat_map(|(_, document)| document.runtimes());
    let mut found: BTreeSet<Handler> = configured.filter_map(|name| platform.handler(name)).collect();
    found.extend(with_folders(&containerd.host, platform)?);
    Ok(found)
}

/// All versions that have a folder.
pub(crate) fn with_folders(host: &Host, platform: Platform) -> Result<BTreeSet<Handler>, HostError> {
    let folder = host.place(Path::new(platform::FOLDER))?;
    let entries = fs::read_dir(folder.here).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| platform.handler(&name)).collect())
}

/// The pods that have this runtime. Those that have ended count, until they are removed: it is needed for that, too.
pub(crate) fn pods_of(handler: &Handler, sandboxes: &[Sandbox]) -> Vec<String> {
    let pods: BTreeSet<_> = sandboxes
        .iter()
        .filter(|sandbox| sandbox.runtime == handler.name())
        .map(|sandbox| sandbox.pod.clone())
        .collect();
    pods.into_iter().collect()
}

/// The pod of the DaemonSet that installs this version, if it is there: then somebody wants it.
pub(crate) fn installer_of(handler: &Handler, sandboxes: &[Sandbox]) -> Option<String> {
    let name = format!("{handler}-nodeinstaller");
    let mut ready = sandboxes.iter().filter(|sandbox| sandbox.ready);
    let found = ready.find(|sandbox| sandbox.application.as_deref() == Some(name.as_str()));
    found.map(|sandbox| sandbox.pod.clone())
}

/// Removes a version's files: it must not be in containerd's configuration any more.
///
/// # Errors
/// If one cannot be removed.
pub(crate) fn remove_files(containerd: &Containerd, handler: &Handler) -> Result<(), ContainerdError> {
    let host = &containerd.host;
    host.remove_folder(&handler.folder())?;
    containerd.remove_backups(handler)?;
    host.remove_if_empty(Path::new(platform::FOLDER));
    Ok(())
}
