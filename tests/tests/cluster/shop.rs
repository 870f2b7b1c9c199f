//! The Coordinator and the shop of `deploy`, on the simulated platform of a cluster.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use contrast_tests::{Containerd, OwnCluster, UnpackedRelease};
use serde_json::Value;

const DEPLOYMENTS: [&str; 4] = ["web", "stock", "orders", "visitors"];

/// The shop, set and running.
pub(crate) struct Shop {
    pub(crate) cluster: OwnCluster,
    pub(crate) release: UnpackedRelease,
}

impl Shop {
    /// On a cluster of its own: installs the platform on the node, and does what the handbook says.
    pub(crate) fn running() -> Self {
        let cluster = OwnCluster::up(Containerd::Two);
        let release = UnpackedRelease::new(&cluster.path("release"));
        release.bring_to(&cluster);
        let shop = Self { cluster, release };
        shop.install_runtime();
        shop.generate();
        let cluster = &shop.cluster;
        cluster.apply(&shop.text("coordinator.yml"));
        cluster.wait("pod/coordinator-0", "jsonpath={.status.containerStatuses[0].started}=true");
        shop.contrast(&["set", "-c", "kubernetes", "resources"]);
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
        let resources = self.release.resources("runtime-simulated.yml");
        self.cluster.apply(&fs::read_to_string(resources).unwrap());
        let of_contrast = ["-l", "app.kubernetes.io/part-of=contrast", "--timeout=180s"];
        let rollout = ["-n", "kube-system", "rollout", "status", "daemonset"];
        let output = self.cluster.try_kubectl(&[&rollout[..], &of_contrast[..]].concat());
        assert!(output.status.success(), "{}\n{}", text(&output), self.cluster.report());
    }

    fn generate(&self) {
        let resources = self.path("resources");
        fs::create_dir(&resources).unwrap();
        for name in ["coordinator.yml", "shop.yml"] {
            fs::copy(self.release.resources(name), resources.join(name)).unwrap();
        }
        let values = self.contrast(&["simulator", "reference-values", "-c", "kubernetes"]);
        fs::write(self.path("values.json"), values).unwrap();
        self.contrast(&[
            "generate",
            "--reference-values=simulated",
            "--reference-values-file=values.json",
            "resources",
        ]);
    }

    /// What the CLI prints, in the release's folder.
    pub(crate) fn contrast(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.try_contrast(arguments);
        assert!(output.status.success(), "{arguments:?}: {}\n{}", text(&output), self.cluster.report());
        output.stdout
    }

    /// The same, whether it succeeds or not.
    pub(crate) fn try_contrast(&self, arguments: &[&str]) -> Output {
        let mut command: Command = self.cluster.command("./contrast");
        command.args(arguments).current_dir(self.release.folder()).output().unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path("resources").join(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.release.folder().join(name)
    }
}

/// All that was printed.
pub(crate) fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}
