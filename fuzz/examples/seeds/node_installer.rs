//! Inputs for the target about nodes.

use std::error::Error;

use crate::write;

/// As they are found on nodes.
const CONFIGURATIONS: [(&str, &str); 3] = [
    ("aks", include_str!("../../../node-installer/src/containerd/document/samples/aks.toml")),
    ("k3s-v3", include_str!("../../../node-installer/src/containerd/document/samples/k3s-v3.toml")),
    ("one-line", include_str!("../../../node-installer/src/containerd/document/samples/one-line.toml")),
];

/// Configurations of containerd.
pub(crate) fn write_seeds() -> Result<(), Box<dyn Error>> {
    CONFIGURATIONS
        .into_iter()
        .try_for_each(|(name, text)| write("containerd_configuration", name, text.as_bytes()))
}
