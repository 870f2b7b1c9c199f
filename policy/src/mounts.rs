//! What is mounted into a container: by the runtime, by Kubernetes, for its volumes, and for those of its image.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, EmptyDirVolumeSource, Volume, VolumeMount};

use crate::{
    Image, Settings, Workload,
    data::{FsGroup, Mount, MountKind, Source, Storage},
    problem::{Place, Problems, Trouble},
    rights,
    settings::SHARED_MEMORY,
};

/// Where volumes in memory are in the guest.
const EPHEMERAL: &str = "/run/kata-containers/sandbox/ephemeral";
/// Where Kubernetes mounts the token of the service account.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(crate) type Mounts = BTreeMap<String, Mount>;

/// Mounts, and the storages that they need.
pub(crate) fn of_container(
    workload: &Workload<'_>,
    settings: &Settings,
    container: &Container,
    image: &Image,
    place: &Place,
    problems: &mut Problems,
) -> (Mounts, Vec<Storage>) {
    let privileged = rights::is_privileged(container);
    let mut all = of_runtime(privileged);
    all.insert("/sys/fs/cgroup".to_owned(), if privileged { either(cgroup()) } else { cgroup() });
    for path in ["/etc/resolv.conf", "/etc/hostname"] {
        all.insert(path.to_owned(), writable_as_root(path, container));
    }
    all.insert("/etc/hosts".to_owned(), shared("/etc/hosts", &["rbind", "rprivate", "rw"]));
    let log = container.termination_message_path.as_deref().filter(|path| !path.is_empty());
    let log = log.unwrap_or("/dev/termination-log");
    all.insert(log.to_owned(), shared(log, &["rbind", "rprivate", "rw"]));
    if workload.spec.automount_service_account_token != Some(false) {
        // Whether the account's own setting switches it off is not in the pod.
        let mount = shared(TOKEN, &["rbind", "rprivate", "ro"]);
        all.insert(TOKEN.to_owned(), Mount { optional: true, ..mount });
    }
    let mut storages = Vec::new();
    let mut taken = BTreeSet::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let place = place.item("volumeMounts", index);
        let path = normal(&mount.mount_path);
        if !taken.insert(path.clone()) {
            problems.add(&place, Trouble::MountedTwice(path.clone()));
        }
        if let Some((made, storage)) = problems.note(&place, of_volume(workload, settings, mount)) {
            all.insert(path, as_asked(made, mount));
            storages.extend(storage);
        }
    }
    for path in &image.config.volumes {
        let path = normal(path);
        let mount = shared(&path, &["rbind", "rprivate", "rw"]);
        all.entry(path).or_insert(mount);
    }
    (all, storages)
}

/// Those of the sandbox's container, which does nothing.
pub(crate) fn of_sandbox(has_privileged: bool) -> Mounts {
    let mut all = of_runtime(has_privileged);
    let mut file = Mount { optional: true, ..shared("/etc/resolv.conf", &["rbind", "ro"]) };
    for kind in &mut file.kinds {
        kind.extra_options = owned(&["rprivate", "nosuid", "noexec", "nodev"]);
    }
    all.insert("/etc/resolv.conf".to_owned(), file);
    all
}

/// What any Linux container has (OCI runtime specification, "Default Filesystems", as containerd makes them).
fn of_runtime(privileged: bool) -> Mounts {
    let file_system =
        |kind: &'static str, options: &[&str]| one(kind, options, Source::Path { source: kind.to_owned() });
    let sys = file_system("sysfs", &["nosuid", "noexec", "nodev", "ro"]);
    [
        ("/proc", file_system("proc", &["nosuid", "noexec", "nodev"])),
        ("/dev", file_system("tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"])),
        (
            "/dev/pts",
            file_system(
                "devpts",
                &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            ),
        ),
        ("/dev/mqueue", file_system("mqueue", &["nosuid", "noexec", "nodev"])),
        ("/sys", if privileged { either(sys) } else { sys }),
        ("/dev/shm", in_guest(SHARED_MEMORY.to_owned(), &["rbind"])),
    ]
    .map(|(path, mount)| (path.to_owned(), mount))
    .into()
}

