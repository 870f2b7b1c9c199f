//! Which policies a serving Coordinator may give the seed to.
//!
//! A workload owner writes the manifest: which policies have the role of the Coordinator, and which hardware counts.
//! Whoever writes both could name a Coordinator of their own. So only what has stood there since the first manifest
//! is entitled by itself; everything else needs the consent of a seed share owner ([`crate::SeedConsent`]).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::ManifestDocument;

/// What of a manifest decides who could be given the seed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeedGrounds {
    /// The policies with the role of the Coordinator, ascending; never empty.
    pub coordinators: Vec<[u8; 32]>,
    /// SHA-256 of the text of `ReferenceValues` as it stands in the manifest: another space makes it another one.
    pub reference_values: [u8; 32],
}

impl SeedGrounds {
    /// The grounds of a manifest.
    #[must_use]
    pub fn of(document: &ManifestDocument) -> Self {
        #[derive(Deserialize)]
        struct Top<'a> {
            #[serde(rename = "ReferenceValues", borrow)]
            reference_values: Option<&'a RawValue>,
        }
        // A valid manifest has this member, once.
        let top = serde_json::from_slice::<Top<'_>>(document.bytes()).ok();
        let text = top.and_then(|top| top.reference_values).map_or("", RawValue::get);
        Self {
            coordinators: document.manifest().coordinator_policies().collect(),
            reference_values: Sha256::digest(text).into(),
        }
    }
}

/// Who may be given the seed, after some events. It grows with the current manifest, not with the history.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SeedAccess {
    manifests: bool,
    reference_values: Option<[u8; 32]>,
    /// Whether each policy with the role of the Coordinator is entitled.
    coordinators: BTreeMap<[u8; 32], bool>,
}

/// Why consent does not change anything.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConsentFault {
    /// A policy is not the Coordinator's in the current manifest.
    #[error(
        "policy {} does not have the role `coordinator` in the current manifest, as far as its history says",
        hex::encode(.0)
    )]
    NotACoordinator([u8; 32]),
    /// All of the policies may have the seed already.
    #[error("each of the policies may be given the seed already")]
    NotNeeded,
}

impl SeedAccess {
    /// Takes in the next manifest. What the one before entitled stays entitled if it has the role without a break and
    /// the reference values are the same. `None`: an older release wrote the event, which does not say.
    pub fn manifest_set(&mut self, grounds: Option<&SeedGrounds>) {
        let same_hardware =
            grounds.is_some_and(|grounds| self.reference_values == Some(grounds.reference_values));
        if same_hardware && grounds.is_some_and(|grounds| self.coordinators.keys().eq(&grounds.coordinators))
        {
            // By far the most frequent case, and replaying a long history is made of it.
            return;
        }
        let before = std::mem::replace(self, Self { manifests: true, ..Self::default() });
        let Some(grounds) = grounds else { return };
        let entitled = |policy| !before.manifests || same_hardware && before.may_have_seed(policy);
        self.reference_values = Some(grounds.reference_values);
        self.coordinators = grounds.coordinators.iter().map(|policy| (*policy, entitled(policy))).collect();
    }

    /// Takes in the consent to give the seed to `policies`.
    ///
    /// # Errors
    /// [`ConsentFault`]; nothing has changed then.
    pub fn consent(&mut self, policies: &[[u8; 32]]) -> Result<(), ConsentFault> {
        let mut needed = false;
        for policy in policies {
            needed |= !self.coordinators.get(policy).ok_or(ConsentFault::NotACoordinator(*policy))?;
        }
        if !needed {
            return Err(ConsentFault::NotNeeded);
        }
        for policy in policies {
            self.coordinators.insert(*policy, true);
        }
        Ok(())
    }

    /// Whether a pod under this policy may be given the seed, once its evidence is accepted.
    #[must_use]
    pub fn may_have_seed(&self, policy: &[u8; 32]) -> bool {
        self.coordinators.get(policy) == Some(&true)
    }

