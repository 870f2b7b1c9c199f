//! One deployment in a directory of its own: simulator, owners' keys, policies, manifest, workspace.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use contrast_attestation::atls::{ClientKey, Identity};
use contrast_manifest::{SeedShareOwnerKey, WorkloadOwnerKey};
use contrast_proto::userapi::SetManifestRequest;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Answer, Coordinator, ManifestFile, Pod, tree::Tree};

/// Policy under which the Coordinator runs.
const COORDINATOR_POLICY: &[u8] = b"package agent_policy\n# the coordinator\n";

/// A deployment. Its files go away with it, unless they are in a directory that the caller chose.
pub struct Deployment {
    /// The workspace of the CLI: manifest, keys, YAML, what commands write.
    pub workspace: PathBuf,
    /// The simulated processor.
    pub simulator: PathBuf,
    /// Reference values of the simulated processor, as a manifest has them.
    pub reference_values: Value,
    /// The Coordinator's store.
    pub state_dir: PathBuf,
    directory: PathBuf,
    _temporary: Option<TempDir>,
}

impl Deployment {
    /// A deployment in a temporary directory, on a simulated processor of its own, with one owner of each
    /// kind, a Coordinator, and the workload `web`; its manifest is written but not set.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().expect("there is room for temporary files");
        let mut deployment = Self::copy_of_template(temporary.path());
        deployment._temporary = Some(temporary);
        deployment.write_policy("coordinator", COORDINATOR_POLICY);
        deployment.write_policy("web", b"package agent_policy\n# web\n");
        deployment.manifest().write(&deployment.manifest_path());
        deployment
    }

    /// The processor and the keys of two sets of owners (the second with the prefix `other-`) take seconds to
    /// make, so that one process makes them once. Two deployments share them, and nothing else.
    fn copy_of_template(directory: &Path) -> Self {
        // A static is never dropped, so it holds no temporary directory.
        static TEMPLATE: OnceLock<(Tree, Value)> = OnceLock::new();
        let (template, reference_values) = TEMPLATE.get_or_init(|| {
            let directory = tempfile::tempdir().expect("there is room for temporary files");
            let made = Self::empty_in(directory.path());
            made.add_owners("");
            made.add_owners("other-");
            (Tree::read(directory.path()).expect("what was written can be read"), made.reference_values)
        });
        template.write(directory).expect("the template can be copied");
        Self::in_directory(directory, reference_values.clone())
    }

    /// A copy of a recorded deployment, whose `directory` has the layout of this one.
    ///
    /// # Panics
    /// When it cannot be copied.
    #[must_use]
    pub fn copy_of(directory: &Path) -> Self {
        let temporary = tempfile::tempdir().expect("there is room for temporary files");
        let tree = Tree::read(directory).expect("the recording can be read");
        tree.write(temporary.path()).expect("the recording can be copied");
        let mut deployment = Self::in_directory(temporary.path(), Value::Null);
        deployment._temporary = Some(temporary);
        deployment
    }

    fn in_directory(directory: &Path, reference_values: Value) -> Self {
        Self {
            reference_values,
            workspace: directory.join("workspace"),
            simulator: directory.join("simulator"),
            state_dir: directory.join("state"),
            directory: directory.to_owned(),
            _temporary: None,
        }
    }

    /// A deployment in `directory` with nothing but a simulated processor.
    ///
    /// # Panics
    /// When the simulator cannot be set up.
    #[must_use]
    pub fn empty_in(directory: &Path) -> Self {
        let mut deployment = Self::in_directory(directory, Value::Null);
        fs::create_dir_all(deployment.workspace.join("resources")).expect("the directory can be written");
        let mut init = Answer::command(&deployment.workspace, ["simulator", "init", "--dir"]);
        init.arg(&deployment.simulator);
        let printed = Answer::of(init).success().stdout;
        deployment.reference_values = serde_json::from_str(&printed).expect("simulator init prints JSON");
        deployment
    }

    /// Makes a workload owner's and a seed share owner's key: `<prefix>workload-owner.pem` and
    /// `<prefix>seedshare-owner.pem` in the workspace.
    ///
    /// # Panics
    /// When a key cannot be made or written.
    pub fn add_owners(&self, prefix: &str) {
        let workload = WorkloadOwnerKey::generate().expect("keys can be made");
        let seedshare = SeedShareOwnerKey::generate().expect("keys can be made");
        let write = |name: &str, pem: &str| {
            fs::write(self.workspace.join(format!("{prefix}{name}")), pem).expect("keys can be written");
        };
        write("workload-owner.pem", &workload.to_pem().expect("keys have a text form"));
        write("seedshare-owner.pem", &seedshare.to_pem().expect("keys have a text form"));
    }

    /// The manifest's entry for a workload owner's key.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn workload_owner(&self, prefix: &str) -> String {
        let pem = fs::read(self.workspace.join(format!("{prefix}workload-owner.pem")));
        hex::encode(
            WorkloadOwnerKey::from_pem(&pem.expect("the key was made")).expect("it is a key").spki_der(),
        )
    }

    /// The manifest's entry for a seed share owner's key.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn seedshare_owner(&self, prefix: &str) -> String {
        self.seedshare_owner_key(prefix).owner().to_hex()
    }

    /// A workload owner's key, to connect with.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn workload_owner_identity(&self, prefix: &str) -> Identity {
        let pem =
            fs::read(self.workspace.join(format!("{prefix}workload-owner.pem"))).expect("the key was made");
        let key = WorkloadOwnerKey::from_pem(&pem).expect("it is a key");
        let der = key.to_sec1_der().expect("keys have a binary form");
        Identity::Key(ClientKey::from_sec1_der(&der).expect("it is a key"))
    }

    /// A seed share owner's private key.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn seedshare_owner_key(&self, prefix: &str) -> SeedShareOwnerKey {
        let pem =
            fs::read(self.workspace.join(format!("{prefix}seedshare-owner.pem"))).expect("the key was made");
        SeedShareOwnerKey::from_pem(&pem).expect("it is a key")
    }

    /// A seed share owner's key, to connect with.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn seedshare_owner_identity(&self, prefix: &str) -> Identity {
        let key = self.seedshare_owner_key(prefix);
        Identity::Key(ClientKey::from_pkcs1_der(key.pkcs1_der()).expect("it is a key"))
    }

    /// What `contrast set` would send: the manifest as it is written, and all policies of the resources.
    ///
    /// # Panics
    /// When a file cannot be read.
    #[must_use]
    pub fn set_request(&self) -> SetManifestRequest {
        let policies =
            ["coordinator", "web"].map(|name| fs::read(self.policy_file(name)).expect("it was written"));
        SetManifestRequest {
            manifest: fs::read(self.manifest_path()).expect("it was written"),
            policies: policies.to_vec(),
            ..Default::default()
        }
    }

    /// The manifest that [`Deployment::new`] writes; change it and write it again.
    #[must_use]
    pub fn manifest(&self) -> ManifestFile {
        ManifestFile::new(&self.reference_values)
            .coordinator(COORDINATOR_POLICY)
            .workload(b"package agent_policy\n# web\n", "web", Some("apps/v1/Deployment/default/web"))
            .workload_owner(self.workload_owner(""))
            .seedshare_owner(self.seedshare_owner(""))
    }

    /// Where the manifest is.
    #[must_use]
    pub fn manifest_path(&self) -> PathBuf {
        self.workspace.join("manifest.json")
    }

    /// Writes a policy, both as the file that a simulated pod is started under and as the annotation of a
    /// Pod among the resources.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn write_policy(&self, name: &str, policy: &[u8]) -> PathBuf {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let annotation = BASE64_STANDARD.encode(policy);
        let yaml = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  annotations:\n    \
             io.katacontainers.config.agent.policy: {annotation}\nspec:\n  runtimeClassName: contrast-cc\n  \
             containers: []\n"
        );
        fs::write(self.workspace.join(format!("resources/{name}.yml")), yaml)
            .expect("resources can be written");
        let file = self.policy_file(name);
        fs::write(&file, policy).expect("policies can be written");
        file
    }

    /// The file with a policy's text.
    #[must_use]
    pub fn policy_file(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.rego"))
    }

    /// The command that starts the Coordinator.
    #[must_use]
    pub fn coordinator_command(&self) -> Command {
        Coordinator::command(&self.state_dir, &self.simulator, &self.policy_file("coordinator"))
    }

    /// Starts the Coordinator where pods in namespaces of their own reach it.
    #[must_use]
    pub fn start_at(&self, address: Ipv4Addr) -> Coordinator {
        let policy = self.policy_file("coordinator");
        Coordinator::start(Coordinator::command_at(address, &self.state_dir, &self.simulator, &policy))
    }

    /// Starts the Coordinator again, where it was before: pods look for it there.
    #[must_use]
    pub fn start_in_place_of(&self, before: Coordinator) -> Coordinator {
        let addresses = [before.user_api, before.mesh_api, before.ops.0];
        before.kill();
        let policy = self.policy_file("coordinator");
        Coordinator::start(Coordinator::command_on(addresses, &self.state_dir, &self.simulator, &policy))
    }

    /// Starts the Coordinator, for the first time or again.
    #[must_use]
    pub fn start(&self) -> Coordinator {
        Coordinator::start(self.coordinator_command())
    }

    /// Starts a pod under the policy of this name.
    #[must_use]
    pub fn pod(&self, coordinator: &Coordinator, name: &str) -> Pod {
        let policy = self.policy_file(name);
        Pod::start(
            coordinator.mesh_api,
            &self.simulator,
            &policy,
            &self.directory.join(format!("pods/{name}")),
        )
    }

    /// `contrast <command> --coordinator … <more>`; for `set`, with the resources.
    #[must_use]
    pub fn contrast(&self, coordinator: &Coordinator, command: &str, more: &[&str]) -> Answer {
        Answer::of(self.contrast_command(coordinator, command, more))
    }

    /// The same, not yet run.
    #[must_use]
    pub fn contrast_command(&self, coordinator: &Coordinator, command: &str, more: &[&str]) -> Command {
        let address = coordinator.user_api.to_string();
        let mut args = vec![command, "--coordinator", &address];
        args.extend(more);
        if command == "set" {
            args.push("resources");
        }
        Answer::command(&self.workspace, args)
    }
}

impl Default for Deployment {
    fn default() -> Self {
        Self::new()
    }
}