/// For a privileged container: versions of containerd differ in what may be written to.
fn either(mut mount: Mount) -> Mount {
    for kind in &mut mount.kinds {
        kind.options.retain(|option| option != "ro");
        kind.extra_options.extend(owned(&["ro", "rw"]));
    }
    mount
}

fn cgroup() -> Mount {
    let source = Source::Path { source: "cgroup".to_owned() };
    let mut mount = one("cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"], source);
    for kind in &mut mount.kinds {
        kind.extra_options = owned(&["nsdelegate", "memory_recursiveprot"]);
    }
    mount
}

/// Always there, and always of this kind.
fn one(kind: &'static str, options: &[&str], source: Source) -> Mount {
    let kind = MountKind { kind, options: owned(options), extra_options: Vec::new(), source };
    Mount { kinds: vec![kind], optional: false }
}

/// A file that can be written if the root can.
fn writable_as_root(path: &str, container: &Container) -> Mount {
    let context = container.security_context.as_ref();
    let read_only = context.and_then(|context| context.read_only_root_filesystem).unwrap_or_default();
    shared(path, &["rbind", "rprivate", if read_only { "ro" } else { "rw" }])
}

/// A file or folder of the node. Its name in the guest ends as its destination does.
fn shared(destination: &str, options: &[&str]) -> Mount {
    let name = destination.rsplit('/').next().unwrap_or_default();
    one("bind", options, Source::Shared { file: regex::escape(name) })
}

fn in_guest(source: String, options: &[&str]) -> Mount {
    one("bind", options, Source::Path { source })
}

/// How later mounts below a mount are seen by others, and whether they are read-only, too.
fn as_asked(mut made: Mount, asked: &VolumeMount) -> Mount {
    let propagation = match asked.mount_propagation.as_deref() {
        Some("Bidirectional") => "rshared",
        Some("HostToContainer") => "rslave",
        _ => "rprivate",
    };
    for kind in &mut made.kinds {
        for option in kind.options.iter_mut().filter(|option| *option == "rprivate") {
            propagation.clone_into(option);
        }
    }
    let recursive = asked.recursive_read_only.as_deref();
    if matches!(recursive, Some("Enabled" | "IfPossible")) {
        let mut kinds = made.kinds.clone();
        for option in kinds.iter_mut().flat_map(|kind| &mut kind.options).filter(|option| *option == "ro") {
            "rro".clone_into(option);
        }
        match recursive {
            Some("Enabled") => made.kinds = kinds,
            // Older nodes cannot.
            _ => made.kinds.extend(kinds),
        }
    }
    made
}

/// What containerd asks for the root of a container whose volumes are propagated.
pub(crate) fn propagation_of_root(container: &Container) -> &'static str {
    let asked = |kind| {
        let mut all = container.volume_mounts.iter().flatten();
        all.any(|mount| mount.mount_propagation.as_deref() == Some(kind))
    };
    if asked("Bidirectional") {
        "rshared"
    } else if asked("HostToContainer") {
        "rslave"
    } else {
        ""
    }
}

