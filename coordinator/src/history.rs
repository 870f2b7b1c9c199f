//! The history as the user API hands it out: in one piece for present clients, in a stream for the rest.

use std::collections::HashSet;

use contrast_proto::{
    events::v1 as wire,
    userapi::{GetHistoryRequest, HistoryAnchors, HistoryContent, HistoryRecord, history_item::Item},
};
use prost::Message;

use crate::{
    authority::Active,
    event::{Digest, Event, EventError, EventKind},
    refusal::{EventFault, Refusal},
};

/// Most bytes of contents in one answer. Present clients take 4 MiB.
const MAX_CONTENTS: usize = 16 * 1024 * 1024;
/// Bytes of a content that travel in one message; well below what present clients take.
const SLICE: usize = 1024 * 1024;

/// What all events refer to.
pub struct Contents {
    /// All manifests, oldest first.
    pub manifests: Vec<Vec<u8>>,
    /// Every policy that any of them refers to, once each.
    pub policies: Vec<Vec<u8>>,
}

/// Reads all manifests and policies of a state.
///
/// # Errors
/// When the log does not verify, or the contents are too large for one answer.
pub fn contents(active: &Active) -> Result<Contents, Refusal> {
    let log = &active.history;
    let mut left = MAX_CONTENTS;
    let mut load = |digest: &Digest| {
        let content = log.blob(digest)?;
        left = left.checked_sub(content.len()).ok_or(Refusal::HistoryTooLarge { limit: MAX_CONTENTS })?;
        Ok::<_, Refusal>(content)
    };
    let (mut manifests, mut policies, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for record in log.read(0..active.events) {
        let record = record?;
        let event = Event::decode(&record.event).map_err(|error| bad_event(record.position, error))?;
        if let EventKind::ManifestSet(set) = event.kind {
            manifests.push(load(&set.manifest)?);
            for policy in set.policies {
                if seen.insert(policy) {
                    policies.push(load(&policy)?);
                }
            }
        }
    }
    Ok(Contents { manifests, policies })
}

/// Whether a transition is anywhere in the history.
///
/// # Errors
/// When the log does not verify.
pub fn contains(active: &Active, transition: &Digest) -> Result<bool, Refusal> {
    for record in active.history.read(0..active.events) {
        let record = record?;
        let event = Event::decode(&record.event).map_err(|error| bad_event(record.position, error))?;
        if matches!(event.kind, EventKind::ManifestSet(set) if set.transition == *transition) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sends the history of a state through `send`, until the end or until that returns false: nobody listens.
///
/// # Errors
/// When the log does not verify.
pub fn stream(
    active: &Active,
    request: &GetHistoryRequest,
    send: impl Fn(Item) -> bool,
) -> Result<(), Refusal> {
    let (log, events) = (&active.history, active.events);
    let anchors = HistoryAnchors {
        root_ca: active.lasting.root_ca.clone().into_bytes(),
        transition_signer: active.lasting.transition_signer.clone().into_bytes(),
        mesh_ca: active.ca.certificates().mesh_ca.clone().into_bytes(),
        events,
    };
    if !send(Item::Anchors(anchors)) {
        return Ok(());
    }
    let mut sent = HashSet::new();
    for record in log.read(request.from_position.min(events)..events) {
        let record = record?;
        let wire = wire::Event::decode(record.event.as_slice())
            .map_err(|error| bad_event(record.position, EventError::NotProtobuf(error)))?;
        let event = Event::try_from(wire.clone()).map_err(|error| bad_event(record.position, error))?;
        if !request.events_only {
            for digest in event.contents().filter(|digest| sent.insert(*digest)) {
                if !send_content(digest, &log.blob(&digest)?, &send) {
                    return Ok(());
                }
            }
        }
        let record =
            HistoryRecord { position: record.position, digest: record.digest.to_vec(), event: Some(wire) };
        if !send(Item::Record(record)) {
            return Ok(());
        }
    }
    Ok(())
}

fn send_content(digest: Digest, content: &[u8], send: &impl Fn(Item) -> bool) -> bool {
    let mut rest = content;
    loop {
        let (data, after) = rest.split_at(rest.len().min(SLICE));
        let last = after.is_empty();
        let slice = HistoryContent { digest: digest.to_vec(), data: data.to_vec(), last };
        if !send(Item::Content(slice)) {
            return false;
        }
        if last {
            return true;
        }
        rest = after;
    }
}

fn bad_event(position: u64, error: EventError) -> Refusal {
    Refusal::BadEvent { position, reason: EventFault::Form(error) }
}