    /// The policies with the role of the Coordinator that still need consent, ascending.
    pub fn without_consent(&self) -> impl Iterator<Item = [u8; 32]> + '_ {
        self.coordinators.iter().filter(|(_, entitled)| !**entitled).map(|(policy, _)| *policy)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grounds(policies: &[u8], hardware: u8) -> SeedGrounds {
        let coordinators = policies.iter().map(|byte| [*byte; 32]).collect();
        SeedGrounds { coordinators, reference_values: [hardware; 32] }
    }

    fn after(manifests: &[SeedGrounds]) -> SeedAccess {
        let mut access = SeedAccess::default();
        manifests.iter().for_each(|grounds| access.manifest_set(Some(grounds)));
        access
    }

    #[test]
    fn what_the_first_manifest_names_is_entitled_as_long_as_it_stays() {
        let access = after(&[grounds(&[1, 2], 9), grounds(&[1, 3], 9)]);
        assert!(access.may_have_seed(&[1; 32]));
        assert!(!access.may_have_seed(&[2; 32]) && !access.may_have_seed(&[3; 32]));
        let back = after(&[grounds(&[1, 2], 9), grounds(&[1], 9), grounds(&[1, 2], 9)]);
        assert!(!back.may_have_seed(&[2; 32]), "it was away, and somebody brought it back");
    }

    #[test]
    fn other_reference_values_entitle_nobody() {
        let access = after(&[grounds(&[1], 9), grounds(&[1], 8)]);
        assert_eq!(access.without_consent().collect::<Vec<_>>(), [[1; 32]]);
        let back = after(&[grounds(&[1], 9), grounds(&[1], 8), grounds(&[1], 9)]);
        assert!(!back.may_have_seed(&[1; 32]));
    }

    #[test]
    fn consent_holds_until_the_policy_or_the_hardware_changes() {
        let mut access = after(&[grounds(&[1], 9), grounds(&[1, 2], 9)]);
        assert_eq!(access.consent(&[[1; 32]]), Err(ConsentFault::NotNeeded));
        assert_eq!(access.consent(&[[2; 32], [4; 32]]), Err(ConsentFault::NotACoordinator([4; 32])));
        assert!(!access.may_have_seed(&[2; 32]), "refused consent changes nothing");
        access.consent(&[[1; 32], [2; 32]]).unwrap();
        assert!(access.may_have_seed(&[2; 32]));
        access.manifest_set(Some(&grounds(&[2, 3], 9)));
        assert!(access.may_have_seed(&[2; 32]) && !access.may_have_seed(&[3; 32]));
        access.manifest_set(Some(&grounds(&[2], 7)));
        assert!(!access.may_have_seed(&[2; 32]));
    }

    #[test]
    fn a_history_that_does_not_say_entitles_nobody() {
        let mut access = SeedAccess::default();
        access.manifest_set(None);
        access.manifest_set(Some(&grounds(&[1], 9)));
        assert!(!access.may_have_seed(&[1; 32]));
        access.consent(&[[1; 32]]).unwrap();
        access.manifest_set(None);
        assert!(!access.may_have_seed(&[1; 32]));
    }

    proptest! {
        #[test]
        fn nothing_is_entitled_without_consent_that_was_not_in_every_manifest(
            manifests in proptest::collection::vec((proptest::collection::btree_set(0..4_u8, 1..4), 0..2_u8), 1..8),
        ) {
            let grounds: Vec<_> = manifests
                .iter()
                .map(|(policies, hardware)| grounds(&policies.iter().copied().collect::<Vec<_>>(), *hardware))
                .collect();
            let access = after(&grounds);
            for policy in 0..4_u8 {
                let always = manifests.iter().all(|(policies, hardware)| {
                    policies.contains(&policy) && Some(*hardware) == manifests.first().map(|first| first.1)
                });
                prop_assert_eq!(access.may_have_seed(&[policy; 32]), always);
            }
        }
    }
}