fn of_volume(
    workload: &Workload<'_>,
    settings: &Settings,
    mount: &VolumeMount,
) -> Result<(Mount, Option<Storage>), Trouble> {
    if mount.sub_path_expr.is_some() {
        return Err(Trouble::SubPath("subPathExpr"));
    }
    let is_part = mount.sub_path.as_deref().is_some_and(|path| !path.is_empty());
    let access = if mount.read_only == Some(true) { "ro" } else { "rw" };
    let path = normal(&mount.mount_path);
    // A part of it looks the same from the guest: files of the node, with the name of the place that they are mounted at.
    let of_node = |access| shared(&path, &["rbind", "rprivate", access]);
    let is_claim = workload
        .claim_templates
        .iter()
        .any(|claim| claim.metadata.name.as_deref() == Some(mount.name.as_str()));
    let volume = workload.spec.volumes.iter().flatten().find(|volume| volume.name == mount.name);
    let volume = match volume {
        Some(volume) => volume,
        None if is_claim => return Ok((of_node(access), None)),
        None => return Err(Trouble::NoSuchVolume(mount.name.clone())),
    };
    if let Some(empty_dir) = &volume.empty_dir {
        if !matches!(empty_dir.medium.as_deref(), None | Some("" | "Memory")) {
            return Err(Trouble::VolumeKind { name: volume.name.clone(), kind: "an emptyDir of huge pages" });
        }
        if is_part && (settings.encrypted_empty_dirs || empty_dir.medium.as_deref() == Some("Memory")) {
            return Err(Trouble::SubPath("subPath"));
        }
        return Ok(of_empty_dir(workload, settings, volume, empty_dir, &path, access));
    }
    if volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.projected.is_some()
        || volume.downward_api.is_some()
    {
        return Ok((of_node("ro"), None));
    }
    if let Some(host_path) = &volume.host_path {
        let source = normal(&host_path.path);
        if is_part {
            return Ok((of_node(access), None));
        }
        let in_vm = ["/dev/", "/sys/"].iter().any(|folder| source.starts_with(folder));
        let options = ["rbind", "rprivate", access];
        return Ok((if in_vm { in_guest(source, &options) } else { shared(&path, &options) }, None));
    }
    if volume.persistent_volume_claim.is_some()
        || volume.ephemeral.is_some()
        || volume.csi.is_some()
        || volume.azure_file.is_some()
        || volume.nfs.is_some()
    {
        return Ok((of_node(if is_read_only(volume) { "ro" } else { access }), None));
    }
    Err(Trouble::VolumeKind { name: volume.name.clone(), kind: kind_of(volume) })
}

/// Whether the volume itself is mounted read-only, whatever its mounts say.
fn is_read_only(volume: &Volume) -> bool {
    let says = [
        volume.persistent_volume_claim.as_ref().and_then(|claim| claim.read_only),
        volume.csi.as_ref().and_then(|csi| csi.read_only),
        volume.azure_file.as_ref().and_then(|file| file.read_only),
        volume.nfs.as_ref().and_then(|nfs| nfs.read_only),
    ];
    says.contains(&Some(true))
}

fn of_empty_dir(
    workload: &Workload<'_>,
    settings: &Settings,
    volume: &Volume,
    empty_dir: &EmptyDirVolumeSource,
    path: &str,
    access: &str,
) -> (Mount, Option<Storage>) {
    let options = ["rbind", "rprivate", access];
    let group = workload.spec.security_context.as_ref().and_then(|context| context.fs_group);
    let group = group.and_then(|group| u32::try_from(group).ok()).filter(|group| *group > 0);
    if empty_dir.medium.as_deref() == Some("Memory") {
        let mount_point = format!("{EPHEMERAL}/{}", volume.name);
        let storage = Storage {
            driver: "ephemeral".to_owned(),
            source: "tmpfs".to_owned(),
            fstype: "tmpfs".to_owned(),
            options: group.map(|group| format!("fsgid={group}")).into_iter().collect(),
            mount_point: mount_point.clone(),
            ..Storage::default()
        };
        return (in_guest(mount_point, &options), Some(storage));
    }
    if !settings.encrypted_empty_dirs {
        return (shared(path, &options), None);
    }
    let source = Source::Block {
        block: true,
        volume: volume.name.clone(),
        driver_options: owned(&["create-filesystem=true", "encryption_key=ephemeral"]),
        fs_group: group.map(|group_id| FsGroup { group_id, group_change_policy: 0 }),
    };
    (one("bind", &options, source), None)
}

fn kind_of(volume: &Volume) -> &'static str {
    match volume {
        Volume { image: Some(_), .. } => "an image volume",
        Volume { iscsi: Some(_), .. } => "an iSCSI volume",
        Volume { fc: Some(_), .. } => "a Fibre Channel volume",
        _ => "a volume of this kind",
    }
}

/// Without the slashes that say nothing.
fn normal(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
