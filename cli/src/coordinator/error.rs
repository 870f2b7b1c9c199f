//! Why the Coordinator did not do what it was asked for.

use std::{borrow::Cow, error::Error};

use contrast_attestation::{
    Cause, Refusal,
    atls::{HandshakeError, grpc::ConnectError},
};
use tonic::{Code, Status};

use crate::failure::Advice;

/// Why a call to the Coordinator failed, told apart by who has to do something about it.
#[derive(thiserror::Error, Debug)]
pub(crate) enum CoordinatorError {
    /// There is no attested connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke during the call. Whether the Coordinator acted on it is not known.
    #[error("the connection to the Coordinator at {address} broke during the call")]
    Broken {
        /// Where it is.
        address: String,
        /// What the transport says.
        source: Status,
    },
    /// The connection broke during a call that must not be made twice.
    #[error(
        "the connection to the Coordinator at {address} broke after the manifest was sent, so whether it is set now is not known"
    )]
    OutcomeUnknown {
        /// Where it is.
        address: String,
        /// What the transport says.
        source: Status,
    },
    /// The time was over.
    #[error("the Coordinator at {address} did not do it within {seconds} seconds")]
    TooSlow {
        /// Where it is.
        address: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Nothing came for too long.
    #[error("the Coordinator at {address} did not answer for {seconds} seconds")]
    NoAnswer {
        /// Where it is.
        address: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The Coordinator is there, but cannot serve yet.
    #[error("the Coordinator at {address} is not available: {reason}")]
    Unavailable {
        /// Where it is.
        address: String,
        /// What it says.
        reason: String,
    },
    /// The Coordinator does not know the call.
    #[error("the Coordinator at {address} does not know this call; it is older than this program")]
    TooOld {
        /// Where it is.
        address: String,
    },
    /// The Coordinator refused.
    #[error("the Coordinator at {address} refused: {reason}")]
    Refused {
        /// Where it is.
        address: String,
        /// The kind of refusal.
        code: Code,
        /// What it says.
        reason: String,
    },
}

impl CoordinatorError {
    /// Sorts the outcome of a call.
    pub(super) fn from_status(address: &str, status: Status) -> Self {
        let address = address.to_owned();
        // A status that was made on this side of the connection has a source; one that was sent has none.
        if status.source().is_some() {
            return Self::Broken { address, source: status };
        }
        let reason = status.message().to_owned();
        match status.code() {
            Code::Unavailable => Self::Unavailable { address, reason },
            Code::Unimplemented => Self::TooOld { address },
            code => Self::Refused { address, code, reason },
        }
    }

    /// For a call that must not be made again by itself when nobody knows whether it was done.
    pub(crate) fn with_unknown_outcome(self) -> Self {
        match self {
            Self::Broken { address, source } => Self::OutcomeUnknown { address, source },
            other => other,
        }
    }

    /// Whether the same call may succeed a little later, without anyone changing anything.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_transient(),
            Self::Broken { .. } | Self::Unavailable { .. } => true,
            Self::OutcomeUnknown { .. }
            | Self::TooSlow { .. }
            | Self::NoAnswer { .. }
            | Self::TooOld { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// The kind of refusal, if it is one.
    pub(crate) fn refusal_code(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the Coordinator says that no manifest was ever set. These words are part of the protocol.
    pub(super) fn says_that_there_is_no_manifest(&self) -> bool {
        matches!(self, Self::Refused { code: Code::FailedPrecondition, reason, .. } if reason.contains("no manifest configured"))
    }

    /// Whether the Coordinator says that it was restarted and is locked. These words are part of the protocol.
    pub(crate) fn says_that_it_is_locked(&self) -> bool {
        matches!(self, Self::Refused { code: Code::FailedPrecondition, reason, .. } if reason.contains("recovery mode"))
    }

    /// Why the Coordinator's evidence is not accepted, if that is the reason.
    fn attestation_refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Connect(ConnectError::Handshake { cause: HandshakeError::Refused(refusal), .. }) => {
                Some(refusal)
            }
            _ => None,
        }
    }
}

impl Advice for CoordinatorError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        if let Some(refusal) = self.attestation_refusal() {
            return Some(attestation_advice(refusal).into());
        }
        Some(match self {
            Self::Connect(ConnectError::Dial { .. }) => {
                "check the address, and that the Coordinator runs and its port can be reached from here"
                    .into()
            }
            Self::Connect(error) if error.is_transient() => {
                "try again; if it goes on, look at the Coordinator's log".into()
            }
            Self::Connect(_) => {
                "check that the address is that of a Coordinator's user API (port 1313)".into()
            }
            Self::Broken { .. } | Self::Unavailable { .. } => "try again".into(),
            Self::OutcomeUnknown { .. } | Self::TooSlow { .. } => {
                "run `contrast verify` to see whether the manifest is the current one; if not, set it again"
                    .into()
            }
            Self::NoAnswer { .. } => {
                "it may be at work still: try again in a while; if it goes on, look at its log and at the network".into()
            }
            Self::TooOld { .. } => "use the release of this program that came with the Coordinator".into(),
            Self::Refused { code, reason, .. } => return refusal_advice(*code, reason),
        })
    }
}

