//! The link from one manifest to the next.

use sha2::{Digest, Sha256};

/// The transition hash before the first manifest.
pub const NO_TRANSITION: [u8; 32] = [0; 32];

/// The hash of a history that ends with the manifest of digest `manifest_digest` and had the hash
/// `previous` before: SHA-256 of both, one after the other.
#[must_use]
pub fn transition_hash(manifest_digest: [u8; 32], previous: [u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(manifest_digest).chain_update(previous).finalize().into()
}

/// What an owner signs to approve a transition without a TLS connection: the 64 characters of its
/// lower-case hexadecimal form, so that `openssl dgst` and hardware modules can sign a text file.
pub(crate) fn signed_form(transition: &[u8; 32]) -> [u8; 64] {
    let mut text = [0; 64];
    // The only error is a buffer of another length than 64.
    let _ = hex::encode_to_slice(transition, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_transition_is_that_of_the_golden_vector() {
        let digest: [u8; 32] = Sha256::digest(b"{}").into();
        assert_eq!(hex::encode(digest), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        let hash = transition_hash(digest, NO_TRANSITION);
        assert_eq!(hex::encode(hash), "a48bf97e27b31e740c70c45c448a6662348ac17929be75f4575cad36401c8211");
        assert_eq!(
            hex::encode(Sha256::digest(signed_form(&hash))),
            "f13a758a0a006a24e143e8e508bcee0c78ebf3d229b21f703e29232300f8ea6e"
        );
    }
}
