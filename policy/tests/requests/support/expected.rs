//! Expectations that admit exactly one request.

use std::collections::{BTreeMap, BTreeSet};

use contrast_policy::{
    Expectations, Subject,
    expectation::{Container, Member, Mount, Optional, Set, Storage, Text, Variable},
};
use serde_json::Value;

/// What admits exactly these requests for containers.
pub(crate) fn exactly(inputs: &[&Value]) -> Expectations {
    let containers = inputs.iter().map(|input| container(input)).collect();
    Expectations { containers, ..Expectations::default() }
}

fn container(input: &Value) -> Container {
    let oci = &input["OCI"];
    let name = text(&oci["Annotations"]["io.kubernetes.cri.container-name"]);
    let env = strings(&oci["Process"]["Env"]).into_iter().map(|variable| {
        let (name, value) = variable.split_once('=').unwrap();
        (name.to_owned(), Variable { value: value.into(), required: true })
    });
    let mounts = items(&oci["Mounts"]).map(|mount| {
        let source = Text::Is(text(&mount["source"]));
        let kind = Text::Is(text(&mount["type_"]));
        (
            text(&mount["destination"]),
            Mount { source, kind, options: texts(&mount["options"]), required: true },
        )
    });
    let storages = items(&input["storages"]).map(|storage| Storage {
        driver: Text::Is(text(&storage["driver"])),
        source: Text::Is(text(&storage["source"])),
        fstype: Text::Is(text(&storage["fstype"])),
        mount_point: Text::Is(text(&storage["mount_point"])),
        options: texts(&storage["options"]),
        driver_options: texts(&storage["driver_options"]),
        fs_group: Text::Is(storage["fs_group"].to_string()),
        shared: Text::Is(storage["shared"].to_string()),
    });
    let annotations = oci["Annotations"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (key.clone(), Optional { value: Text::Is(text(value)), required: true }));
    Container {
        name,
        args: texts(&oci["Process"]["Args"]),
        env: env.collect::<BTreeMap<_, _>>(),
        mounts: mounts.collect(),
        storages: storages.collect(),
        annotations: annotations.collect(),
        members: MEMBERS.iter().map(|(path, subject)| member(input, path, subject.clone())).collect(),
        sets: SETS.iter().map(|(path, subject)| set(input, path, subject.clone())).collect(),
        ..Container::default()
    }
}

const MEMBERS: &[(&str, Subject)] = &[
    ("OCI.Version", Subject::Container),
    ("OCI.Process.Cwd", Subject::WorkingDirectory),
    ("OCI.Process.Terminal", Subject::Terminal),
    ("OCI.Process.User.UID", Subject::User),
    ("OCI.Process.User.GID", Subject::User),
    ("OCI.Process.NoNewPrivileges", Subject::Privileges),
    ("OCI.Root.Path", Subject::RootFileSystem),
    ("OCI.Root.Readonly", Subject::RootFileSystem),
    ("OCI.Process.OOMScoreAdj", Subject::Resources),
    ("OCI.Process.Rlimits", Subject::Resources),
    ("OCI.Process.ConsoleSize", Subject::Terminal),
    ("OCI.Process.ApparmorProfile", Subject::Privileges),
    ("OCI.Process.SelinuxLabel", Subject::Privileges),
    ("OCI.Process.User.Username", Subject::User),
    ("OCI.Hostname", Subject::PodName),
    ("OCI.Hooks", Subject::Container),
    ("OCI.Linux.Sysctl", Subject::Pod),
    ("OCI.Linux.Resources", Subject::Resources),
    ("OCI.Linux.CgroupsPath", Subject::Resources),
    ("OCI.Linux.Namespaces", Subject::Namespaces),
    ("OCI.Linux.Devices", Subject::Container),
    ("OCI.Linux.Seccomp", Subject::Privileges),
    ("OCI.Linux.RootfsPropagation", Subject::RootFileSystem),
    ("OCI.Linux.MountLabel", Subject::Privileges),
    ("OCI.Linux.UIDMappings", Subject::User),
    ("OCI.Linux.GIDMappings", Subject::User),
    ("sandbox_pidns", Subject::Namespaces),
    ("stdin_port", Subject::Container),
    ("stdout_port", Subject::Container),
    ("stderr_port", Subject::Container),
    ("string_user", Subject::User),
    ("devices", Subject::Container),
    ("shared_mounts", Subject::Container),
];

const SETS: &[(&str, Subject)] = &[
    ("OCI.Process.User.AdditionalGids", Subject::User),
    ("OCI.Process.Capabilities.Bounding", Subject::Privileges),
    ("OCI.Process.Capabilities.Effective", Subject::Privileges),
    ("OCI.Process.Capabilities.Permitted", Subject::Privileges),
    ("OCI.Process.Capabilities.Inheritable", Subject::Privileges),
    ("OCI.Process.Capabilities.Ambient", Subject::Privileges),
    ("OCI.Linux.MaskedPaths", Subject::Container),
    ("OCI.Linux.ReadonlyPaths", Subject::Container),
];

fn member(input: &Value, path: &str, subject: Subject) -> Member {
    Member { path: path.to_owned(), subject, expected: Text::Is(plain(at(input, path))) }
}

fn set(input: &Value, path: &str, subject: Subject) -> Set {
    let items: BTreeSet<String> = items(at(input, path)).map(plain).collect();
    Set { path: path.to_owned(), subject, items }
}

fn at<'v>(input: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(input, |value, key| &value[key])
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn texts(list: &Value) -> Vec<Text> {
    strings(list).into_iter().map(Text::Is).collect()
}

fn strings(list: &Value) -> Vec<String> {
    items(list).map(text).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
