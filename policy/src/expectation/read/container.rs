//! What is expected of a container.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{is_true, items, members, of_digest, plain, text, text_of, texts, wanted};
use crate::{
    check::Subject,
    expectation::{Container, Member, Mount, MountForm, Optional, ROOT_HASH, Set, Storage, Text, Variable},
};

/// The profile that containerd names on nodes with AppArmor. Guests have none.
const DEFAULT_APPARMOR: &str = "cri-containerd.apparmor.d";
/// The kernel's files, without a way to the container's own.
const OF_KERNEL: &str = "^/proc/[a-z_-]+$|^/sys(/[A-Za-z0-9_][A-Za-z0-9_.:-]*)+$";

/// The container of this name; the sandbox has none.
pub(super) fn read(name: &str, entry: &Value, pod: &Value) -> Container {
    let env = members(entry, "env").map(|(name, wanted)| {
        let required = !is_true(wanted, "optional");
        let of_image = wanted.get("of_image").map(plain);
        (name.to_owned(), Variable { value: text_of(wanted), required, of_image })
    });
    let mounts = members(entry, "mounts").map(|(at, wanted)| (at.to_owned(), mount(wanted, pod)));
    let exec =
        items(entry, "exec").map(|command| command.as_array().into_iter().flatten().map(text_of).collect());
    Container {
        name: name.to_owned(),
        image: entry.get("image").map(|image| Text::Is(text(image, "name").to_owned())),
        args: items(entry, "args").map(text_of).collect(),
        env: env.collect(),
        env_patterns: items(pod, "service_variables").map(|pattern| Text::Matches(plain(pattern))).collect(),
        mounts: mounts.collect(),
        storages: image(entry, pod)
            .into_iter()
            .chain(layers(entry, pod))
            .chain(items(entry, "storages").map(storage))
            .collect(),
        devices: members(entry, "devices").map(|(path, kind)| (path.to_owned(), plain(kind))).collect(),
        annotations: annotations(name, entry, pod),
        sysctls: sysctls(entry),
        members: single(entry, pod),
        sets: sets(entry),
        exec: exec.collect(),
        exec_members: process("process", entry, &["false".to_owned(), json_of(entry, "terminal")], &[""])
            .into_iter()
            .chain(ports())
            .collect(),
        logs: is_true(entry, "logs"),
        stdin: is_true(entry, "stdin"),
    }
}

fn mount(wanted: &Value, pod: &Value) -> Mount {
    let options = |kind: &Value, key: &str| items(kind, key).map(plain).collect::<BTreeSet<_>>();
    let forms = items(wanted, "kinds").map(|kind| {
        let source = if let Some(source) = kind.get("source") {
            Text::Is(plain(source))
        } else if let Some(file) = kind.get("file").and_then(Value::as_str) {
            Text::Matches(format!("^{}{file}$", text(pod, "shared_file")))
        } else {
            Text::Any("block device that the guest formats".to_owned())
        };
        MountForm {
            source,
            kind: text(kind, "type").to_owned(),
            options: options(kind, "options"),
            extra_options: options(kind, "extra_options"),
        }
    });
    Mount { forms: forms.collect(), required: !is_true(wanted, "optional") }
}

fn storage(wanted: &Value) -> Storage {
    let member = |key: &str| Text::Is(wanted.get(key).map(plain).unwrap_or_default());
    Storage {
        driver: member("driver"),
        driver_options: texts(wanted, "driver_options"),
        source: member("source"),
        fstype: member("fstype"),
        mount_point: member("mount_point"),
        options: texts(wanted, "options"),
        fs_group: member("fs_group"),
        shared: member("shared"),
    }
}

/// The image that the guest pulls, as a storage.
fn image(entry: &Value, pod: &Value) -> Option<Storage> {
    let image = entry.get("image").filter(|image| image.get("layers").is_none())?;
    let source = match text(image, "digest") {
        "" => Text::Is(text(image, "name").to_owned()),
        digest => of_digest(text(image, "name"), digest),
    };
    Some(Storage {
        driver: "image_guest_pull".into(),
        driver_options: vec![Text::Matches("^image_guest_pull=".to_owned())],
        source,
        fstype: "overlay".into(),
        mount_point: Text::Matches(text(pod, "root").to_owned()),
        options: Vec::new(),
        fs_group: "null".into(),
        shared: "false".into(),
    })
}

