//! What a runtime makes of an OCI runtime configuration before it asks the agent for the container: that of the simulated platform, which
//! asks what Kata's runtime asks for on a node that lets guests pull images.
//!
//! The configuration is as containerd writes it. What the runtime would see of volumes on the node is taken from the pod.

use contrast_policy::request::Request;
use contrast_simulated_runtime::requests::{self, Disks, Volume};
use serde_json::Value;

/// The request for a container, from its configuration, its identifier, and the pod as the API server shows it.
pub(crate) fn create_container(config: &Value, id: &str, pod: &Value) -> Request {
    let bundle = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}");
    requests::create_container(config, id, &bundle, &mut OfPod { pod, devices: 0 }).unwrap()
}

/// The request for a further process, from its description.
pub(crate) fn exec_process(process: &Value, container: &str) -> Request {
    requests::exec_process(process, container, "exec").unwrap()
}

/// What volumes are, as the pod says.
struct OfPod<'a> {
    pod: &'a Value,
    devices: usize,
}

impl Disks for OfPod<'_> {
    fn volume(&mut self, source: &str) -> Option<Volume> {
        let (_, name) = source.split_once("/kubernetes.io~empty-dir/")?;
        let volumes = self.pod["spec"]["volumes"].as_array()?;
        let index = volumes.iter().position(|volume| volume["name"] == name)?;
        let kind = volumes[index]["emptyDir"].as_object()?;
        let group = self.pod["spec"]["securityContext"]["fsGroup"].as_u64();
        let group = group.map(|group| group.try_into().unwrap());
        Some(match kind.get("medium").is_some_and(|medium| medium == "Memory") {
            true => Volume::Memory { name: name.to_owned(), group },
            false => Volume::Disk { address: format!("{:02x}", index + 1), group },
        })
    }

    fn device(&mut self, _device: &Value) -> String {
        self.devices += 1;
        format!("01/{:02x}", self.devices + 1)
    }
}
