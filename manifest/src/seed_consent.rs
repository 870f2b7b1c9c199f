//! A seed share owner's consent to give the seed to a policy.

use std::fmt::Write;

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::SeedShareOwner;

/// Separates this signature from all others that the same key makes, in TLS for example.
const LABEL: &str = "contrast seed consent v1";

/// "A Coordinator under these policies, which the manifest of this transition names, may be given the seed."
///
/// The transition covers the manifest, so also the hardware that counts, and every manifest before it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeedConsent {
    /// The transition that made the manifest the current one.
    #[serde(with = "hex::serde")]
    pub transition: [u8; 32],
    /// The policies, ascending; at least one.
    #[serde(serialize_with = "hex_list", deserialize_with = "from_hex_list")]
    pub policies: Vec<[u8; 32]>,
    /// SHA-256 of the owner's key (DER RSAPublicKey).
    #[serde(with = "hex::serde")]
    pub owner: [u8; 32],
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and 32 bytes of salt (RFC 8017, 8.1) over [`SeedConsent::text`].
    #[serde(with = "hex::serde")]
    pub signature: Vec<u8>,
}

impl SeedConsent {
    /// What is signed, as a text that `openssl dgst` and hardware modules can sign: a line with the label, a line
    /// with the transition, and a line for each policy.
    #[must_use]
    pub fn text(transition: &[u8; 32], policies: &[[u8; 32]]) -> String {
        let mut text = format!("{LABEL}\ntransition {}\n", hex::encode(transition));
        for policy in policies {
            // Writing to a string does not fail.
            let _ = writeln!(text, "policy {}", hex::encode(policy));
        }
        text
    }

    /// Whether the policies are in the one order that a consent has, and the signature is that of the owner, who is
    /// one of `owners`.
    #[must_use]
    pub fn is_signed_by_one_of(&self, owners: &[SeedShareOwner]) -> bool {
        let ordered = !self.policies.is_empty() && self.policies.is_sorted_by(|before, after| before < after);
        let owner = owners.iter().find(|owner| owner.digest() == self.owner);
        ordered && owner.is_some_and(|owner| self.is_signed_by(owner))
    }

    fn is_signed_by(&self, owner: &SeedShareOwner) -> bool {
        let text = Self::text(&self.transition, &self.policies);
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, owner.pkcs1_der());
        key.verify(text.as_bytes(), &self.signature).is_ok()
    }
}

fn hex_list<S: Serializer>(digests: &[[u8; 32]], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(digests.iter().map(hex::encode))
}

fn from_hex_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[u8; 32]>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let digest = |text: String| {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map(|()| digest).map_err(D::Error::custom)
    };
    texts.into_iter().map(digest).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::SeedShareOwnerKey;

    fn key() -> &'static SeedShareOwnerKey {
        static KEY: OnceLock<SeedShareOwnerKey> = OnceLock::new();
        KEY.get_or_init(|| SeedShareOwnerKey::generate().unwrap())
    }

    fn owners() -> Vec<SeedShareOwner> {
        vec![key().owner().clone()]
    }

    #[test]
    fn the_text_is_the_documented_one() {
        let text = SeedConsent::text(&[1; 32], &[[2; 32], [3; 32]]);
        let [one, two, three] = ["01", "02", "03"].map(|byte| byte.repeat(32));
        assert_eq!(
            text,
            format!("contrast seed consent v1\ntransition {one}\npolicy {two}\npolicy {three}\n")
        );
    }

    #[test]
    fn consent_is_good_for_exactly_what_was_signed() {
        let consent = key().consent([1; 32], vec![[2; 32], [3; 32]]).unwrap();
        assert!(consent.is_signed_by_one_of(&owners()));
        let changed: [fn(&mut SeedConsent); 6] = [
            |consent| consent.transition = [9; 32],
            |consent| consent.policies = vec![[2; 32]],
            |consent| consent.policies.push([4; 32]),
            |consent| consent.policies.reverse(),
            |consent| consent.owner = [9; 32],
            |consent| consent.signature[0] ^= 1,
        ];
        for change in changed {
            let mut other = consent.clone();
            change(&mut other);
            assert!(!other.is_signed_by_one_of(&owners()), "{other:?}");
        }
        assert!(!consent.is_signed_by_one_of(&[]));
    }

    #[test]
    fn consent_without_policies_or_with_one_twice_is_none() {
        for policies in [vec![], vec![[2; 32], [2; 32]], vec![[3; 32], [2; 32]]] {
            let consent = key().consent([1; 32], vec![]).unwrap();
            assert!(!SeedConsent { policies, ..consent }.is_signed_by_one_of(&owners()));
        }
    }

    #[test]
    fn a_consent_survives_its_file() {
        let consent = key().consent([1; 32], vec![[2; 32]]).unwrap();
        let json = serde_json::to_string(&consent).unwrap();
        assert_eq!(serde_json::from_str::<SeedConsent>(&json).unwrap(), consent);
    }
}
