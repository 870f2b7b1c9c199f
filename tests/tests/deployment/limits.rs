//! What the largest manifests cost a Coordinator.

use std::fs;

use contrast_attestation::{atls::Identity, collateral::Collaterals};
use contrast_coordinator::{authority::Authority, command::SetManifest, limits::OWNERS_REQUEST};
use contrast_manifest::{
    MAX_ENTRIES, MAX_MANIFEST_LEN, MAX_POLICIES, MAX_STORED_MANIFEST_LEN, ManifestDocument,
};
use contrast_proto::userapi::SetManifestRequest;
use contrast_store::SledBackend;
use contrast_tests::{Client, Coordinator, Deployment, ManifestFile};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Memory that a Coordinator is promised to stay within, in bytes, without 4 MiB for what others do meanwhile.
const PROMISED: u64 = 60 * 1024 * 1024;

#[test]
fn the_largest_manifest_is_set_served_recovered_and_replaced_within_the_promised_memory() {
    let deployment = Deployment::new();
    let policies = policies(&deployment, MAX_POLICIES);
    let request = |name: &str| {
        let right = MAX_ENTRIES - 1;
        let manifest = manifest(&deployment, &policies, name, MAX_ENTRIES, right, MAX_MANIFEST_LEN);
        fs::write(deployment.manifest_path(), &manifest).unwrap();
        SetManifestRequest { manifest, policies: policies.clone(), ..Default::default() }
    };
    let coordinator = deployment.start();
    let owner = || deployment.workload_owner_identity("");
    let mut client = Client::connect(coordinator.user_api, owner());
    client.set(request("first")).unwrap();
    deployment.pod(&coordinator, "web").finish();
    within_promise(&coordinator, "set and served");
    coordinator.kill();

    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
    deployment.pod(&coordinator, "web").finish();
    within_promise(&coordinator, "recovered and served");
    Client::connect(coordinator.user_api, owner()).set(request("second")).unwrap();
    deployment.pod(&coordinator, "web").finish();
    within_promise(&coordinator, "replaced and served");
}

#[test]
fn the_largest_manifest_that_could_be_set_before_there_were_limits_is_recovered_and_served_within_the_promised_memory()
 {
    const POLICIES: usize = 20_000;
    const ENTRIES: usize = 3000;
    let deployment = Deployment::new();
    let policies = policies(&deployment, POLICIES);
    let manifest = manifest(&deployment, &policies, "old", ENTRIES, 0, MAX_STORED_MANIFEST_LEN);
    assert!(ManifestDocument::parse(manifest.as_slice()).is_err());
    fs::write(deployment.manifest_path(), &manifest).unwrap();
    write_history(&deployment, &manifest, policies);
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
    deployment.pod(&coordinator, "web").finish();
    within_promise(&coordinator, "recovered and served");
}

/// A history with one manifest, as a Coordinator without limits would have left it.
fn write_history(deployment: &Deployment, manifest: &[u8], policies: Vec<Vec<u8>>) {
    let opened = contrast_store::open(SledBackend::open(&deployment.state_dir).unwrap()).unwrap();
    let authority = Authority::new(opened, Collaterals::offline(), None).unwrap();
    let set = SetManifest {
        manifest: ManifestDocument::parse_stored(manifest).unwrap(),
        policies: policies.into_iter().map(|policy| (Sha256::digest(&policy).into(), policy)).collect(),
        seen: Default::default(),
        missing: None,
        expected_previous: None,
        caller: None,
        signature: None,
        seed_consent: None,
    };
    authority.set_manifest(set).unwrap();
}

#[test]
fn a_refused_manifest_costs_no_more_than_a_few_times_its_size() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let refusal = |text: &str| {
        let mut client = Client::connect(coordinator.user_api, Identity::Fresh);
        let request = SetManifestRequest { manifest: text.into(), ..Default::default() };
        client.set(request).unwrap_err().message().to_owned()
    };
    refusal("[[[[");
    let small = coordinator.peak_resident_bytes();
    let one = MAX_MANIFEST_LEN - 64;
    for (text, reason) in [
        ("[".repeat(one), "deeper than 16 levels"),
        (format!("[{}0]", "0,".repeat(one / 2)), "must be an object"),
        (format!("{{{}\"\":0}}", "\"\":0,".repeat(one / 5)), "more than the 64"),
        (format!("{{\"Policies\":{{{}\"\":0}}}}", "\"a\":{},".repeat(one / 7)), "more than the 4096"),
        (format!("{{\"Policies\":{{\"{}\":0}}}}", "\\u0061".repeat(one / 6)), "hexadecimal"),
        ("[".repeat(4 * MAX_MANIFEST_LEN), "more than the 1048576"),
    ] {
        let said = refusal(&text);
        assert!(said.contains(reason), "{said}");
        let cost = coordinator.peak_resident_bytes().saturating_sub(small);
        assert!(cost < 6 * text.len() as u64, "{} KiB cost {} KiB", text.len() / 1024, cost / 1024);
    }
}

/// So many, and together as long as a request can be beside the largest manifest; the first two are those of the
/// Coordinator and of `web`.
fn policies(deployment: &Deployment, count: usize) -> Vec<Vec<u8>> {
    let longest_manifest = if count > MAX_POLICIES { MAX_STORED_MANIFEST_LEN } else { MAX_MANIFEST_LEN };
    // Each has a few bytes of framing.
    let length = (OWNERS_REQUEST - longest_manifest) / count - 8;
    let own = ["coordinator", "web"].map(|name| fs::read(deployment.policy_file(name)).unwrap());
    let others = (own.len()..count).map(|number| {
        let mut policy = format!("package agent_policy\n# {number}\n").into_bytes();
        policy.resize(length, b'x');
        policy
    });
    own.into_iter().chain(others).collect()
}

/// A manifest of `length` bytes with these policies, and with `entries`, of which the one at `right` is right. Each
/// derives the launch digests for every number of vCPUs.
fn manifest(
    deployment: &Deployment,
    policies: &[Vec<u8>],
    name: &str,
    entries: usize,
    right: usize,
    length: usize,
) -> Vec<u8> {
    let mut manifest = ManifestFile::new(&deployment.reference_values)
        .coordinator(&policies[0])
        .workload(&policies[1], "web", Some("web"))
        .workload_owner(deployment.workload_owner(""))
        .seedshare_owner(deployment.seedshare_owner(""));
    for policy in &policies[2..] {
        manifest = manifest.workload(policy, name, None);
    }
    let entry = |number: usize| {
        let mut entry = deployment.reference_values.clone();
        entry["APEIP"] = json!("80b004b0");
        if number != right {
            entry["TrustedMeasurement"] = json!(format!("{number:096x}"));
        }
        entry
    };
    manifest.json["ReferenceValues"]["simulated"] = (0..entries).map(entry).collect();
    let mut text = serde_json::to_vec(&manifest.json).unwrap();
    assert!(text.len() <= length, "{} bytes are more than {length}", text.len());
    text.resize(length, b' ');
    text
}

fn within_promise(coordinator: &Coordinator, done: &str) {
    let peak = coordinator.peak_resident_bytes();
    assert!(peak < PROMISED, "{done}: {} KiB were resident", peak / 1024);
}
