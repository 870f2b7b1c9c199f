//! The user API without the CLI: what a client that checks nothing, or means harm, can send.

use std::{net::SocketAddr, sync::Arc};

use contrast_attestation::atls::{
    Connector, Identity,
    grpc::{self, Channel, MAX_MESSAGE_BYTES},
};
use contrast_proto::userapi::{
    GetHistoryRequest, GetManifestsRequest, GetManifestsResponse, GetSeedSharesRequest, HistoryItem,
    RecoverRequest, RecoverResponse, SeedShareDocument, SetManifestRequest, SetManifestResponse,
    user_api_client::UserApiClient,
};
use tokio::runtime::Runtime;
use tonic::Status;

/// A connection to the user API, for one thread.
pub struct Client {
    runtime: Runtime,
    api: UserApiClient<Channel>,
}

impl Client {
    /// Connects with a key, and takes any Coordinator for a good one.
    ///
    /// # Panics
    /// When the handshake fails.
    #[must_use]
    pub fn connect(user_api: SocketAddr, identity: Identity) -> Self {
        let runtime = Runtime::new().expect("threads can be started");
        let connector = Connector::new(identity, None, Arc::from([]));
        let channel = runtime.block_on(grpc::channel(&user_api.to_string(), &connector)).expect("it listens");
        let api = UserApiClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { runtime, api }
    }

    /// SetManifest.
    ///
    /// # Errors
    /// What the Coordinator answers.
    pub fn set(&mut self, request: SetManifestRequest) -> Result<SetManifestResponse, Status> {
        self.runtime.block_on(self.api.set_manifest(request)).map(tonic::Response::into_inner)
    }

    /// GetManifests.
    ///
    /// # Errors
    /// What the Coordinator answers.
    pub fn manifests(&mut self) -> Result<GetManifestsResponse, Status> {
        self.runtime.block_on(self.api.get_manifests(GetManifestsRequest {})).map(tonic::Response::into_inner)
    }

    /// Recover.
    ///
    /// # Errors
    /// What the Coordinator answers.
    pub fn recover(&mut self, request: RecoverRequest) -> Result<RecoverResponse, Status> {
        self.runtime.block_on(self.api.recover(request)).map(tonic::Response::into_inner)
    }

    /// GetSeedShares.
    ///
    /// # Errors
    /// What the Coordinator answers.
    pub fn seed_shares(&mut self) -> Result<SeedShareDocument, Status> {
        self.runtime
            .block_on(self.api.get_seed_shares(GetSeedSharesRequest {}))
            .map(tonic::Response::into_inner)
    }

    /// GetHistory, to its end.
    ///
    /// # Errors
    /// What the Coordinator answers.
    pub fn history(&mut self, request: GetHistoryRequest) -> Result<Vec<HistoryItem>, Status> {
        self.runtime.block_on(async {
            let mut stream = self.api.get_history(request).await?.into_inner();
            let mut items = Vec::new();
            while let Some(item) = stream.message().await? {
                items.push(item);
            }
            Ok(items)
        })
    }
}
