//! The example deployment of `deploy/demo`, set up in a folder.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use contrast_tests::{
    Answer, Coordinator, Deployment, Generated, Pod, demo_images, policy_digest, program, workspace_root,
    write_layout,
};

/// The workloads, and the Coordinator.
const WORKLOADS: [&str; 4] = ["coordinator", "web", "orders", "db"];

/// From plain resources to policies and a manifest.
pub(crate) const GENERATE: [&str; 10] = [
    "generate",
    "--reference-values",
    "simulated",
    "--simulator-dir",
    "../simulator",
    "--image-layout",
    "../images",
    "--image-replacements",
    "image-replacements.txt",
    "resources",
];

/// The shop, ready to be attested.
pub(crate) struct Shop {
    /// Everything that the demo leaves behind.
    pub(crate) directory: PathBuf,
    /// Where the programs are.
    pub(crate) programs: PathBuf,
    /// The deployment in it.
    pub(crate) deployment: Deployment,
    /// What `contrast generate` said.
    pub(crate) generated: Answer,
}

impl Shop {
    /// Copies the plain resources, makes their images, and has everything else generated.
    pub(crate) fn set_up(directory: &Path) -> Self {
        let deployment = Deployment::empty_in(directory);
        let source = workspace_root().join("deploy/demo");
        let resources = deployment.workspace.join("resources");
        for name in WORKLOADS {
            let file = format!("{name}.yml");
            let of_all = ["resources", ".."].map(|folder| source.join(folder).join(&file));
            let from = of_all.iter().find(|path| path.exists()).expect("deploy has all of them");
            fs::copy(from, resources.join(&file)).expect("resources can be copied");
        }
        let pinned = "image-replacements.txt";
        fs::copy(source.join(pinned), deployment.workspace.join(pinned)).expect("it can be copied");
        write_layout(&directory.join("images"), &demo_images());
        let generated = Answer::of(Answer::command(&deployment.workspace, GENERATE)).success();
        for name in WORKLOADS {
            let document = Generated::read(&resources.join(format!("{name}.yml"))).initdata();
            fs::write(deployment.policy_file(name), document).expect("policies can be written");
        }
        let programs = program("contrast").get_program().to_owned();
        Self {
            directory: directory.to_owned(),
            programs: Path::new(&programs).parent().expect("programs lie in a folder").to_owned(),
            deployment,
            generated,
        }
    }

    /// Who may set the first manifest, as the Coordinator's pod is told.
    pub(crate) fn initial_owners(&self) -> String {
        let file = self.deployment.workspace.join("resources/coordinator.yml");
        Generated::read(&file).variable("CONTRAST_INITIAL_OWNERS").expect("generate has written it")
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

    /// Gives a workload one more name in the manifest, as an owner does with an editor.
    pub(crate) fn add_name(&self, workload: &str, name: &str) {
        let path = self.deployment.manifest_path();
        let text = fs::read_to_string(&path).expect("generate has written it");
        let digest = policy_digest(&fs::read(self.deployment.policy_file(workload)).expect("it was written"));
        let (before, entry) = text.split_once(&digest).expect("the workload is in the manifest");
        let entry = entry.replacen("\"SANs\": [", &format!("\"SANs\": [\n        \"{name}\","), 1);
        fs::write(&path, format!("{before}{digest}{entry}")).expect("it can be written");
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
