//! The Coordinator at the other end of an attested connection.

mod deadline;
mod error;
mod history_stream;
mod presented;
mod seed_call;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contrast_attestation::{
    Claims, Verifier,
    atls::{
        Connector, HandshakeError, Identity,
        grpc::{self, Channel, ConnectError, MAX_MESSAGE_BYTES},
    },
};
use contrast_manifest::SeedConsent;
use contrast_proto::{
    events::v1 as events,
    userapi::{
        GetSeedSharesRequest, GiveSeedConsentRequest, RecoverRequest, RecoverResponse, SeedShareDocument,
        SetManifestRequest, SetManifestResponse, user_api_client::UserApiClient,
    },
};
use tonic::Response;

use deadline::{ANSWER, within};
pub(crate) use error::CoordinatorError;
pub(crate) use history_stream::{Extent, FetchError};
pub(crate) use presented::{Presented, presented};

use crate::{
    cluster::Way,
    collateral::Collateral,
    output::{self, Progress, with_progress},
};

/// Pause between attempts while the Coordinator cannot be reached.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How to reach a Coordinator, and what it must prove.
#[derive(Clone)]
pub(crate) struct Address {
    /// Where its user API is, and how one gets there.
    pub(crate) way: Way,
    /// Judges of its evidence. Never empty.
    pub(crate) verifiers: Arc<[Box<dyn Verifier>]>,
    /// Who asks.
    pub(crate) identity: Identity,
    /// What the judges take revocation lists and TCB data from.
    pub(crate) collateral: Collateral,
}

/// A Coordinator that was attested just now. One connection: when it breaks, calls fail.
pub(crate) struct Coordinator {
    address: String,
    api: UserApiClient<Channel>,
    channel: Channel,
    claims: Option<Claims>,
}

impl Coordinator {
    /// Connects and appraises the Coordinator before anything is sent. Says so if it is simulated.
    pub(crate) async fn connect(address: &Address) -> Result<Self, CoordinatorError> {
        let message = format!("Attesting the Coordinator at {}", address.way.host_port);
        with_progress(&message, async |_| Self::attempt(address).await).await
    }

    /// [`Self::connect`], and then `call`, again and again until the Coordinator can be reached. `patience` bounds
    /// everything, a call that is under way included. A Coordinator that is not accepted, or that refuses, ends it at once.
    pub(crate) async fn connect_patiently<T>(
        address: &Address,
        patience: Duration,
        call: impl AsyncFn(&mut Self) -> Result<T, CoordinatorError>,
    ) -> Result<T, CoordinatorError> {
        let message = format!("Waiting for the Coordinator at {}", address.way.host_port);
        with_progress(&message, async |progress| {
            let deadline = Instant::now() + patience;
            let mut reported = false;
            loop {
                let attempt = async { call(&mut Self::attempt(address).await?).await };
                let outcome = tokio::time::timeout_at(deadline.into(), attempt).await.unwrap_or_else(|_| {
                    let address = address.way.host_port.clone();
                    Err(CoordinatorError::TooSlow { address, seconds: patience.as_secs() })
                });
                match outcome {
                    Err(error) if error.is_transient() && Instant::now() + RETRY_PAUSE < deadline => {
                        say_why(progress, &message, &error, &mut reported);
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                    other => return other,
                }
            }
        })
        .await
    }

    /// What its evidence said, and was accepted by.
    pub(crate) fn claims(&self) -> Option<&Claims> {
        self.claims.as_ref()
    }

    /// `UserAPI.SetManifest`. How long it may take is for [`Self::connect_patiently`] to say.
    pub(crate) async fn set_manifest(
        &mut self,
        request: SetManifestRequest,
    ) -> Result<SetManifestResponse, CoordinatorError> {
        let answer = self.api.set_manifest(request).await;
        answer
            .map(Response::into_inner)
            .map_err(|status| CoordinatorError::from_status(&self.address, status))
    }

    /// `UserAPI.Recover`. The seed in the request is wiped once it is encoded.
    pub(crate) async fn recover(
        &mut self,
        request: RecoverRequest,
    ) -> Result<RecoverResponse, CoordinatorError> {
        let call = seed_call::recover(self.channel.clone(), request);
        within(ANSWER, &self.address, call).await.map(Response::into_inner)
    }

    /// `UserAPI.GetSeedShares`.
    pub(crate) async fn seed_shares(&mut self) -> Result<SeedShareDocument, CoordinatorError> {
        let call = self.api.get_seed_shares(GetSeedSharesRequest {});
        within(ANSWER, &self.address, call).await.map(Response::into_inner)
    }

    /// `UserAPI.GiveSeedConsent`.
    pub(crate) async fn give_seed_consent(&mut self, consent: SeedConsent) -> Result<(), CoordinatorError> {
        let request = GiveSeedConsentRequest { consent: Some(wire_consent(consent)) };
        within(ANSWER, &self.address, self.api.give_seed_consent(request)).await.map(drop)
    }

    async fn attempt(address: &Address) -> Result<Self, CoordinatorError> {
        let connector = Connector::new(address.identity.clone(), None, Arc::clone(&address.verifiers));
        let link = match grpc::link(&address.way.host_port, &connector).await {
            // Only evidence tells which chip's certificate, or which platform's TCB info, is needed.
            Err(error @ ConnectError::Handshake { cause: HandshakeError::Refused(_), .. }) => {
                if !address.collateral.fetch_what_was_missing().await {
                    return Err(error.into());
                }
                tracing::info!("trying again with more collateral");
                grpc::link(&address.way.host_port, &connector).await?
            }
            outcome => outcome?,
        };
        output::warn_of_simulation(link.claims.as_ref().map(|claims| claims.evidence_type));
        let api = UserApiClient::new(link.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let address = address.way.host_port.clone();
        Ok(Self { address, api, channel: link.channel, claims: link.claims })
    }
}

/// A consent as it stands in requests.
pub(crate) fn wire_consent(consent: SeedConsent) -> events::SeedConsent {
    events::SeedConsent {
        transition: consent.transition.to_vec(),
        policies: consent.policies.concat(),
        owner: consent.owner.to_vec(),
        signature: consent.signature,
    }
}

/// Tells what is being waited for: on a terminal beside the spinner, elsewhere once.
fn say_why(progress: &Progress, message: &str, error: &CoordinatorError, reported: &mut bool) {
    tracing::info!(error = error.to_string(), "the Coordinator cannot be reached yet");
    let line = format!("{message}: {error}");
    if !progress.is_visible() && !*reported {
        output::note(&line);
    }
    *reported = true;
    progress.say(line);
}
