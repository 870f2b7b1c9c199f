//! The ID block that binds a guest's measurement and policy at launch.
//!
//! Nobody holds the key that signs it. The signature is a constant, and the public key is the one under
//! which that signature is valid for the block. So the key's digest, which the report repeats, says exactly
//! which block the guest was launched with.
//!
//! AMD SEV-SNP ABI specification (document 56860), `SNP_LAUNCH_FINISH`, "ID Block" and "ECDSA public key".

use std::sync::LazyLock;

use p384::{
    AffinePoint, FieldBytes, ProjectivePoint, Scalar,
    elliptic_curve::{
        Group as _, ops::Reduce as _, point::DecompressPoint as _, sec1::ToSec1Point as _, subtle::Choice,
    },
};
use sha2::{Digest, Sha256, Sha384};

use super::{GuestPolicy, memo::Memo};

/// `VERSION` of the ID block.
const ID_BLOCK_VERSION: u32 = 1;
/// The constant signature is r = 2, s = 1.
const SIGNATURE_R: u8 = 2;

/// Digests by the hash of their input. A deployment needs one per launch digest that it uses.
static DIGESTS: LazyLock<Memo<[u8; 48]>> = LazyLock::new(|| Memo::new(1024));

/// The `ID_KEY_DIGEST` of a guest launched with an ID block for these values.
///
/// `guest_svn` is in the block too, so a report can only show the digest together with its own `GUEST_SVN`.
/// `None` in the case, not known to happen, that the derived key is the point at infinity.
#[must_use]
pub fn key_digest(measurement: &[u8; 48], policy: GuestPolicy, guest_svn: u32) -> Option<[u8; 48]> {
    let block = id_block(measurement, policy, guest_svn);
    DIGESTS
        .get_or_try(Sha256::digest(&block).into(), || {
            let (x, y) = public_key(&block).ok_or(())?;
            Ok::<_, ()>(encoded_key_digest(x, y))
        })
        .ok()
}

fn id_block(measurement: &[u8; 48], policy: GuestPolicy, guest_svn: u32) -> Vec<u8> {
    let mut block = Vec::with_capacity(96);
    block.extend_from_slice(measurement);
    block.extend_from_slice(&[0; 16]); // family ID
    block.extend_from_slice(&[0; 16]); // image ID
    block.extend_from_slice(&ID_BLOCK_VERSION.to_le_bytes());
    block.extend_from_slice(&guest_svn.to_le_bytes());
    block.extend_from_slice(&policy.to_bits().to_le_bytes());
    block
}

/// Recovers the key from the signature (SEC 1, section 4.1.6). Two points have x = r; of the two keys the
/// one with the smaller x, then y, is meant.
fn public_key(block: &[u8]) -> Option<(FieldBytes, FieldBytes)> {
    let z = Scalar::reduce(&FieldBytes::from(<[u8; 48]>::from(Sha384::digest(block))));
    let r_inverse = Option::<Scalar>::from(Scalar::from(u64::from(SIGNATURE_R)).invert())?;
    let mut x = FieldBytes::default();
    if let Some(last) = x.last_mut() {
        *last = SIGNATURE_R;
    }
    [0, 1]
        .into_iter()
        .filter_map(|parity| {
            let point = Option::<AffinePoint>::from(AffinePoint::decompress(&x, Choice::from(parity)))?;
            let key = (ProjectivePoint::from(point) - ProjectivePoint::generator() * z) * r_inverse;
            let encoded = key.to_affine().to_sec1_point(false);
            Some((*encoded.x()?, *encoded.y()?))
        })
        .min()
}

/// SHA-384 of the key in AMD's form, 0x404 bytes: curve, then x and y in 72 bytes each, little endian.
fn encoded_key_digest(x: FieldBytes, y: FieldBytes) -> [u8; 48] {
    const CURVE_P384: u32 = 2;
    let mut key = Vec::with_capacity(0x404);
    key.extend_from_slice(&CURVE_P384.to_le_bytes());
    for coordinate in [x, y] {
        key.extend(coordinate.iter().rev());
        key.resize(key.len() + 72 - 48, 0);
    }
    key.resize(0x404, 0);
    Sha384::digest(&key).into()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn the_constant_signature_is_valid_for_the_block_under_the_derived_key() {
        let block = id_block(&[7; 48], GuestPolicy { smt: true, ..Default::default() }, 2);
        assert_eq!(block.len(), 96);
        let (x, y) = public_key(&block).unwrap();
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        let mut signature = [0; 96];
        signature[47] = 2;
        signature[95] = 1;
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point);
        assert!(key.verify(&block, &signature).is_ok());
    }

    /// Values computed by an independent implementation of the group law.
    #[test]
    fn key_digests_are_those_of_an_independent_computation() {
        let smt = GuestPolicy { smt: true, ..Default::default() };
        let digest = key_digest(&[7; 48], smt, 2).unwrap();
        assert_eq!(
            hex::encode(digest),
            "b97fc9bc5d2a168f30c8fe82e77c9f6015e5afddc4c382c80afd1791922c70f1\
             a66f827f620732026faad95b40c81b65"
        );
        let ascending = std::array::from_fn(|position| u8::try_from(position).unwrap());
        let digest = key_digest(&ascending, GuestPolicy { abi_minor: 31, ..smt }, 0).unwrap();
        assert_eq!(
            hex::encode(digest),
            "16d40444134b9249d960235c31db54cc3b8b17f37ee6e7023c33ee7f9797a2c5\
             2c67062b1def1fa2dfc1f52580a951f8"
        );
    }

    #[test]
    fn every_value_in_the_block_changes_the_key() {
        let policy = GuestPolicy { smt: true, ..Default::default() };
        let digest = key_digest(&[7; 48], policy, 2);
        assert_ne!(digest, key_digest(&[8; 48], policy, 2));
        assert_ne!(digest, key_digest(&[7; 48], GuestPolicy::default(), 2));
        assert_ne!(digest, key_digest(&[7; 48], policy, 3));
    }
}
