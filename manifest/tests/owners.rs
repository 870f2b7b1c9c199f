//! Owner keys, their files, detached signatures and seed shares.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use contrast_manifest::{
    KeyFileError, OwnerKeyFault, SeedShareError, SeedShareOwner, SeedShareOwnerKey, SeedShares,
    WorkloadOwner, WorkloadOwnerKey, WorkloadOwners, encrypt_seed,
};

/// Making a key of 4096 bits takes long; two are enough for all tests.
static OWNERS: LazyLock<[SeedShareOwnerKey; 2]> =
    LazyLock::new(|| [0, 1].map(|_| SeedShareOwnerKey::generate().unwrap()));

fn shares_of_first() -> SeedShares {
    let shares = encrypt_seed(&[7; 64], &[OWNERS[0].owner().clone()]).unwrap();
    SeedShares { shares, salt: [9; 32] }
}

#[test]
fn key_files_are_read_back_as_they_were_written() {
    let key = WorkloadOwnerKey::generate().unwrap();
    let pem = key.to_pem().unwrap();
    assert!(pem.starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
    assert_eq!(WorkloadOwnerKey::from_pem(pem.as_bytes()).unwrap().spki_der(), key.spki_der());
    let pem = OWNERS[0].to_pem().unwrap();
    assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    assert_eq!(SeedShareOwnerKey::from_pem(pem.as_bytes()).unwrap().owner(), OWNERS[0].owner());
}

#[test]
fn curve_parameters_in_front_of_a_key_are_skipped() {
    let key = WorkloadOwnerKey::generate().unwrap();
    let parameters = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n";
    let text = format!("{parameters}{}", *key.to_pem().unwrap());
    assert_eq!(WorkloadOwnerKey::from_pem(text.as_bytes()).unwrap().spki_der(), key.spki_der());
}

#[test]
fn each_kind_of_wrong_key_file_has_its_own_message() {
    let workload = WorkloadOwnerKey::generate().unwrap().to_pem().unwrap();
    let swapped = SeedShareOwnerKey::from_pem(workload.as_bytes()).unwrap_err();
    assert!(swapped.to_string().contains("may be the workload owner's key"), "{swapped}");
    assert!(matches!(WorkloadOwnerKey::from_pem(b"hello"), Err(KeyFileError::NoPem { .. })));
    assert!(matches!(WorkloadOwnerKey::from_pem(b"\xff"), Err(KeyFileError::NoPem { .. })));
    let cut = &workload.as_bytes()[..workload.len() / 2];
    assert!(matches!(WorkloadOwnerKey::from_pem(cut), Err(KeyFileError::Damaged { .. })));
    let foreign = workload.replace("EC PRIVATE", "RSA PRIVATE");
    assert!(matches!(SeedShareOwnerKey::from_pem(foreign.as_bytes()), Err(KeyFileError::WrongKey { .. })));
}

#[test]
fn a_detached_signature_is_accepted_from_an_owner_only() {
    let (owner, stranger) = (WorkloadOwnerKey::generate().unwrap(), WorkloadOwnerKey::generate().unwrap());
    let owners = WorkloadOwners::new(vec![owner.owner()]);
    let transition = [5; 32];
    let signature = owner.sign_transition(&transition).unwrap();
    assert_eq!(owners.signer(&transition, &signature), Some(&owner.owner()));
    assert_eq!(owners.signer(&[6; 32], &signature), None);
    assert_eq!(owners.signer(&transition, &stranger.sign_transition(&transition).unwrap()), None);
    assert_eq!(owners.signer(&transition, b"garbage"), None);
}

#[test]
fn an_owner_known_by_digest_only_cannot_sign() {
    let key = WorkloadOwnerKey::generate().unwrap();
    let owners = WorkloadOwners::new(vec![WorkloadOwner::from_digest(key.owner().digest())]);
    assert!(owners.contains_key(key.spki_der()));
    assert_eq!(owners.signer(&[5; 32], &key.sign_transition(&[5; 32]).unwrap()), None);
}

#[test]
fn a_seed_share_decrypts_with_the_key_that_it_was_made_for() {
    let shares = SeedShares::from_json(shares_of_first().to_json().as_bytes()).unwrap();
    assert_eq!(*shares.decrypt(&OWNERS[0]).unwrap(), [7; 64]);
}

#[test]
fn a_seed_share_for_another_key_is_reported_as_such() {
    let error = shares_of_first().decrypt(&OWNERS[1]).unwrap_err();
    assert!(matches!(error, SeedShareError::NoShareForKey { shares: 1, .. }), "{error}");
}

#[test]
fn a_damaged_seed_share_does_not_decrypt() {
    let mut shares = shares_of_first();
    shares.shares[0].encrypted_seed[100] ^= 1;
    assert!(matches!(shares.decrypt(&OWNERS[0]), Err(SeedShareError::DoesNotDecrypt)));
    let mut renamed = shares_of_first();
    renamed.shares[0].public_key_hex = OWNERS[1].owner().to_hex();
    assert!(matches!(renamed.decrypt(&OWNERS[1]), Err(SeedShareError::DoesNotDecrypt)));
}

#[test]
fn both_spellings_of_the_salt_are_read() {
    let text = shares_of_first().to_json();
    assert!(text.contains("\"salt\": "));
    assert!(!text.ends_with('\n'));
    let upper = text.replace("\"salt\"", "\"Salt\"");
    let [read, read_upper] = [&text, &upper].map(|text| SeedShares::from_json(text.as_bytes()).unwrap());
    assert_eq!(read, read_upper);
}

#[test]
fn a_salt_of_another_length_is_refused() {
    let text = r#"{"salt": "AAAA"}"#;
    assert!(matches!(SeedShares::from_json(text.as_bytes()), Err(SeedShareError::SaltLength { found: 3 })));
    assert!(matches!(SeedShares::from_json(b"[]"), Err(SeedShareError::NotSeedShares(_))));
    assert!(matches!(SeedShares::from_json(b"{}"), Err(SeedShareError::NotSeedShares(_))));
}

/// A key of 2048 bits as `openssl rsa -pubout -outform DER` writes it, in base64.
const SPKI: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvBXw142X/zI+80G7QSnFJBL4B50Zx3gEtBGN4JFEHw7C8s\
    I7TKrddY0rOlMAbuBlhTJ4aWCfczUbDkWgs16uTMVcjM7HuuxSO2/lXKw7ZPo6/mg35Wtgftk3gx6uow+z/G7P2K3x\
    0NsmB6EvnXchg6CxYaRf1L82ABzeKO+7BNzxkF3m5VUH/ZjCrFnu6JXdEBkKbb1Qn9dXJTBccblR9+vKCBUcvjcwD5\
    i0TOP9Pfw8Z/ZKT0ErBIR2VHbXcKL//alJMX40VgbucYEgovgtRFL/RgiM9RK7pE8NKUkLmoifkGPoFwWT80duQQmd\
    Nsujky54VJvlIg7TTLDxcJFh3wIDAQAB";
/// The same key as `openssl rsa -RSAPublicKey_out -outform DER` writes it, in base64.
const PKCS1: &str = "MIIBCgKCAQEAvBXw142X/zI+80G7QSnFJBL4B50Zx3gEtBGN4JFEHw7C8sI7TKrddY0rOlMAbuBlhTJ4aWCfczUbDk\
    Wgs16uTMVcjM7HuuxSO2/lXKw7ZPo6/mg35Wtgftk3gx6uow+z/G7P2K3x0NsmB6EvnXchg6CxYaRf1L82ABzeKO+7\
    BNzxkF3m5VUH/ZjCrFnu6JXdEBkKbb1Qn9dXJTBccblR9+vKCBUcvjcwD5i0TOP9Pfw8Z/ZKT0ErBIR2VHbXcKL//a\
    lJMX40VgbucYEgovgtRFL/RgiM9RK7pE8NKUkLmoifkGPoFwWT80duQQmdNsujky54VJvlIg7TTLDxcJFh3wIDAQAB";

#[test]
fn a_seed_share_owner_in_the_form_of_public_key_files_is_converted() {
    let [spki, pkcs1] = [SPKI, PKCS1].map(|text| BASE64_STANDARD.decode(text).unwrap());
    let owner = SeedShareOwner::from_spki_der(&spki).unwrap();
    assert_eq!(owner.pkcs1_der(), pkcs1);
    assert_eq!(owner, SeedShareOwner::from_pkcs1_der(pkcs1).unwrap());
    assert_eq!(SeedShareOwner::from_pkcs1_der(spki), Err(OwnerKeyFault::SpkiInsteadOfPkcs1));
}