fn attestation_advice(refusal: &Refusal) -> &'static str {
    let host_data = match refusal {
        Refusal::Rejected { nearest, .. } => {
            let mut findings = nearest.iter().flat_map(|rejection| &rejection.findings);
            findings.any(|finding| finding.cause == Cause::HostData)
        }
        Refusal::NoEvidence | Refusal::NoVerifier { .. } => false,
    };
    if host_data {
        "the Coordinator runs under another policy than the manifest has for it: it may be of another release, \
         or policies were not generated since its resource file changed"
    } else {
        "send nothing to this Coordinator; if it should be the right one, correct the reference values in the manifest"
    }
}

fn refusal_advice(code: Code, reason: &str) -> Option<Cow<'static, str>> {
    match code {
        Code::InvalidArgument => Some("correct what the Coordinator names, and try again".into()),
        Code::Internal | Code::Unknown => Some("look at the Coordinator's log".into()),
        // A locked Coordinator says so in many words; this names the command.
        Code::FailedPrecondition
            if reason.contains("recovery mode") && !reason.contains("contrast recover") =>
        {
            Some("a restarted Coordinator is unlocked with `contrast recover`".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use contrast_attestation::{Finding, Rejection};

    use super::*;

    fn handshake(cause: HandshakeError) -> CoordinatorError {
        ConnectError::Handshake { address: "c:1313".to_owned(), cause }.into()
    }

    fn refused(cause: Cause, field: &str) -> CoordinatorError {
        let finding =
            Finding { cause, field: field.to_owned(), expected: "1".to_owned(), found: "2".to_owned() };
        let rejection = Rejection { verifier: "simulated-0".to_owned(), findings: vec![finding] };
        handshake(HandshakeError::Refused(Refusal::Rejected { nearest: vec![rejection], others: 0 }))
    }

    #[test]
    fn what_may_pass_by_itself_is_tried_again() {
        let dial = ConnectError::Dial {
            address: "c:1313".to_owned(),
            cause: io::ErrorKind::ConnectionRefused.into(),
        };
        assert!(CoordinatorError::from(dial).is_transient());
        assert!(handshake(HandshakeError::TimedOut(std::time::Duration::from_secs(30))).is_transient());
        assert!(CoordinatorError::from_status("c", Status::unavailable("starting")).is_transient());
    }

    #[test]
    fn an_attestation_refusal_is_final_and_shows_every_mismatch() {
        let error = refused(Cause::Measurement, "report field MEASUREMENT");
        assert!(!error.is_transient());
        assert!(
            error.to_string().contains("simulated-0: report field MEASUREMENT: expected 1, found 2"),
            "{error}"
        );
    }

    #[test]
    fn other_host_data_hints_at_the_coordinators_policy() {
        assert!(
            refused(Cause::HostData, "report field HOST_DATA").advice().unwrap().contains("another policy")
        );
        assert!(
            !refused(Cause::Measurement, "report field MEASUREMENT")
                .advice()
                .unwrap()
                .contains("another policy")
        );
    }

    #[test]
    fn refusals_of_a_coordinator_are_final() {
        for status in
            [Status::permission_denied("no"), Status::failed_precondition("no"), Status::internal("no")]
        {
            assert!(!CoordinatorError::from_status("c", status).is_transient());
        }
    }

    #[test]
    fn a_set_whose_connection_broke_is_not_repeated() {
        let broken = Status::from_error(Box::new(io::Error::from(io::ErrorKind::ConnectionReset)));
        let broken = CoordinatorError::from_status("c", broken);
        assert!(broken.is_transient());
        let unknown = broken.with_unknown_outcome();
        assert!(!unknown.is_transient());
        assert!(unknown.advice().unwrap().contains("contrast verify"));
        let starting = CoordinatorError::from_status("c", Status::unavailable("starting"));
        assert!(starting.with_unknown_outcome().is_transient());
    }

    #[test]
    fn an_unknown_call_means_an_older_coordinator() {
        let error = CoordinatorError::from_status("c", Status::unimplemented(""));
        assert!(matches!(error, CoordinatorError::TooOld { .. }));
    }
}
