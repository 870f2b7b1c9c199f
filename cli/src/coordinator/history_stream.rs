//! Fetching a history.

use std::borrow::Cow;

use contrast_proto::userapi::GetHistoryRequest;

use super::{
    Coordinator, CoordinatorError,
    deadline::{NEXT_PIECE, within},
};
use crate::{
    failure::Advice,
    history::{Assembly, History, HistoryError},
    output::with_progress,
};

/// A history cannot be fetched.
#[derive(thiserror::Error, Debug)]
pub(crate) enum FetchError {
    /// The call failed.
    #[error(transparent)]
    Coordinator(#[from] CoordinatorError),
    /// What came is no history.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl FetchError {
    /// Whether the Coordinator says that no manifest was ever set.
    pub(crate) fn says_that_there_is_no_manifest(&self) -> bool {
        matches!(self, Self::Coordinator(error) if error.says_that_there_is_no_manifest())
    }

    /// Whether the Coordinator does not hand out histories at all.
    pub(crate) fn says_that_it_is_too_old(&self) -> bool {
        matches!(self, Self::Coordinator(CoordinatorError::TooOld { .. }))
    }
}

impl Advice for FetchError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Coordinator(error) => error.advice(),
            Self::History(error) => error.advice(),
        }
    }
}

/// How much of a history to fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// Events, manifests and policies.
    Everything,
    /// Events alone.
    EventsOnly,
}

impl Coordinator {
    /// Fetches the history, which the caller has to check.
    pub(crate) async fn history(&mut self, extent: Extent) -> Result<History, FetchError> {
        with_progress("Reading the history", async |_| self.stream_history(extent).await).await
    }

    async fn stream_history(&mut self, extent: Extent) -> Result<History, FetchError> {
        let events_only = extent == Extent::EventsOnly;
        let request = GetHistoryRequest { from_position: 0, events_only };
        let mut stream = within(NEXT_PIECE, &self.address, self.api.get_history(request)).await?.into_inner();
        let mut assembly = Assembly::default();
        loop {
            match within(NEXT_PIECE, &self.address, stream.message()).await? {
                Some(item) => assembly.add(item)?,
                None => return Ok(assembly.finish()?),
            }
        }
    }
}