/// The layers of an image that the node has, and what puts them together.
fn layers(entry: &Value, pod: &Value) -> Vec<Storage> {
    let layers: Vec<_> = entry.get("image").into_iter().flat_map(|image| items(image, "layers")).collect();
    if layers.is_empty() {
        return Vec::new();
    }
    let layer = |layer: &&Value| Storage {
        driver: "blk".into(),
        source: Text::Any("device".to_owned()),
        fstype: "tar".into(),
        mount_point: Text::Is(format!("{}{}", text(pod, "layer_folder"), text(layer, "name"))),
        options: vec![Text::Is(format!("{ROOT_HASH}{}", text(layer, "root")))],
        fs_group: "null".into(),
        shared: "false".into(),
        ..Storage::default()
    };
    let joined =
        |key: &str| Text::Is(layers.iter().rev().map(|layer| text(layer, key)).collect::<Vec<_>>().join(":"));
    let overlay = Storage {
        driver: "overlayfs".into(),
        source: Text::Any("source".to_owned()),
        fstype: Text::Matches("overlay$".to_owned()),
        mount_point: Text::Any("root of the container".to_owned()),
        options: vec![joined("name"), joined("root")],
        fs_group: "null".into(),
        shared: "false".into(),
        ..Storage::default()
    };
    layers.iter().map(layer).chain([overlay]).collect()
}

fn annotations(name: &str, entry: &Value, pod: &Value) -> std::collections::BTreeMap<String, Optional> {
    let of_pod = members(pod, "annotations").map(|(key, value)| (key, Text::Is(plain(value))));
    let of_runtime = members(entry, "annotations").map(|(key, said)| {
        let any = Text::Unlike { pattern: "\n".to_owned(), words: "any text of one line" };
        (key, if is_true(said, "line") { any } else { text_of(said) })
    });
    let mut all: std::collections::BTreeMap<_, _> = of_runtime
        .chain(of_pod)
        .map(|(key, value)| (key.to_owned(), Optional { value, required: false }))
        .collect();
    let mut say = |key: &str, value: Text, required: bool| {
        all.insert(format!("io.kubernetes.cri.{key}"), Optional { value, required });
    };
    let pinned = |pin: &str, first: Text| match name {
        "" => first,
        _ => Text::Pinned {
            pin: pin.to_owned(),
            like: ".*".to_owned(),
            before: String::new(),
            after: String::new(),
        },
    };
    say("sandbox-name", pinned("name", wanted(pod, "name")), true);
    say("sandbox-namespace", pinned("namespace", wanted(pod, "namespace")), true);
    if name.is_empty() {
        say("container-type", "sandbox".into(), true);
    } else {
        say("container-type", "container".into(), true);
        say("container-name", name.into(), true);
        say("sandbox-id", pinned("sandbox", Text::default()), true);
        say("sandbox-uid", pinned("uid", Text::default()), false);
    }
    let kata = if name.is_empty() { "pod_sandbox" } else { "pod_container" };
    let key = "io.katacontainers.pkg.oci.container_type".to_owned();
    all.insert(key, Optional { value: kata.into(), required: true });
    all
}

/// Everything with one value.
fn single(entry: &Value, pod: &Value) -> Vec<Member> {
    let mut all = process("OCI.Process", entry, &[json_of(entry, "terminal")], &["", DEFAULT_APPARMOR]);
    let mut say = |path: &str, subject: Subject, expected: Text| {
        all.push(Member { path: path.to_owned(), subject, expected });
    };
    let json = |key: &str| Text::Is(entry.get(key).map(plain).unwrap_or_default());
    let versions = items(pod, "runtime_versions").map(plain).collect();
    say("OCI.Version", Subject::Pod, Text::OneOf(versions));
    say("OCI.Process.OOMScoreAdj", Subject::Resources, Text::Matches("^-?([0-9]{1,3}|1000)$".to_owned()));
    say("OCI.Root.Path", Subject::RootFileSystem, Text::Matches(text(pod, "root").to_owned()));
    say("OCI.Root.Readonly", Subject::RootFileSystem, json("readonly_root"));
    say(
        "OCI.Linux.CgroupsPath",
        Subject::Resources,
        Text::Matches(r"^/|^[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+){2}$".to_owned()),
    );
    say(
        "OCI.Linux.Namespaces[].Type",
        Subject::Namespaces,
        one_of(&["ipc", "uts", "mount", "network", "cgroup"]),
    );
    say("sandbox_pidns", Subject::Namespaces, json("share_processes"));
    say("OCI.Linux.MountLabel", Subject::RootFileSystem, Text::default());
    let propagation = one_of(&["", text(entry, "propagation")]);
    say("OCI.Linux.RootfsPropagation", Subject::RootFileSystem, propagation);
    for path in ["OCI.Hooks", "OCI.Solaris", "OCI.Windows", "OCI.Linux.Seccomp", "OCI.Linux.IntelRdt"] {
        say(path, Subject::Container, "null".into());
    }
    for path in ["BlockIO", "Network", "Pids"] {
        say(&format!("OCI.Linux.Resources.{path}"), Subject::Resources, "null".into());
    }
    for path in
        ["OCI.Linux.Resources.Devices", "OCI.Linux.UIDMappings", "OCI.Linux.GIDMappings", "shared_mounts"]
    {
        say(path, Subject::Container, "[]".into());
    }
    say("string_user", Subject::User, "null".into());
    all.extend(ports());
    all
}

