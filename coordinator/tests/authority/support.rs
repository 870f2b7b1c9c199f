//! Manifests, keys and requests for the tests of this folder.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use contrast_attestation::collateral::Collaterals;
use contrast_coordinator::{
    authority::{Active, Authority, Phase},
    command::{Caller, SetManifest},
    event::Digest,
    initial_owners::InitialOwners,
    recovery::RecoveryRequest,
    refusal::Refusal,
    seed::Seed,
};
use contrast_manifest::{MAX_SANS, ManifestDocument, SeedShareOwnerKey, SeedShares, WorkloadOwnerKey};
use contrast_proto::userapi::SeedShareDocument;
use contrast_store::faults::Medium;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// A policy with any text.
pub(crate) const POLICY: &[u8] = b"package agent_policy\n";

/// The seed share owner of all these tests; RSA keys take long to make.
pub(crate) fn seedshare_owner() -> &'static SeedShareOwnerKey {
    static KEY: OnceLock<SeedShareOwnerKey> = OnceLock::new();
    KEY.get_or_init(|| SeedShareOwnerKey::generate().unwrap())
}

/// The workload owner of all these tests.
pub(crate) fn workload_owner() -> &'static WorkloadOwnerKey {
    static KEY: OnceLock<WorkloadOwnerKey> = OnceLock::new();
    KEY.get_or_init(|| WorkloadOwnerKey::generate().unwrap())
}

/// A valid manifest; different `name`s make different ones.
pub(crate) fn manifest(name: &str) -> ManifestDocument {
    manifest_with(name, &[seedshare_owner().owner().to_hex()], true)
}

pub(crate) fn manifest_with(name: &str, seedshare_owners: &[String], updates: bool) -> ManifestDocument {
    ManifestDocument::parse(manifest_bytes(&[name], seedshare_owners, updates)).unwrap()
}

/// One that was set when there were no limits.
pub(crate) fn unlimited_manifest() -> ManifestDocument {
    let bytes = manifest_bytes(&["name"; MAX_SANS + 1], &[seedshare_owner().owner().to_hex()], true);
    assert!(ManifestDocument::parse(bytes.as_slice()).is_err(), "it is beyond the limits of today");
    ManifestDocument::parse_stored(bytes).unwrap()
}

fn manifest_bytes(names: &[&str], seedshare_owners: &[String], updates: bool) -> Vec<u8> {
    let owners = if updates { vec![hex::encode(workload_owner().spki_der())] } else { vec![] };
    let manifest = json!({
        "Policies": { hex::encode(digest(POLICY)): { "SANs": names, "Role": "coordinator" } },
        "ReferenceValues": { "simulated": [{
            "Platform": "Simulated",
            "Root": "33".repeat(32),
            "ProductName": "Genoa",
            "TrustedMeasurement": "44".repeat(48),
            "MinimumTCB": { "BootloaderVersion": 3, "TEEVersion": 0, "SNPVersion": 8, "MicrocodeVersion": 115 },
            "GuestPolicy": { "ABIMinor": 0, "ABIMajor": 0, "SMT": true, "MigrateMA": false, "Debug": false },
            "PlatformInfo": { "SMTEnabled": true },
        }] },
        "WorkloadOwnerPubKeys": owners,
        "SeedshareOwnerPubKeys": seedshare_owners,
    });
    serde_json::to_vec(&manifest).unwrap()
}

/// A request to set a manifest, by the workload owner, of somebody who has seen the latest transition.
pub(crate) fn set(manifest: ManifestDocument, authority: &Authority) -> SetManifest {
    SetManifest { seen: authority.latest_transition(), ..first_set(manifest) }
}

/// The same before there is a history.
pub(crate) fn first_set(manifest: ManifestDocument) -> SetManifest {
    SetManifest {
        manifest,
        policies: BTreeMap::from([(digest(POLICY), POLICY.to_vec())]),
        seen: Digest::default(),
        missing: None,
        expected_previous: None,
        caller: Some(caller(digest(workload_owner().spki_der()))),
        signature: None,
        seed_consent: None,
    }
}

/// The holder of an ECDSA key with this digest.
pub(crate) fn caller(digest: Digest) -> Caller {
    Caller { digest, spki_digest: digest }
}

/// Opens a Coordinator on a medium, as at a start.
pub(crate) fn start(medium: &Medium) -> Result<Arc<Authority>, Refusal> {
    start_for(medium, None)
}

/// The same for certain initial owners.
pub(crate) fn start_for(medium: &Medium, owners: Option<InitialOwners>) -> Result<Arc<Authority>, Refusal> {
    Authority::new(contrast_store::open(medium.open())?, Collaterals::offline(), owners)
}

/// The request of the seed share owner, from the shares that a locked Coordinator hands out.
pub(crate) fn recovery(authority: &Authority) -> RecoveryRequest {
    let shares = match authority.phase() {
        Phase::Locked(shares) => shares,
        Phase::Active(active) => Arc::clone(&active.seed_shares),
        Phase::Uninitialised => panic!("there is nothing to recover"),
    };
    RecoveryRequest {
        seed: Seed::from_parts(decrypt(&shares), &shares.salt).unwrap(),
        expected_transition: None,
        caller: seedshare_owner().owner().digest(),
    }
}

/// Manifests, CA generation, latest transition, root CA.
pub(crate) type Summary = (u64, u64, Option<Digest>, String);

/// What outsiders can see of a state.
pub(crate) fn summary(active: &Active) -> Summary {
    let state = &active.state;
    (state.manifests, state.generation, state.latest_transition(), active.lasting.root_ca.clone())
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

fn decrypt(document: &SeedShareDocument) -> zeroize::Zeroizing<Vec<u8>> {
    let shares =
        document.seed_shares.iter().map(|share| (share.public_key.clone(), share.encrypted_seed.clone()));
    SeedShares::new(shares, &document.salt).unwrap().decrypt(seedshare_owner()).unwrap()
}
