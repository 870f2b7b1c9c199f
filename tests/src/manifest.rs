//! Manifests for tests and the demo, until `contrast generate` writes them.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// A manifest that is being put together.
#[derive(Clone, Debug)]
pub struct ManifestFile {
    /// The JSON document; change it freely.
    pub json: Value,
}

/// SHA-256 of a policy, as it stands in a manifest and in a pod's host data; or of a key, as initial owners are named.
#[must_use]
pub fn policy_digest(policy: &[u8]) -> String {
    hex::encode(Sha256::digest(policy))
}

impl ManifestFile {
    /// A manifest for one entry of simulated reference values, without policies and owners.
    #[must_use]
    pub fn new(simulated: &Value) -> Self {
        Self {
            json: json!({
                "Policies": {},
                "ReferenceValues": { "simulated": [simulated] },
                "WorkloadOwnerPubKeys": [],
                "SeedshareOwnerPubKeys": [],
            }),
        }
    }

    /// Adds the Coordinator's policy.
    #[must_use]
    pub fn coordinator(self, policy: &[u8]) -> Self {
        self.policy(policy, json!({ "SANs": ["coordinator", "*"], "Role": "coordinator" }))
    }

    /// Adds a workload's policy.
    #[must_use]
    pub fn workload(self, policy: &[u8], name: &str, secret_id: Option<&str>) -> Self {
        let mut entry = json!({ "SANs": [name, "*"] });
        if let (Some(id), Some(entry)) = (secret_id, entry.as_object_mut()) {
            entry.insert("WorkloadSecretID".into(), id.into());
        }
        self.policy(policy, entry)
    }

    /// Adds a workload owner's public key (hex of the SubjectPublicKeyInfo DER).
    #[must_use]
    pub fn workload_owner(mut self, key: String) -> Self {
        push(&mut self.json, "WorkloadOwnerPubKeys", key);
        self
    }

    /// Adds a seed share owner's public key (hex of the PKCS#1 DER).
    #[must_use]
    pub fn seedshare_owner(mut self, key: String) -> Self {
        push(&mut self.json, "SeedshareOwnerPubKeys", key);
        self
    }

    /// Writes it as `contrast generate` would.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) {
        let text = serde_json::to_string_pretty(&self.json).expect("a JSON value has a text") + "\n";
        fs::write(path, text).expect("the manifest can be written");
    }

    fn policy(mut self, policy: &[u8], entry: Value) -> Self {
        let policies = self.json.get_mut("Policies").and_then(Value::as_object_mut);
        policies.unwrap_or(&mut Map::new()).insert(policy_digest(policy), entry);
        self
    }
}

fn push(json: &mut Value, list: &str, key: String) {
    json.get_mut(list).and_then(Value::as_array_mut).expect("the list is there").push(key.into());
}
