//! Three nodes: one that lets the guest pull images, one that shows their layers to it as devices, and one of the simulated platform.

use std::collections::{BTreeMap, BTreeSet};

use contrast_image::{Digest, Image as Read, Layout, Reference, RootHash, Wanted};
use contrast_policy::{
    Image, Layer, Settings,
    request::{Kind, Request},
};
use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Value, json};

use crate::{
    case::{Record, folder},
    runtime, unsupported,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    /// The guest pulls: the node's containerd has no layers, and so no users of images.
    Pull,
    /// The node has the images, as the recording one did.
    Layers,
    /// The node asks as if the guest pulled, and has the images all the same.
    Simulated,
}

impl Node {
    pub(crate) const ALL: [Self; 3] = [Self::Pull, Self::Layers, Self::Simulated];

    pub(crate) fn settings(self) -> Settings {
        let mut settings = match self {
            Self::Pull => Settings::default(),
            Self::Layers => Settings::of_layers(),
            Self::Simulated => Settings::of_simulation(),
        };
        // The recording node's root does not have it.
        settings.privileged_capabilities.remove("SYS_RESOURCE");
        // The recording node's pause image names no user.
        Settings { secrets_in_policy: true, pause_user: 0, ..settings }
    }

    pub(crate) fn images(self, spec: &PodSpec) -> BTreeMap<String, Image> {
        let layout = Layout::open(&folder().join("images")).unwrap();
        let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
        let names: BTreeSet<_> = containers.filter_map(|container| container.image.clone()).collect();
        let image = |name: &String| {
            let reference: Reference = name.parse().unwrap();
            let read = layout.image(&reference).unwrap();
            let mut image = Image {
                name: reference.to_string(),
                digest: reference.digest().unwrap().to_string(),
                config: read.config.clone(),
                ..Image::default()
            };
            if self != Self::Pull {
                let wanted = Wanted { accounts: true, root_hash: self == Self::Layers };
                let facts: Vec<_> = read.examine(&layout, wanted).unwrap();
                image.accounts = Some(Read::accounts_of(&facts).unwrap());
                let roots = facts.iter().filter_map(|facts| facts.root_hash);
                image.layers =
                    read.chain_ids().iter().zip(roots).map(|(chain, root)| Layer::new(chain, root)).collect();
            }
            image
        };
        names.iter().map(|name| (name.clone(), image(name))).collect()
    }

    pub(crate) fn pause(self) -> Image {
        let layer = Layer::new(&Digest::of(b"pause"), RootHash::of_data(&b"pause"[..]).unwrap());
        Image { name: "pause".to_owned(), layers: vec![layer], ..Image::default() }
    }

    /// The request for a recorded container.
    pub(crate) fn create(self, record: &Record, pod: &Value, case: &str, policy: &Value) -> Value {
        let (mut config, id) = (record.value["config"].clone(), record.value["id"].as_str().unwrap());
        unsupported::take_out_of_config(case, &record.container, &mut config);
        let mut pod = pod.clone();
        match self {
            Self::Pull => forget_users(&mut config, &pod, &record.container),
            Self::Simulated => {}
            // Folders of the node, like other volumes.
            Self::Layers => {
                for volume in pod["spec"]["volumes"].as_array_mut().into_iter().flatten() {
                    if volume["emptyDir"].is_object() && volume["emptyDir"]["medium"] != "Memory" {
                        volume.as_object_mut().unwrap().remove("emptyDir");
                    }
                }
            }
        }
        let mut input = runtime::create_container(&config, id, &pod).input();
        if self == Self::Layers {
            let wanted = if record.container.is_empty() {
                &policy["sandbox"]
            } else {
                &policy["containers"][&record.container]
            };
            show_layers(&mut input, id, &wanted["image"]["layers"]);
        }
        Request::read(Kind::CreateContainer, &input).unwrap().input()
    }

    /// The request for a further process in it.
    pub(crate) fn exec(self, record: &Record, pod: &Value) -> Value {
        let mut value = record.value.clone();
        if self == Self::Pull {
            forget_users(&mut value, pod, &record.container);
        }
        runtime::exec_process(&value["process"], value["id"].as_str().unwrap()).input()
    }
}

/// Groups as a containerd sends them that has no layers of the image: only those that the pod says itself.
fn forget_users(config: &mut Value, pod: &Value, container: &str) {
    if container.is_empty() {
        return;
    }
    let spec = &pod["spec"];
    let containers =
        ["initContainers", "containers"].iter().filter_map(|key| spec[*key].as_array()).flatten();
    let own = containers.into_iter().find(|other| other["name"] == container).unwrap();
    let of_pod = &spec["securityContext"];
    let gid = own["securityContext"]["runAsGroup"].as_u64().or(of_pod["runAsGroup"].as_u64()).unwrap_or(0);
    let mut groups = BTreeSet::from([gid]);
    groups.extend(of_pod["fsGroup"].as_u64());
    groups.extend(of_pod["supplementalGroups"].as_array().into_iter().flatten().filter_map(Value::as_u64));
    let user = &mut config["process"]["user"];
    user["gid"] = json!(gid);
    user["additionalGids"] = json!(groups);
}

/// Storages of a node that has the layers, which lie beside the shared files.
fn show_layers(input: &mut Value, id: &str, layers: &Value) {
    let root = format!("/run/kata-containers/shared/containers/{id}/rootfs");
    input["OCI"]["Root"]["Path"] = json!(root);
    let layers = layers.as_array().unwrap();
    let mut storages: Vec<Value> = input["storages"].as_array().unwrap().clone();
    storages.retain(|storage| storage["driver"] != "image_guest_pull");
    for (index, layer) in layers.iter().enumerate() {
        storages.push(json!({
            "driver": "blk", "source": format!("{:02x}", index + 1), "fstype": "tar",
            "mount_point": format!("/run/kata-containers/sandbox/layers/{}", layer["name"].as_str().unwrap()),
            "options": ["ro", "io.katacontainers.fs-opt.block_device=file", "io.katacontainers.fs-opt.is-layer",
                format!("io.katacontainers.fs-opt.root-hash={}", layer["root"].as_str().unwrap())],
        }));
    }
    let list = |key: &str| {
        layers.iter().rev().map(|layer| layer[key].as_str().unwrap()).collect::<Vec<_>>().join(":")
    };
    storages.push(json!({
        "driver": "overlayfs", "fstype": "fuse3.kata-overlay", "mount_point": root,
        "options": [list("name"), list("root")],
    }));
    input["storages"] = json!(storages);
}
