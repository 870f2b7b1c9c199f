//! The commands of docs/deploying.md, as they stand there: `contrast` and `helm` are the real programs, a Coordinator on this machine
//! stands for the one in the cluster, and of `kubectl` and `curl` only the files that they are given are looked at.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use contrast_tests::{
    Answer, ContainerImage, Coordinator, Deployment, Generated, helm,
    page::{Part, parts},
    program, workspace_root, write_layout,
};
use serde_json::{Value, json};

/// A folder as the manual's reader has it, with `deploy` in it.
struct Reader {
    deployment: Deployment,
    _folder: tempfile::TempDir,
}

/// Succeeds if every file exists that is named by an option.
const STAND_IN: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        -f | --cacert) [ -e "$2" ] || { echo "there is no $2" >&2; exit 1; } ;;
    esac
    shift
done
"#;

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let deployment = Deployment::empty_in(folder.path());
        let workspace = &deployment.workspace;
        fs::remove_dir(workspace.join("resources")).unwrap();
        std::os::unix::fs::symlink(workspace_root().join("deploy"), workspace.join("deploy")).unwrap();
        // What a release has built in.
        let images = ["coordinator", "initializer", "service-mesh-proxy", "shop"].map(|name| {
            let process = json!({ "Entrypoint": [format!("/usr/bin/{name}")] });
            ContainerImage::new(&format!("ghcr.io/edgelesssys/contrast/{name}:latest"), process)
        });
        write_layout(&folder.path().join("images"), &images);
        let lines = images.iter().map(|image| format!("{} = {}\n", image.name, image.pinned()));
        fs::write(folder.path().join("images.txt"), lines.collect::<String>()).unwrap();
        let settings = "[generate]\nimage-layout = [\"../images\"]\nimage-replacements = \"../images.txt\"\nsimulator-dir = \"../simulator\"\n";
        fs::write(workspace.join("contrast.toml"), settings).unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["kubectl", "curl"] {
            script(&bin.join(name), STAND_IN);
        }
        if let Some(helm) = helm() {
            // Built from source, it takes the cluster for an old one.
            let text = "#!/bin/sh\ncommand=$1; shift\nexec HELM \"$command\" --kube-version 1.37 \"$@\"\n";
            script(&bin.join("helm"), &text.replace("HELM", helm.get_program().to_str().unwrap()));
        }
        std::os::unix::fs::symlink(program("contrast").get_program(), bin.join("contrast")).unwrap();
        Self { deployment, _folder: folder }
    }

    /// Runs one block of the manual.
    fn run(&self, block: &str, address: &str) {
        let workspace = &self.deployment.workspace;
        let bin = workspace.parent().unwrap().join("bin");
        let block = block.replace("ADDRESS", address).replace("metal-qemu-snp", "simulated");
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &block]).current_dir(workspace).env("HOME", workspace);
        command.env("CONTRAST_CACHE_DIR", workspace.join("../cache"));
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        let answer = Answer::of(command);
        assert_eq!(answer.code, 0, "{block}\n{}{}", answer.stdout, answer.stderr);
    }

    /// Starts the Coordinator that `generate` has made of the resources.
    fn start(&self) -> Coordinator {
        let resources = Generated::read(&self.deployment.workspace.join("resources/coordinator.yml"));
        fs::write(self.deployment.policy_file("coordinator"), resources.initdata()).unwrap();
        let mut command = self.deployment.coordinator_command();
        let owners = resources.variable("CONTRAST_INITIAL_OWNERS").unwrap();
        command.env("CONTRAST_INITIAL_OWNERS", owners);
        Coordinator::start(command)
    }

    /// Changes one of the files.
    fn change(&self, name: &str, change: impl Fn(&str) -> String) {
        let path = self.deployment.workspace.join(name);
        let before = fs::read_to_string(&path).unwrap();
        let after = change(&before);
        assert_ne!(before, after);
        fs::write(path, after).unwrap();
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The blocks of commands below a heading.
fn blocks(heading: &str) -> Vec<String> {
    let manual = fs::read_to_string(workspace_root().join("docs/deploying.md")).unwrap();
    let section = |part: &Part| matches!(part, Part::Heading { level: 2, text } if text == heading);
    let after = parts(&manual).into_iter().skip_while(|part| !section(part)).skip(1);
    let within = after.take_while(|part| !matches!(part, Part::Heading { level: 2, .. }));
    let blocks: Vec<_> = within
        .filter_map(|part| match part {
            Part::Step(step) => Some(step.commands),
            _ => None,
        })
        .collect();
    assert!(!blocks.is_empty(), "{heading}");
    blocks
}

/// Gives the pods of `web` one more name, as the manual says.
fn with_address(manifest: &str) -> String {
    let mut manifest: Value = serde_json::from_str(manifest).unwrap();
    let entries = manifest["Policies"].as_object_mut().unwrap().values_mut();
    for names in entries.map(|entry| entry["SANs"].as_array_mut().unwrap()) {
        if names.first().is_some_and(|name| name == "web") {
            names.push("192.0.2.7".into());
        }
    }
    manifest.to_string()
}

#[test]
fn a_deployment_is_made_used_restarted_and_updated_as_the_manual_says() {
    let reader = Reader::new();
    let first = blocks("From plain YAML to a deployment");
    let [generate, apply, set, look, by_address, set_again] = &<[String; 6]>::try_from(first).unwrap();
    reader.run(generate, "");
    reader.run(apply, "");
    let coordinator = reader.start();
    let address = coordinator.user_api.to_string();
    for block in [set, look, by_address] {
        reader.run(block, &address);
    }
    reader.change("manifest.json", with_address);
    reader.run(set_again, &address);
    coordinator.kill();

    let coordinator = reader.start();
    let address = coordinator.user_api.to_string();
    blocks("After a restart").iter().for_each(|block| reader.run(block, &address));
    assert_eq!(coordinator.ops.get("/probe/readiness").0, 200);

    reader.change("resources/shop.yml", |text| {
        text.replace(r#"["visitors"]"#, r#"["visitors", "--pause=50"]"#)
    });
    blocks("An update").iter().for_each(|block| reader.run(block, &address));
    for heading in ["Without a load balancer", "Watching it", "The Coordinator's resources"] {
        blocks(heading).iter().for_each(|block| reader.run(block, &address));
    }
}

#[test]
fn a_chart_is_rendered_and_made_ready_as_the_manual_says() {
    if helm().is_none() {
        return;
    }
    let reader = Reader::new();
    fs::create_dir(reader.deployment.workspace.join("resources")).unwrap();
    // The other way ends in a cluster; the tests of `generate` go it as far as `helm template` does.
    reader.run(&blocks("With Helm")[0], "");
    let manifest = fs::read(reader.deployment.manifest_path()).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["Policies"].as_object().unwrap().len(), 5);
}