/// A process is never connected to the host by ports.
fn ports() -> impl Iterator<Item = Member> {
    ["stdin_port", "stdout_port", "stderr_port"].into_iter().map(|path| Member {
        path: path.to_owned(),
        subject: Subject::Logs,
        expected: "0".into(),
    })
}

/// What a process of the container is, beside its command line and variables.
fn process(at: &str, entry: &Value, terminal: &[String], apparmor: &[&str]) -> Vec<Member> {
    let user = entry.get("user").unwrap_or(&Value::Null);
    let json = |of: &Value, key: &str| Text::Is(of.get(key).map(plain).unwrap_or_default());
    [
        ("Cwd", Subject::WorkingDirectory, json(entry, "cwd")),
        ("Terminal", Subject::Terminal, one_of(terminal)),
        ("User.UID", Subject::User, json(user, "uid")),
        ("User.GID", Subject::User, json(user, "gid")),
        ("User.Username", Subject::User, Text::default()),
        ("NoNewPrivileges", Subject::Privileges, json(entry, "no_new_privileges")),
        ("SelinuxLabel", Subject::Privileges, Text::default()),
        ("ApparmorProfile", Subject::Privileges, one_of(apparmor)),
        ("Rlimits[].Type", Subject::Resources, one_of(&["RLIMIT_NOFILE", "RLIMIT_NPROC"])),
    ]
    .into_iter()
    .map(|(path, subject, expected)| Member { path: format!("{at}.{path}"), subject, expected })
    .collect()
}

fn sets(entry: &Value) -> Vec<Set> {
    let user = entry.get("user").unwrap_or(&Value::Null);
    let set = |path: &str, subject: Subject, items: BTreeSet<String>| Set {
        path: path.to_owned(),
        subject,
        items,
        free: BTreeSet::new(),
        more: None,
        or_in: None,
    };
    let all = |key: &str| items(entry, key).map(plain).collect::<BTreeSet<_>>();
    let mut sets = Vec::new();
    for name in ["Bounding", "Effective", "Permitted"] {
        let path = format!("OCI.Process.Capabilities.{name}");
        sets.push(set(&path, Subject::Privileges, all("capabilities")));
    }
    for name in ["Inheritable", "Ambient"] {
        sets.push(set(&format!("OCI.Process.Capabilities.{name}"), Subject::Privileges, BTreeSet::new()));
    }
    let groups = items(user, "groups").map(plain).collect();
    let mut groups = set("OCI.Process.User.AdditionalGids", Subject::User, groups);
    groups.free.extend(user.get("gid").map(plain));
    sets.push(groups);
    let mut masked = set("OCI.Linux.MaskedPaths", Subject::Container, all("masked_paths"));
    masked.more = Some(Text::Matches(OF_KERNEL.to_owned()));
    let mut readonly = set("OCI.Linux.ReadonlyPaths", Subject::Container, all("readonly_paths"));
    readonly.more.clone_from(&masked.more);
    readonly.or_in = Some(masked.path.clone());
    sets.extend([masked, readonly]);
    sets
}

/// Kernel parameters that may be asked for, and those that must be.
fn sysctls(entry: &Value) -> std::collections::BTreeMap<String, Optional> {
    let needed: BTreeSet<_> = items(entry, "needed_sysctls").map(plain).collect();
    let each = |(name, value): (&str, &Value)| {
        (name.to_owned(), Optional { value: Text::Is(plain(value)), required: needed.contains(name) })
    };
    members(entry, "sysctls").map(each).collect()
}

/// A member as a text or, if it is none, as JSON.
fn json_of(entry: &Value, key: &str) -> String {
    entry.get(key).map(plain).unwrap_or_default()
}

/// One text, if all are the same.
fn one_of(texts: &[impl AsRef<str>]) -> Text {
    let mut all: Vec<_> = texts.iter().map(|text| text.as_ref().to_owned()).collect();
    all.dedup();
    match all.as_mut_slice() {
        [one] => Text::Is(std::mem::take(one)),
        _ => Text::OneOf(all),
    }
}
