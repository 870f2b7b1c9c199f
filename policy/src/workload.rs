//! What a policy is made from.

use std::collections::BTreeMap;

use contrast_image::{Accounts, Config, Digest, RootHash};
use k8s_openapi::{
    api::core::v1::{ConfigMap, PersistentVolumeClaim, PodSpec, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::naming::Naming;

/// A pod, or the template of pods, and what it refers to.
#[derive(Clone, Copy)]
pub struct Workload<'a> {
    /// How its pods are named.
    pub naming: Naming<'a>,
    /// The namespace, if the object names one; otherwise it is the first that the node says.
    pub namespace: Option<&'a str>,
    /// Labels and annotations of the pods.
    pub metadata: &'a ObjectMeta,
    /// The specification of the pods.
    pub spec: &'a PodSpec,
    /// Claims that a StatefulSet makes for each pod.
    pub claim_templates: &'a [PersistentVolumeClaim],
    /// What is in the images, by the text that the specification names them by.
    pub images: &'a BTreeMap<String, Image>,
    /// The node's pause image, where layers are devices of the node; where the guest pulls, it has its own.
    pub pause: Option<&'a Image>,
    /// ConfigMaps of the same namespace by name, for variables.
    pub config_maps: &'a BTreeMap<String, ConfigMap>,
    /// Secrets of the same namespace by name, for variables.
    pub secrets: &'a BTreeMap<String, Secret>,
}

/// What a policy needs to know of an image.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    /// The name in full, with the digest.
    pub name: String,
    /// The digest in that name: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// What it runs, and as whom.
    pub config: Config,
    /// Users and groups, where [`crate::needs_users`] says that they count.
    pub accounts: Option<Accounts>,
    /// The layers, bottom first, where [`crate::needs_layers`] says that they count.
    pub layers: Vec<Layer>,
}

/// A layer that a node shows to the guest as a device, which is checked by dm-verity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Layer {
    name: String,
    root: String,
}

impl Layer {
    /// By its chain ID and the root hash of its device. The node names it by the SHA-256 of the former's text.
    #[must_use]
    pub fn new(chain_id: &Digest, root: RootHash) -> Self {
        Self { name: hex::encode(Sha256::digest(chain_id.to_string())), root: root.to_string() }
    }
}
