//! What is remembered between two calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::PodPolicy;

/// Of this form, and no other.
const VERSION: u32 = 1;

/// What is remembered of a pod.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    /// Identifier of the sandbox.
    pub sandbox: String,
    /// Host data of its evidence, in hexadecimal digits.
    pub host_data: String,
    /// SHA-256 of the policy, in hexadecimal digits.
    pub policy: String,
    /// What the policy remembers.
    pub memory: Value,
    /// Volumes and disks that were seen, by their path or numbers on the node.
    pub known: BTreeMap<String, Known>,
}

/// A volume or a disk. What it was at first, it stays: containers can change a folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its number in the pod, from 1.
    pub number: u32,
    /// Whether it lies in memory.
    pub in_memory: bool,
    /// The group that it belongs to.
    pub group: Option<u32>,
}

impl State {
    /// Of a pod that was just made.
    pub(super) fn new(sandbox: &str, policy: &PodPolicy) -> Self {
        Self {
            version: VERSION,
            sandbox: sandbox.to_owned(),
            host_data: hex::encode(policy.host_data),
            policy: hex::encode(Sha256::digest(&policy.text)),
            memory: json!({}),
            known: BTreeMap::new(),
        }
    }

    /// Of a file; otherwise what is wrong with it.
    pub(super) fn read(bytes: &[u8], sandbox: &str) -> Result<Self, String> {
        let state: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if state.version != VERSION {
            return Err(format!("it has version {}", state.version));
        }
        if state.sandbox != sandbox {
            return Err("it is of another pod".to_owned());
        }
        Ok(state)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        // Maps with keys of other kinds, the one thing that cannot be written, there are none.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
