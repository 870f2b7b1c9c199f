//! The Coordinator and the shop of `deploy`, on the simulated platform of a cluster.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use contrast_tests::{Cluster, program, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::images::Images;

const HANDLER: &str = "contrast-cc-simulated-00000000";
const DEPLOYMENTS: [&str; 4] = ["web", "stock", "orders", "visitors"];

/// The shop, set and running.
pub(crate) struct Shop {
    pub(crate) cluster: Cluster,
    pub(crate) images: Images,
    workspace: TempDir,
}

impl Shop {
    /// Installs the platform on the cluster's node, and does what the handbook says.
    pub(crate) fn running_on(cluster: Cluster) -> Self {
        let workspace = tempfile::Builder::new().prefix("contrast-cluster-").tempdir().unwrap();
        let images = Images::on(&cluster, &workspace.path().join("images"));
        let shop = Self { cluster, images, workspace };
        shop.install_runtime();
        shop.generate();
        let cluster = &shop.cluster;
        cluster.apply(&shop.text("coordinator.yml"));
        cluster.wait("pod/coordinator-0", "jsonpath={.status.containerStatuses[0].started}=true");
        cluster.wait("service/coordinator", "jsonpath={.status.loadBalancer.ingress[0].ip}");
        let address = cluster.kubectl(&[
            "get",
            "service",
            "coordinator",
            "-o",
            "jsonpath={.status.loadBalancer.ingress[0].ip}",
        ]);
        shop.contrast(&["set", "-c", &address, "resources"]);
        cluster.apply(&shop.text("shop.yml"));
        for deployment in DEPLOYMENTS {
            cluster.wait_for_rollout(&format!("deployment/{deployment}"));
        }
        shop
    }

    /// A template of the shop's Deployments, after `generate`.
    pub(crate) fn template(&self, deployment: &str) -> Value {
        let yaml = self.text("shop.yml");
        let file = contrast_resources::File::read("shop.yml", yaml.into_bytes()).unwrap();
        let documents = file.documents();
        let found = documents
            .iter()
            .map(|document| document.value())
            .find(|value| value["kind"] == "Deployment" && value["metadata"]["name"] == deployment);
        found.unwrap()["spec"]["template"].clone()
    }

    fn install_runtime(&self) {
        let path = workspace_root().join("deploy/runtime-simulated.yml");
        self.cluster.apply(&self.images.pinned_in(&fs::read_to_string(path).unwrap()));
        let installer = format!("{HANDLER}-nodeinstaller");
        let rollout = ["-n", "kube-system", "rollout", "status", "--timeout=180s"];
        let output = self.cluster.try_kubectl(&[&rollout[..], &[&format!("daemonset/{installer}")]].concat());
        assert!(output.status.success(), "{}\n{}", text(&output), self.cluster.report());
    }

    fn generate(&self) {
        let resources = self.path("resources");
        fs::create_dir(&resources).unwrap();
        for name in ["coordinator.yml", "shop.yml"] {
            fs::copy(workspace_root().join("deploy").join(name), resources.join(name)).unwrap();
        }
        let nodes = self.cluster.kubectl(&["get", "nodes", "-o", "json"]);
        let nodes: Value = serde_json::from_str(&nodes).unwrap();
        let annotations = &nodes["items"][0]["metadata"]["annotations"];
        let value = annotations["contrast.edgeless.systems/simulated-reference-value"].as_str().unwrap();
        let value: Value = serde_json::from_str(value).unwrap();
        fs::write(self.path("values.json"), json!({ HANDLER: { "simulated": [value] } }).to_string())
            .unwrap();
        self.images.write_table(&self.path("images.txt"));
        let mut arguments = vec![
            "generate".to_owned(),
            "--reference-values=simulated".to_owned(),
            format!("--reference-values-file={}", self.path("values.json").display()),
            format!("--image-replacements={}", self.path("images.txt").display()),
        ];
        arguments.extend(
            self.images
                .0
                .keys()
                .map(|name| format!("--image-layout={}", self.path("images").join(name).display())),
        );
        arguments.push("resources".to_owned());
        self.contrast(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn contrast(&self, arguments: &[&str]) {
        let mut command: Command = self.cluster.command(program("contrast").get_program());
        command.arg("--workspace-dir").arg(self.workspace.path()).args(arguments);
        let output = command.current_dir(self.workspace.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}\n{}", text(&output), self.cluster.report());
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path("resources").join(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workspace.path().join(name)
    }
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}
