//! The seed and peer Coordinators: who is given it, and how that shows.

use std::{fs, net::SocketAddr, sync::Arc};

use contrast_attestation::{
    atls::{Connector, Identity, grpc},
    simulated::Processor,
};
use contrast_proto::meshapi::{RecoverRequest, RecoverResponse, mesh_api_client::MeshApiClient};
use contrast_tests::{Coordinator, Deployment, policy_digest};
use sha2::{Digest, Sha256};
use tonic::{Code, Status};

const OTHER: &[u8] = b"package agent_policy\n# another Coordinator\n";

/// A peer under the policy of this name, connected to the mesh API.
struct Peer {
    runtime: tokio::runtime::Runtime,
    api: MeshApiClient<grpc::Channel>,
}

impl Peer {
    fn connect(deployment: &Deployment, mesh_api: SocketAddr, policy: &str) -> Self {
        let policy = fs::read(deployment.policy_file(policy)).unwrap();
        let host_data = Sha256::digest(policy).into();
        let attester = Processor::open(&deployment.simulator).unwrap().attester(host_data);
        let connector = Connector::new(Identity::Fresh, Some(Arc::new(attester)), Arc::from([]));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let channel = runtime.block_on(grpc::channel(&mesh_api.to_string(), &connector)).unwrap();
        Self { runtime, api: MeshApiClient::new(channel) }
    }

    fn asks(&mut self) -> Result<RecoverResponse, Status> {
        self.runtime.block_on(self.api.recover(RecoverRequest {})).map(tonic::Response::into_inner)
    }
}

fn generous(deployment: &Deployment) -> Coordinator {
    let mut command = deployment.coordinator_command();
    command.env("CONTRAST_PEER_RECOVERY", "true");
    let coordinator = Coordinator::start(command);
    deployment.contrast(&coordinator, "set", &[]).success();
    coordinator
}

#[test]
fn the_seed_is_handed_to_nobody_unless_the_coordinator_was_started_for_it() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let refused = Peer::connect(&deployment, coordinator.mesh_api, "coordinator").asks().unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("--peer-recovery"), "{refused}");
    let history = deployment.contrast(&coordinator, "history", &[]).success().stdout;
    assert_eq!(history.lines().count(), 3, "{history}");
}

#[test]
fn a_hand_over_is_in_the_history_and_verify_warns_of_it() {
    let deployment = Deployment::new();
    let coordinator = generous(&deployment);
    let answer = Peer::connect(&deployment, coordinator.mesh_api, "coordinator").asks().unwrap();
    assert_eq!(answer.seed.len(), 64);
    let refused = Peer::connect(&deployment, coordinator.mesh_api, "web").asks().unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let policy = policy_digest(&fs::read(deployment.policy_file("coordinator")).unwrap());
    let history = deployment.contrast(&coordinator, "history", &[]).success().stdout;
    let shown = history.lines().find(|line| line.contains("SEED HANDED OVER"));
    assert!(shown.is_some_and(|line| line.contains(&policy[..12])), "{history}");
    let said = deployment.contrast(&coordinator, "verify", &[]).success().stderr;
    assert!(said.contains(&format!("the seed was given to a Coordinator under policy {policy}")), "{said}");
    let offline = contrast_tests::Answer::command(&deployment.workspace, ["history", "--offline", "verify"]);
    let offline = contrast_tests::Answer::of(offline).success().stdout;
    assert_eq!(offline, history);
}

#[test]
fn a_policy_that_a_workload_owner_added_gets_the_seed_only_with_a_seed_share_owners_consent() {
    let deployment = Deployment::new();
    let coordinator = generous(&deployment);
    let mut stale = Peer::connect(&deployment, coordinator.mesh_api, "coordinator");
    deployment.write_policy("another", OTHER);
    deployment.manifest().coordinator(OTHER).write(&deployment.manifest_path());
    deployment.contrast(&coordinator, "set", &[]).success();
    let refused = stale.asks().unwrap_err();
    assert!(refused.message().contains("connect again"), "{refused}");

    let mut peer = Peer::connect(&deployment, coordinator.mesh_api, "another");
    let refused = peer.asks().unwrap_err();
    assert!(refused.message().contains("contrast consent"), "{refused}");
    let said = deployment.contrast(&coordinator, "verify", &[]).success().stderr;
    assert!(said.contains(&policy_digest(OTHER)), "{said}");
    let wrong = ["--seedshare-owner-key", "other-seedshare-owner.pem"];
    deployment.contrast(&coordinator, "consent", &wrong).failure();
    deployment.contrast(&coordinator, "consent", &[]).success();
    peer.asks().unwrap();
    let history = deployment.contrast(&coordinator, "history", &[]).success().stdout;
    assert!(history.contains("seed consent"), "{history}");
    deployment.contrast(&coordinator, "verify", &[]).success();
}

#[test]
fn consent_can_be_given_with_the_set() {
    let deployment = Deployment::new();
    let coordinator = generous(&deployment);
    deployment.write_policy("another", OTHER);
    deployment.manifest().coordinator(OTHER).write(&deployment.manifest_path());
    let consent =
        contrast_tests::Answer::command(&deployment.workspace, ["consent", "--out", "consent.json"]);
    contrast_tests::Answer::of(consent).success();
    deployment.contrast(&coordinator, "set", &["--seed-consent", "consent.json"]).success();
    Peer::connect(&deployment, coordinator.mesh_api, "another").asks().unwrap();
    deployment.contrast(&coordinator, "verify", &[]).success();
}
