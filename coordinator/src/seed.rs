//! The key tree under the seed.
//!
//! Whoever knows the seed and the salt knows every key of this module; nothing here is random.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use p384::{SecretKey, ecdsa::SigningKey};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a fresh seed.
pub const SEED_LEN: usize = 64;
/// Fewest bytes that a seed may have.
pub const MIN_SEED_LEN: usize = 32;
/// Most bytes that a seed may have; far below what HKDF can give.
pub const MAX_SEED_LEN: usize = 1024;
/// Bytes of a salt.
pub const SALT_LEN: usize = 32;

/// The secret that all other secrets of a deployment come from, with its public salt.
#[derive(Clone)]
pub struct Seed {
    secret: Zeroizing<Vec<u8>>,
    salt: [u8; SALT_LEN],
}

/// The keys that the Coordinator itself uses.
#[derive(Clone)]
pub struct DerivedKeys {
    /// Signs the root CA, the intermediate CAs and the transition signer's certificate.
    pub root_ca: SigningKey,
    /// Signs transitions.
    pub transition: SigningKey,
}

/// Why bytes are not a seed, or no key comes out of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// Fewer bytes than [`MIN_SEED_LEN`].
    #[error(
        "the seed has {found} bytes, but at least {MIN_SEED_LEN} are needed; send the whole decrypted seed"
    )]
    TooShort {
        /// Bytes given.
        found: usize,
    },
    /// More bytes than [`MAX_SEED_LEN`].
    #[error(
        "the seed has {found} bytes, but no seed has more than {MAX_SEED_LEN}; send the decrypted seed alone"
    )]
    TooLong {
        /// Bytes given.
        found: usize,
    },
    /// The salt has another length than [`SALT_LEN`].
    #[error(
        "the salt has {found} bytes instead of {SALT_LEN}; take it from the same seed-shares.json as the seed"
    )]
    SaltLength {
        /// Bytes given.
        found: usize,
    },
    /// The derived number is not a P-384 private key; happens with probability 2⁻¹⁹⁰.
    #[error("no P-384 key can be derived from this seed; set up the deployment with another one")]
    NoKey,
    /// A workload secret was asked for without naming it.
    #[error("the WorkloadSecretID is empty; give the policy a WorkloadSecretID in the manifest")]
    EmptySecretId,
    /// The operating system has no random bytes.
    #[error(
        "the operating system gave no random bytes for a seed; check that the guest has an entropy source"
    )]
    NoRandomness,
}

impl Seed {
    /// A new random seed and salt.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn generate() -> Result<Self, SeedError> {
        let mut secret = Zeroizing::new(vec![0; SEED_LEN]);
        let mut salt = [0; SALT_LEN];
        getrandom::fill(&mut secret).map_err(|_| SeedError::NoRandomness)?;
        getrandom::fill(&mut salt).map_err(|_| SeedError::NoRandomness)?;
        Ok(Self { secret, salt })
    }

    /// A seed that a seed share owner brings.
    ///
    /// # Errors
    /// When a length is wrong.
    pub fn from_parts(secret: Zeroizing<Vec<u8>>, salt: &[u8]) -> Result<Self, SeedError> {
        if secret.len() < MIN_SEED_LEN {
            return Err(SeedError::TooShort { found: secret.len() });
        }
        if secret.len() > MAX_SEED_LEN {
            return Err(SeedError::TooLong { found: secret.len() });
        }
        let salt = salt.try_into().map_err(|_| SeedError::SaltLength { found: salt.len() })?;
        Ok(Self { secret, salt })
    }

    /// The secret part, for sealing and for encryption to the seed share owners.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The public part.
    #[must_use]
    pub fn salt(&self) -> [u8; SALT_LEN] {
        self.salt
    }

    /// The Coordinator's own signing keys.
    ///
    /// # Errors
    /// [`SeedError::NoKey`], practically never.
    pub fn derive_keys(&self) -> Result<DerivedKeys, SeedError> {
        Ok(DerivedKeys {
            root_ca: ecdsa_key(&self.derive(&self.secret, &[b"ROOT CA SEED"]))?,
            transition: ecdsa_key(&self.derive(&self.secret, &[b"TRANSACTION SIGNING SECRET"]))?,
        })
    }

    /// The secret of all workloads whose policy has this WorkloadSecretID; as long as the seed.
    ///
    /// # Errors
    /// [`SeedError::EmptySecretId`].
    pub fn workload_secret(&self, id: &str) -> Result<Zeroizing<Vec<u8>>, SeedError> {
        if id.is_empty() {
            return Err(SeedError::EmptySecretId);
        }
        let pod_state = self.derive(&self.secret, &[b"POD STATE SECRET"]);
        Ok(self.derive(&pod_state, &[b"WORKLOAD SECRET ID: ", id.as_bytes()]))
    }

    /// HKDF-SHA256 (RFC 5869, extract and expand); the output is as long as `secret`.
    fn derive(&self, secret: &[u8], info: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let mut output = Zeroizing::new(vec![0; secret.len()]);
        let too_long = Hkdf::<Sha256>::new(Some(&self.salt), secret).expand_multi_info(info, &mut output);
        debug_assert!(too_long.is_ok(), "HKDF-SHA256 gives up to 8,160 bytes; a seed is shorter");
        output
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed(<{} secret bytes>)", self.secret.len())
    }
}

