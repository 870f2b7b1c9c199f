//! The checks of the rules themselves, by name: what is told is about those that fail, and each of them is told.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Mismatch, Subject};
use crate::{engine::Engine, request::Kind};

/// A check of the rules.
struct Check {
    /// The kind of request.
    kind: Kind,
    /// What the rules call it.
    name: &'static str,
    /// The members that it is about. The first is named where nothing more special is known.
    paths: &'static [&'static str],
    /// What it wants.
    words: &'static str,
}

const fn create(name: &'static str, paths: &'static [&'static str], words: &'static str) -> Check {
    Check { kind: Kind::CreateContainer, name, paths, words }
}

const CHECKS: &[Check] = &[
    create(
        "name",
        &[
            "OCI.Annotations[\"io.kubernetes.cri.container-",
            "OCI.Annotations[\"io.katacontainers.pkg.oci.container_type",
            "container_id",
            "OCI.Version",
        ],
        "a container of the pod, a version that the node has, and an identifier of letters, digits, dots, dashes and underscores",
    ),
    create(
        "once",
        &["container_id"],
        "the sandbox first, once, and each container with an identifier of its own",
    ),
    create(
        "pod",
        &["OCI.Annotations[\"io.kubernetes.cri.sandbox-", "OCI.Linux.Namespaces"],
        "the pod that the sandbox was made for, and its network",
    ),
    create("annotations", &["OCI.Annotations"], "annotations of the pod and of the runtime only"),
    create(
        "command",
        &["OCI.Process.Args", "OCI.Process.Cwd", "OCI.Process.Terminal"],
        "the command of the container",
    ),
    create("environment", &["OCI.Process.Env"], "the variables of the container"),
    create("user", &["OCI.Process.User", "string_user"], "the user of the container"),
    create(
        "rights",
        &[
            "OCI.Process.Capabilities",
            "OCI.Process.NoNewPrivileges",
            "OCI.Process.SelinuxLabel",
            "OCI.Process.Rlimits",
            "OCI.Process.OOMScoreAdj",
        ],
        "the rights of the container",
    ),
    create("root", &["OCI.Root"], "a root in the folder of the container's identifier"),
    create(
        "image",
        &["storages"],
        "the image of the container, once, with metadata that says what the annotations say",
    ),
    create("mounts", &["OCI.Mounts"], "the mounts of the container"),
    create("storages", &["storages"], "the storages of the container, each at a place of its own"),
    create("devices", &["OCI.Linux.Devices", "devices"], "the devices of the container"),
    create("namespaces", &["OCI.Linux.Namespaces", "sandbox_pidns"], "new namespaces, one of each kind"),
    create(
        "kernel",
        &["OCI.Linux.Sysctl", "OCI.Linux.MaskedPaths", "OCI.Linux.ReadonlyPaths", "OCI.Linux.CgroupsPath"],
        "the kernel settings of the container",
    ),
    create(
        "nothing else",
        &[
            "OCI.Linux.Resources",
            "shared_mounts",
            "stdin_port",
            "stdout_port",
            "stderr_port",
            "OCI.Hooks",
            "OCI.Solaris",
            "OCI.Windows",
            "OCI.Linux.Seccomp",
            "OCI.Linux.IntelRdt",
            "OCI.Linux.UIDMappings",
            "OCI.Linux.GIDMappings",
            "OCI.Linux.MountLabel",
            "OCI.Linux.RootfsPropagation",
            "OCI.Process.ApparmorProfile",
        ],
        "nothing that no pod needs",
    ),
    exec("command", &["process.Args"], "a command of a probe or hook"),
    exec("user", &["process.User", "string_user"], "the user of the container"),
    exec("environment", &["process.Env", "process.Cwd"], "the variables and the folder of the container"),
    exec(
        "rights",
        &[
            "process.Capabilities",
            "process.NoNewPrivileges",
            "process.SelinuxLabel",
            "process.ApparmorProfile",
            "process.Rlimits",
            "stdin_port",
            "stdout_port",
            "stderr_port",
            "process.Terminal",
        ],
        "the rights of the container",
    ),
    sandbox("once", &["sandbox_id"], "one sandbox, before its first container"),
    sandbox("hooks", &["guest_hook_path"], "no hooks"),
    sandbox("modules", &["kernel_modules"], "no kernel modules"),
    sandbox("processes", &["sandbox_pidns"], "no shared processes in the sandbox"),
    sandbox("storages", &["storages"], "the storages that the node makes, once each"),
];

const fn exec(name: &'static str, paths: &'static [&'static str], words: &'static str) -> Check {
    Check { kind: Kind::ExecProcess, name, paths, words }
}

const fn sandbox(name: &'static str, paths: &'static [&'static str], words: &'static str) -> Check {
    Check { kind: Kind::CreateSandbox, name, paths, words }
}

/// Keeps what is about a check that fails, and adds each failing check about which nothing was told.
pub(super) fn reconcile(engine: &mut Engine, kind: Kind, input: &Value, told: &mut Vec<Mismatch>) {
    let Some(failed) = failed(engine, kind, input) else { return };
    let checks: Vec<&Check> =
        CHECKS.iter().filter(|check| check.kind == kind && failed.contains(check.name)).collect();
    let is_about =
        |check: &Check, mismatch: &Mismatch| check.paths.iter().any(|path| mismatch.path.starts_with(path));
    told.retain(|mismatch| checks.iter().any(|check| is_about(check, mismatch)));
    for check in &checks {
        if !told.iter().any(|mismatch| is_about(check, mismatch)) {
            told.push(check.mismatch(input));
        }
    }
    // A check that is not known here is told by its name.
    for name in failed.iter().filter(|name| !checks.iter().any(|check| check.name == *name)) {
        told.push(Mismatch {
            path: ".".to_owned(),
            subject: Subject::Request,
            expected: format!("what the check {name:?} of the rules wants"),
            found: kind.name().to_owned(),
        });
    }
}

impl Check {
    fn mismatch(&self, input: &Value) -> Mismatch {
        let path = self.paths.first().copied().unwrap_or(".");
        let (path, value) = match path.split_once('[') {
            Some((path, _)) => (path, at(input, path)),
            None => (path, at(input, path)),
        };
        Mismatch {
            path: path.to_owned(),
            subject: Subject::Container,
            expected: self.words.to_owned(),
            found: value.map_or_else(|| super::member::NOTHING.to_owned(), Value::to_string),
        }
    }
}

fn at<'v>(input: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(input, |value, key| value.get(key))
}

/// The checks that fail. `None` if the policy has none for this kind.
fn failed(engine: &mut Engine, kind: Kind, input: &Value) -> Option<BTreeSet<String>> {
    let rule = match kind {
        Kind::CreateContainer => "create_checks",
        Kind::ExecProcess => "exec_checks",
        Kind::CreateSandbox => "sandbox_checks",
        _ => return None,
    };
    let checks = engine.rule(rule, input.clone()).ok()?;
    let failed = checks.as_object()?.iter().filter(|(_, holds)| **holds != Value::Bool(true));
    Some(failed.map(|(name, _)| name.clone()).collect())
}
