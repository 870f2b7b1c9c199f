//! How long an answer may take.

use std::time::Duration;

use tonic::Status;

use super::CoordinatorError;

/// Longest wait for an answer that comes in one piece; longer than a Coordinator takes before it gives up by itself.
pub(super) const ANSWER: Duration = Duration::from_secs(130);
/// Longest wait for the next piece of an answer that comes in many: as long as they come, it may take its time.
pub(super) const NEXT_PIECE: Duration = Duration::from_secs(60);

/// Ends a call, or a wait for its next piece, that takes too long.
pub(super) async fn within<T>(
    limit: Duration,
    address: &str,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T, CoordinatorError> {
    match tokio::time::timeout(limit, call).await {
        Ok(outcome) => outcome.map_err(|status| CoordinatorError::from_status(address, status)),
        Err(_) => Err(CoordinatorError::NoAnswer { address: address.to_owned(), seconds: limit.as_secs() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Advice;

    #[tokio::test]
    async fn a_call_without_an_answer_ends_and_says_so() {
        let limit = Duration::from_millis(1);
        let error = within::<()>(limit, "c:1313", std::future::pending()).await.unwrap_err();
        assert!(error.to_string().contains("c:1313 did not answer"), "{error}");
        assert!(!error.is_transient() && error.advice().unwrap().contains("try again"));
    }

    #[tokio::test]
    async fn an_answer_in_time_is_handed_on() {
        let answer = within(ANSWER, "c", async { Ok::<_, Status>(7) }).await;
        assert_eq!(answer.unwrap(), 7);
        let refusal = within::<()>(ANSWER, "c", async { Err(Status::permission_denied("no")) }).await;
        assert!(matches!(refusal, Err(CoordinatorError::Refused { .. })));
    }
}