impl fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKeys(<secret>)")
    }
}

/// Deterministic P-384 key generation of c2sp.org/det-keygen: the first 48 bytes of a
/// HMAC_DRBG-like stream (SHA-256) are the private key.
fn ecdsa_key(seed: &[u8]) -> Result<SigningKey, SeedError> {
    const PERSONALIZATION: &[u8] = b"det ECDSA key gen P-384";
    let mut k = Zeroizing::new([0_u8; 32]);
    let mut v = Zeroizing::new([1_u8; 32]);
    for round in [0_u8, 1] {
        *k = hmac(&k, &[&*v, &[round], seed, PERSONALIZATION]);
        *v = hmac(&k, &[&*v]);
    }
    let mut scalar = Zeroizing::new([0_u8; 64]);
    for half in scalar.chunks_exact_mut(32) {
        *v = hmac(&k, &[&*v]);
        half.copy_from_slice(&*v);
    }
    let (private, _) = scalar.split_at(48);
    Ok(SecretKey::from_slice(private).map_err(|_| SeedError::NoKey)?.into())
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC fills a short key up with zeros to the block of its hash (RFC 2104, section 2).
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Seed {
        let bytes: Vec<u8> = (0..64).collect();
        Seed::from_parts(Zeroizing::new(bytes.clone()), &bytes[..32]).unwrap()
    }

    fn private_and_public(key: &SigningKey) -> (String, String) {
        (hex::encode(key.to_bytes()), hex::encode(key.verifying_key().to_sec1_point(true).as_bytes()))
    }

    #[test]
    fn derivations_match_the_published_vectors() {
        let seed = seed();
        assert_eq!(
            hex::encode(&*seed.derive(&seed.secret, &[b"POD STATE SECRET"])),
            "2a038420b499a5824b7c95d45037675c57ac0877da198d8b3cdba07234d2c5316f1686094166d5b9b7f415a2585f6d961b0111cc681e286a094a08c867322042"
        );
        assert_eq!(
            hex::encode(&*seed.derive(&seed.secret, &[b"TRANSACTION SIGNING SECRET"])),
            "bf463420c8e0bfd43930dbaa1dcffb817b99640d632b3020ef8689379e0e41d9a08bbe3bdf37a045ced0ae90dd86fe81aaa771e98bb7a0863651fea528cf3cb8"
        );
        assert_eq!(
            hex::encode(&*seed.derive(&seed.secret, &[b"ROOT CA SEED"])),
            "c7da14adaeb522df442c536a3a6b7406f245ae3105341b93d0b79fcbc912ac3991b39802c1a0ef0d9e3fe8926848ff9d0c7f9b8d8b5d1ff15565ce038aef9351"
        );
        assert_eq!(
            hex::encode(&*seed.workload_secret("foo").unwrap()),
            "82c4043a7ebcbca8be22a0334018cbec7691cf1494dbdc3220c6fa740b223142bc4bb74b82692bfe4652630a2b94d6865d0965d77d0335b1d6cfa03bd91ef781"
        );
    }

    #[test]
    fn signing_keys_match_the_published_vectors() {
        let keys = seed().derive_keys().unwrap();
        assert_eq!(
            private_and_public(&keys.transition),
            (
                "c32e7b52e5cf83e31842415a7044adede35ca2c9b934e3877b2fcca14ac225396127ba7ac839a134206d6d2fceaa6f65"
                    .into(),
                "0338459d7333a767873fbee3cdfad388e4e5d2622e46eddb52a8c837101aa0eda7c28255195cddd96a64565e57f3ce04e1"
                    .into()
            )
        );
        assert_eq!(
            private_and_public(&keys.root_ca),
            (
                "460088ec2308dfe55e5349b262984b0d15982c1453bc1dada1b3a30c1a8bc09ec001e8f000d5950c4260937ad2bc79fd"
                    .into(),
                "0353f0387b654b0ca1b22c8a7f7fd16a0b75dd14d3f2950f30a7fcc1a835330c9ed8909a645e96be4137e31c58699209a3"
                    .into()
            )
        );
    }

    #[test]
    fn an_empty_secret_id_is_refused() {
        assert_eq!(seed().workload_secret("").unwrap_err(), SeedError::EmptySecretId);
    }

    #[test]
    fn wrong_lengths_are_told_apart() {
        let short = Seed::from_parts(Zeroizing::new(vec![1; 31]), &[0; 32]).unwrap_err();
        assert_eq!(short, SeedError::TooShort { found: 31 });
        let salt = Seed::from_parts(Zeroizing::new(vec![1; 64]), &[0; 31]).unwrap_err();
        assert_eq!(salt, SeedError::SaltLength { found: 31 });
    }

    #[test]
    fn debug_output_shows_no_key() {
        let seed = seed();
        assert_eq!(format!("{seed:?}"), "Seed(<64 secret bytes>)");
        assert_eq!(format!("{:?}", seed.derive_keys().unwrap()), "DerivedKeys(<secret>)");
    }
}
