//! The example application, set up in a folder.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use contrast_tests::{
    Answer, Coordinator, Deployment, Generated, Pod, image_replacements, policy_digest, program,
    project_images, workspace_root, write_layout,
};

use crate::spec::RENEWAL;

/// The services, each a pod. Whoever asks another one comes after it.
pub(crate) const SERVICES: [&str; 4] = ["stock", "orders", "web", "visitors"];

/// The one service whose certificate is not replaced while it runs, so that there is something to see.
pub(crate) const NOT_RENEWING: &str = "orders";

/// Resources of the Coordinator.
const COORDINATOR: &str = "resources/coordinator.yml";
/// Resources of the application.
pub(crate) const APPLICATION: &str = "resources/shop.yml";

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
        let workspace = &deployment.workspace;
        for file in [COORDINATOR, APPLICATION] {
            let from = workspace_root().join(file.replace("resources", "deploy"));
            let plain = fs::read_to_string(from).expect("resources can be read");
            let plain = if file == APPLICATION { without_renewal(&plain, NOT_RENEWING) } else { plain };
            fs::write(workspace.join(file), plain).expect("resources can be written");
        }
        let images = project_images();
        write_layout(&directory.join("images"), &images);
        fs::write(workspace.join("image-replacements.txt"), image_replacements(&images))
            .expect("it can be written");
        let generated = Answer::of(Answer::command(workspace, GENERATE)).success();
        let services = SERVICES.map(|name| (name, Generated::named(&workspace.join(APPLICATION), name)));
        let coordinator = ("coordinator", Generated::read(&workspace.join(COORDINATOR)));
        for (name, pod) in services.into_iter().chain([coordinator]) {
            fs::write(deployment.policy_file(name), pod.initdata()).expect("policies can be written");
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
        Generated::read(&self.deployment.workspace.join(COORDINATOR))
            .variable("CONTRAST_INITIAL_OWNERS")
            .expect("generate has written it")
    }

    /// The command that starts the Coordinator at an address of this machine.
    pub(crate) fn coordinator_command(&self, address: Ipv4Addr) -> Command {
        let Deployment { state_dir, simulator, .. } = &self.deployment;
        Coordinator::command_at(address, state_dir, simulator, &self.deployment.policy_file("coordinator"))
    }

    /// Where the initializer of a pod put its files.
    pub(crate) fn tls_dir(&self, name: &str) -> PathBuf {
        self.directory.join("pods").join(name)
    }

    /// Names, modes and sizes of what the initializer of a pod wrote.
    pub(crate) fn files_of(&self, name: &str) -> String {
        let entries = fs::read_dir(self.tls_dir(name)).expect("the initializer made it");
        let mut lines: Vec<String> = entries
            .filter_map(|entry| {
                let path = entry.expect("it can be listed").path();
                let about = fs::metadata(&path).expect("it is there");
                let mode = about.permissions().mode() & 0o777;
                let name = path.file_name()?.display();
                // Names are links into a folder.
                about.is_file().then(|| format!("{mode:04o} {:>6} bytes  {name}", about.len()))
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

/// The application's resources, where one workload has no annotation that asks for renewal.
fn without_renewal(resources: &str, workload: &str) -> String {
    let line = format!("        contrast.edgeless.systems/{RENEWAL}: \"true\"\n");
    let (before, of_it) = resources
        .split_once(&format!("kind: Deployment\nmetadata:\n  name: {workload}\n"))
        .expect("it is there");
    let without = of_it.replacen(&line, "", 1);
    let text = format!("{before}kind: Deployment\nmetadata:\n  name: {workload}\n{without}");
    assert_eq!(text.len() + line.len(), resources.len(), "its annotation is one line");
    text
}
