//! The policy of a pod, in an annotation of its sandbox.

use contrast_policy::initdata::{
    self, ANNOTATION, AnnotationError, DocumentError, MAX_DOCUMENT_LEN, POLICY_ANNOTATION,
};
use sha2::{Digest as _, Sha256};

use crate::configuration::Configuration;

/// A policy, and what evidence says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PodPolicy {
    /// Its text.
    pub text: String,
    /// SHA-256 of what the annotation holds.
    pub host_data: [u8; 32],
}

/// A pod without a policy that can be enforced.
#[derive(thiserror::Error, Debug)]
pub enum PolicyError {
    /// There is none.
    #[error(
        "the pod has no policy: neither annotation, {ANNOTATION} or {POLICY_ANNOTATION}, is there; run `contrast generate --reference-values \
         simulated` on its resources and apply what comes out"
    )]
    None,
    /// There are two, and nobody can say which is meant.
    #[error(
        "the pod has two policies, in the annotations {ANNOTATION} and {POLICY_ANNOTATION}; remove the one that is not meant, or \
         run `contrast generate` again"
    )]
    Two,
    /// It cannot be taken out of the annotation.
    #[error("{0}; run `contrast generate` again")]
    Annotation(#[from] AnnotationError),
    /// It cannot be taken out of the document.
    #[error("{0}; run `contrast generate` again")]
    Document(#[from] DocumentError),
    /// It is longer than an annotation can hold.
    #[error("the policy has more than {MAX_DOCUMENT_LEN} bytes; run `contrast generate` again")]
    TooLong,
}

impl PodPolicy {
    /// That of a sandbox.
    ///
    /// # Errors
    /// If there is none, or more than one, or it cannot be read.
    pub fn of(configuration: &Configuration) -> Result<Self, PolicyError> {
        let annotation = |key: &str| configuration.annotation(key);
        match (annotation(ANNOTATION), annotation(POLICY_ANNOTATION)) {
            (None, None) => Err(PolicyError::None),
            (Some(_), Some(_)) => Err(PolicyError::Two),
            (Some(value), None) => {
                let document = initdata::document_of_annotation(value)?;
                let text = initdata::policy_of_document(&document)?;
                Ok(Self { text, host_data: Sha256::digest(&document).into() })
            }
            (None, Some(value)) => {
                let bytes = initdata::policy_of_annotation(value)?;
                if bytes.len() as u64 > MAX_DOCUMENT_LEN {
                    return Err(PolicyError::TooLong);
                }
                let host_data = Sha256::digest(&bytes).into();
                let text = String::from_utf8(bytes).map_err(|_| DocumentError::NotText)?;
                Ok(Self { text, host_data })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use contrast_policy::initdata::Document;
    use serde_json::json;

    use super::*;

    const REGO: &str = "package agent_policy\n";

    fn of(annotations: &[(&str, &str)]) -> Result<PodPolicy, PolicyError> {
        let annotations: BTreeMap<_, _> = annotations.iter().copied().collect();
        PodPolicy::of(
            &Configuration::parse(json!({ "annotations": annotations }).to_string().as_bytes()).unwrap(),
        )
    }

    #[test]
    fn host_data_is_the_digest_of_what_the_annotation_holds() {
        let document = Document::new(&BTreeMap::from([("policy.rego".to_owned(), REGO.to_owned())]));
        let found = of(&[(ANNOTATION, &document.annotation())]).unwrap();
        assert_eq!((found.text.as_str(), found.host_data), (REGO, document.digest()));
        let found = of(&[(POLICY_ANNOTATION, &BASE64_STANDARD.encode(REGO))]).unwrap();
        assert_eq!((found.text.as_str(), found.host_data), (REGO, Sha256::digest(REGO).into()));
    }

    #[test]
    fn a_pod_without_a_policy_or_with_two_is_refused_with_what_to_do() {
        let none = of(&[("a", "b")]).unwrap_err().to_string();
        assert!(none.contains("contrast generate --reference-values simulated"), "{none}");
        let two = of(&[(ANNOTATION, "a"), (POLICY_ANNOTATION, "b")]).unwrap_err().to_string();
        assert!(two.contains("two policies"), "{two}");
        for damaged in ["", "%", "AAAA"] {
            assert!(of(&[(ANNOTATION, damaged)]).is_err(), "{damaged}");
        }
        assert!(of(&[(POLICY_ANNOTATION, "%")]).is_err());
        assert!(of(&[(POLICY_ANNOTATION, "/w==")]).is_err());
    }
}
