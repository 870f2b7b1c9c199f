//! The example deployment of `deploy/demo`, set up in a folder.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use contrast_tests::{
    Answer, Coordinator, Deployment, ManifestFile, Pod, policy_digest, program, workspace_root,
};
use serde_json::Value;

/// The workloads, each with the secret that its certificate entitles to.
const WORKLOADS: [(&str, &str); 3] = [
    ("web", "apps/v1/Deployment/default/web"),
    ("orders", "apps/v1/Deployment/default/orders"),
    ("db", "apps/v1/StatefulSet/default/db"),
];

/// The shop, ready to be attested.
pub(crate) struct Shop {
    /// Everything that the demo leaves behind.
    pub(crate) directory: PathBuf,
    /// Where the programs are.
    pub(crate) programs: PathBuf,
    /// The deployment in it.
    pub(crate) deployment: Deployment,
    manifest: ManifestFile,
}

impl Shop {
    /// Copies the resources, makes the owners' keys and writes the manifest.
    pub(crate) fn set_up(directory: &Path) -> Self {
        let deployment = Deployment::empty_in(directory);
        deployment.add_owners("");
        let source = workspace_root().join("deploy/demo");
        let policy = |name: &str| {
            fs::read(source.join(format!("policies/{name}.rego"))).expect("it is in the project")
        };
        let mut manifest = ManifestFile::new(&deployment.reference_values)
            .coordinator(&policy("coordinator"))
            .workload_owner(deployment.workload_owner(""))
            .seedshare_owner(deployment.seedshare_owner(""));
        for (name, secret) in WORKLOADS {
            manifest = manifest.workload(&policy(name), name, Some(secret));
        }
        for name in ["coordinator", "web", "orders", "db"] {
            let resource = format!("{name}.yml");
            fs::copy(source.join(&resource), deployment.workspace.join("resources").join(&resource))
                .expect("resources can be copied");
            fs::write(deployment.policy_file(name), policy(name)).expect("policies can be copied");
        }
        manifest.write(&deployment.manifest_path());
        let programs = program("contrast").get_program().to_owned();
        Self {
            directory: directory.to_owned(),
            programs: Path::new(&programs).parent().expect("programs lie in a folder").to_owned(),
            deployment,
            manifest,
        }
    }

    /// Where the initializer of a pod put its files.
    pub(crate) fn tls_dir(&self, name: &str) -> PathBuf {
        self.directory.join("pods").join(name)
    }

    /// Names, modes and sizes of what the initializer of a pod wrote.
    pub(crate) fn files_of(&self, name: &str) -> String {
        let entries = fs::read_dir(self.tls_dir(name)).expect("the initializer made it");
        let mut lines: Vec<String> = entries
            .map(|entry| {
                let entry = entry.expect("it can be listed");
                let about = entry.metadata().expect("it is there");
                let mode = about.permissions().mode() & 0o777;
                format!("{mode:04o} {:>6} bytes  {}", about.len(), entry.file_name().display())
            })
            .collect();
        lines.sort_by_key(|line| line.rsplit(' ').next().map(str::to_owned));
        lines.join("\n")
    }

    /// Gives a workload one more name in the manifest.
    pub(crate) fn add_name(&mut self, workload: &str, name: &str) {
        let digest = policy_digest(&fs::read(self.deployment.policy_file(workload)).expect("it was copied"));
        let sans =
            self.manifest.json.pointer_mut(&format!("/Policies/{digest}/SANs")).and_then(Value::as_array_mut);
        sans.expect("the workload is in the manifest").push(name.into());
        self.manifest.write(&self.deployment.manifest_path());
    }

    /// Starts a pod that has no business here, and returns what it is told.
    pub(crate) fn outsider(&self, coordinator: &Coordinator) -> String {
        let elsewhere = Deployment::empty_in(&self.directory.join("outsider"));
        let policy =
            elsewhere.write_policy("outsider", b"package agent_policy\ndefault ExecProcessRequest := true\n");
        let tls_dir = self.directory.join("outsider/pods");
        let pod = Pod::start(coordinator.mesh_api, &elsewhere.simulator, &policy, &tls_dir);
        let log = pod.wait_for_refusal();
        assert!(!tls_dir.join("key.pem").exists(), "an outsider gets nothing");
        log
    }

    /// A file of the workspace.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.deployment.workspace.join(name)).expect("an earlier command wrote it")
    }

    /// Runs the CLI without a Coordinator.
    pub(crate) fn contrast(&self, args: &[&str]) -> Answer {
        Answer::of(Answer::command(&self.deployment.workspace, args)).success()
    }

    /// Looks into the store without the seed.
    pub(crate) fn store_check(&self) -> String {
        let mut command = program("coordinator");
        command.args(["store", "check", "--state-dir"]).arg(&self.deployment.state_dir);
        let output = command.output().expect("the Coordinator's program is built");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }
}
