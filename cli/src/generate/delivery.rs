//! How a policy gets into a pod, and what the hardware then says of it.

use base64::{Engine, prelude::BASE64_STANDARD};
use contrast_policy::{
    Policy,
    initdata::{ANNOTATION, Document, POLICY_ANNOTATION},
};
use contrast_resources::annotate;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::platform::Delivery;

/// A policy as it is handed to the guest.
pub(crate) struct Delivered {
    /// Its digest in the hardware's evidence, and its name in the manifest.
    pub(crate) digest: [u8; 32],
    key: &'static str,
    value: String,
}

/// Longest annotations of a pod, all together, in bytes of keys and values
/// (`k8s.io/apimachinery/pkg/api/validation`, `TotalAnnotationSizeLimitB`).
const MAX_ANNOTATIONS: usize = 256 * 1024;

impl Delivered {
    pub(crate) fn new(policy: &Policy, delivery: Delivery) -> Self {
        match delivery {
            Delivery::Annotation => Self {
                digest: Sha256::digest(policy.text()).into(),
                key: POLICY_ANNOTATION,
                value: BASE64_STANDARD.encode(policy.text()),
            },
            Delivery::Initdata => {
                let document = Document::of_policy(policy);
                Self { digest: document.digest(), key: ANNOTATION, value: document.annotation() }
            }
        }
    }

    /// Puts the policy on a pod template in place of the one that is there.
    ///
    /// # Errors
    /// A sentence, if the API server would refuse the pod.
    pub(crate) fn put_on(self, template: &mut Value) -> Result<[u8; 32], String> {
        for key in [ANNOTATION, POLICY_ANNOTATION] {
            if key != self.key {
                annotate(template, key, None);
            }
        }
        annotate(template, self.key, Some(&self.value));
        let annotations = template.pointer("/metadata/annotations").and_then(Value::as_object);
        let sizes = annotations
            .into_iter()
            .flatten()
            .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len));
        let size: usize = sizes.sum();
        if size > MAX_ANNOTATIONS {
            return Err(format!(
                "with its policy, the pod has {size} bytes of annotations, and Kubernetes takes at most {MAX_ANNOTATIONS}; make several pods of it, or shorten other annotations"
            ));
        }
        Ok(self.digest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delivered(key: &'static str, length: usize) -> Delivered {
        Delivered { digest: [1; 32], key, value: "a".repeat(length) }
    }

    #[test]
    fn a_policy_takes_the_place_of_the_one_that_was_there_in_whatever_form() {
        let mut template = json!({ "metadata": { "annotations": { POLICY_ANNOTATION: "old", "a": "b" } } });
        delivered(ANNOTATION, 3).put_on(&mut template).unwrap();
        assert_eq!(template["metadata"]["annotations"], json!({ ANNOTATION: "aaa", "a": "b" }));
        delivered(POLICY_ANNOTATION, 2).put_on(&mut template).unwrap();
        assert_eq!(template["metadata"]["annotations"], json!({ POLICY_ANNOTATION: "aa", "a": "b" }));
    }

    #[test]
    fn annotations_that_kubernetes_refuses_are_refused_here_first() {
        let most = MAX_ANNOTATIONS - ANNOTATION.len();
        assert!(delivered(ANNOTATION, most).put_on(&mut json!({})).is_ok());
        let error = delivered(ANNOTATION, most + 1).put_on(&mut json!({})).unwrap_err();
        assert!(error.contains("262145 bytes"), "{error}");
    }
}
