//! Asking the Coordinator until it serves this pod.

use std::{error::Error as _, time::Duration};

use contrast_attestation::atls::{
    ClientKey, Connector, HandshakeError,
    grpc::{ConnectError, channel},
};
use contrast_proto::meshapi::{NewMeshCertRequest, mesh_api_client::MeshApiClient};
use tonic::{Code, Status};
use tracing::{info, warn};

use crate::{
    backoff::Backoff,
    credentials::{Credentials, UselessAnswer},
};

/// How long a Coordinator may think about an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks the mesh API at `address` for credentials, as often as it takes. Says in the log what it waits for.
pub(crate) async fn until_served(address: &str, connector: &Connector, key: &ClientKey) -> Credentials {
    let mut backoff = Backoff::new();
    loop {
        match attempt(address, connector, key).await {
            Ok(credentials) => return credentials,
            Err(reason) => {
                let delay = backoff.next_delay();
                reason.log();
                info!("next attempt in {:.1} seconds", delay.as_secs_f32());
                tokio::time::sleep(delay).await;
            }
        }
    }
}

/// Asks once, with the key that the connection shows.
pub(crate) async fn attempt(
    address: &str,
    connector: &Connector,
    key: &ClientKey,
) -> Result<Credentials, Unserved> {
    let channel = channel(address, connector).await?;
    let mut client = MeshApiClient::new(channel);
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, client.new_mesh_cert(NewMeshCertRequest {}));
    let answer = answer.await.map_err(|_| Unserved::Silent)??;
    Ok(Credentials::read(answer.into_inner(), key)?)
}

/// Why an attempt did not succeed. Each reason may go away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unserved {
    #[error(transparent)]
    NotConnected(#[from] ConnectError),
    #[error("the Coordinator did not answer within {} seconds", ANSWER_TIMEOUT.as_secs())]
    Silent,
    #[error("{}", in_words(.0))]
    Refused(Box<Status>),
    #[error(transparent)]
    Useless(#[from] UselessAnswer),
}

impl From<Status> for Unserved {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl Unserved {
    /// Whether the Coordinator has seen this pod's evidence and does not allow it.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code() == Code::PermissionDenied)
    }

    /// Each line of the reason becomes a line of the log. The Coordinator is not trusted: it cannot forge lines.
    pub(crate) fn log(&self) {
        let text = self.to_string();
        let mut lines = text.lines().map(printable);
        warn!("waiting for {}: {}", self.what_is_missing(), lines.next().unwrap_or_default());
        for line in lines {
            warn!("{line}");
        }
    }

    /// What has to happen before an attempt can succeed.
    fn what_is_missing(&self) -> &'static str {
        match self {
            Self::NotConnected(ConnectError::Dial { .. }) => "the Coordinator to be reachable",
            Self::NotConnected(ConnectError::Handshake { cause, .. }) => match cause {
                // Some Coordinators hang up instead of saying that they are not ready.
                HandshakeError::Connection(_) | HandshakeError::TimedOut(_) => {
                    "the Coordinator to take connections (it may need `contrast set` or `contrast recover`)"
                }
                HandshakeError::Issue(_) => "this machine to give evidence",
                _ => "a Coordinator that speaks attested TLS with this pod",
            },
            Self::NotConnected(ConnectError::Http2 { .. }) => "a Coordinator that speaks gRPC",
            Self::Silent => "the Coordinator to answer",
            // Not what the Coordinator said, but that the connection to it broke.
            Self::Refused(status) if status.source().is_some() => "the Coordinator to be reachable",
            Self::Refused(status) => match status.code() {
                Code::FailedPrecondition if status.message().contains("no manifest") => {
                    "the Coordinator to have a manifest (`contrast set`)"
                }
                Code::FailedPrecondition if status.message().contains("recovery mode") => {
                    "the Coordinator to be recovered (`contrast recover`)"
                }
                Code::FailedPrecondition => "the Coordinator to be ready",
                Code::PermissionDenied => "a manifest that allows this pod (refused by the present one)",
                Code::Unavailable => "the Coordinator to be reachable",
                _ => "the Coordinator to issue a certificate",
            },
            Self::Useless(_) => "an answer that can be used",
        }
    }
}

/// What a status says, down to its root where it comes from the connection and not from the Coordinator.
fn in_words(status: &Status) -> String {
    let mut root = status.source();
    while let Some(deeper) = root.and_then(std::error::Error::source) {
        root = Some(deeper);
    }
    let code = status.code();
    match root {
        Some(root) => format!("the call failed ({code:?}): {root}"),
        None => format!("the Coordinator answers {code:?}: {}", status.message()),
    }
}

/// Without control characters, which could move the cursor of whoever reads the log.
pub(crate) fn printable(line: &str) -> String {
    line.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn refused(code: Code, message: &str) -> Unserved {
        Status::new(code, message).into()
    }

    fn handshake(cause: HandshakeError) -> Unserved {
        ConnectError::Handshake { address: "coordinator:7777".into(), cause }.into()
    }

    #[test]
    fn every_reason_says_who_has_to_do_what() {
        let dial =
            ConnectError::Dial { address: "coordinator:7777".into(), cause: io::Error::other("no route") };
        let cases = [
            (dial.into(), "reachable"),
            (handshake(HandshakeError::Connection(io::Error::other("reset"))), "`contrast recover`"),
            (handshake(HandshakeError::NoHttp2), "speaks attested TLS"),
            (refused(Code::FailedPrecondition, "no manifest configured"), "`contrast set`"),
            (refused(Code::FailedPrecondition, "coordinator is in recovery mode"), "`contrast recover`"),
            (refused(Code::FailedPrecondition, "connect again"), "to be ready"),
            (refused(Code::PermissionDenied, "HOST_DATA"), "refused"),
            (refused(Code::Unavailable, ""), "reachable"),
            (refused(Code::Internal, ""), "to issue"),
            (Status::from_error(io::Error::other("closed").into()).into(), "reachable"),
            (Unserved::Silent, "to answer"),
            (UselessAnswer::OtherKey.into(), "can be used"),
        ];
        for (reason, expected) in cases {
            assert!(reason.what_is_missing().contains(expected), "{reason}: {}", reason.what_is_missing());
        }
    }

    #[test]
    fn the_words_of_the_coordinator_are_in_the_reason() {
        assert_eq!(
            refused(Code::PermissionDenied, "because").to_string(),
            "the Coordinator answers PermissionDenied: because"
        );
    }

    #[test]
    fn a_coordinator_cannot_move_the_cursor() {
        assert_eq!(printable("\u{1b}[2Jall good\r"), "\u{fffd}[2Jall good\u{fffd}");
    }
}
