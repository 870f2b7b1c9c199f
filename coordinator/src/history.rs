//! The history as the user API hands it out, step by step: no more of it is in memory than one step, however slowly its
//! reader takes it.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use contrast_proto::{
    events::v1 as wire,
    userapi::{HistoryAnchors, HistoryContent, HistoryRecord, history_item::Item},
};
use contrast_store::Records;
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    authority::Active,
    event::{Digest, Event, EventError, EventKind},
    limits::SLICE,
    refusal::{EventFault, Refusal},
};

/// Most events of one step; their number counts where they are small.
const EVENTS: usize = 64;
/// Bytes of contents that are read in one turn only to find out how many they are.
const MEASURED: usize = 256 * 1024;

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

/// What a history is checked against.
#[must_use]
pub fn anchors(active: &Active) -> HistoryAnchors {
    HistoryAnchors {
        root_ca: active.lasting.root_ca.clone().into_bytes(),
        transition_signer: active.lasting.transition_signer.clone().into_bytes(),
        mesh_ca: active.ca.certificates().mesh_ca.clone().into_bytes(),
        events: active.events,
    }
}

/// What a reader of the history gets to see of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// Each content once and before the first event that refers to it, and all events.
    Everything,
    /// All events.
    Events,
    /// The manifest of each event that sets one, and each policy once; no events.
    Contents,
}

/// A way through the history of a state, in steps.
pub struct Walk {
    active: Arc<Active>,
    records: Records,
    view: View,
    /// Contents of the next event that are still to come. The first of an event that sets a manifest is the manifest.
    contents: VecDeque<(Kind, Digest)>,
    /// Bytes of the first of them that were met before.
    at: usize,
    /// The first of them, if there was room for it.
    kept: Option<Kept>,
    /// Bytes for which there is room, for all walks together.
    room: Arc<Semaphore>,
    event: Option<HistoryRecord>,
    met: HashSet<Digest>,
}

/// A content of which a part was met.
struct Kept {
    content: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

/// What is met on the way.
pub enum Met {
    /// A part of a content.
    Slice(Slice),
    /// An event.
    Event(HistoryRecord),
}

/// Some consecutive bytes of a content.
pub struct Slice {
    /// What the content is.
    pub kind: Kind,
    /// Its SHA-256.
    pub digest: Digest,
    /// How many bytes it has altogether.
    pub length: usize,
    /// Position of the first of these.
    pub at: usize,
    /// The bytes.
    pub data: Vec<u8>,
}

/// What a content is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A manifest.
    Manifest,
    /// A policy.
    Policy,
}

impl Walk {
    /// Begins with the event at `from`. Events before it, and what they refer to, are not met. Contents are kept while they
    /// are met if there is `room` for their bytes.
    #[must_use]
    pub fn new(active: Arc<Active>, view: View, from: u64, room: Arc<Semaphore>) -> Self {
        let records = active.history.read(from.min(active.events)..active.events);
        Self {
            active,
            records,
            view,
            contents: VecDeque::new(),
            at: 0,
            kept: None,
            room,
            event: None,
            met: HashSet::new(),
        }
    }

    /// The next step: as much as fits into a [`SLICE`], but at least one thing; nothing at the end.
    ///
    /// # Errors
    /// When the log does not verify.
    pub fn step(&mut self) -> Result<Vec<Met>, Refusal> {
        let (mut step, mut bytes) = (Vec::new(), 0_usize);
        while bytes < SLICE && step.len() < EVENTS {
            let Some(met) = self.meet(SLICE.saturating_sub(bytes))? else { break };
            bytes = bytes.saturating_add(match &met {
                Met::Slice(slice) => slice.data.len(),
                Met::Event(record) => record.encoded_len(),
            });
            step.push(met);
        }
        Ok(step)
    }

    /// Lengths of the next contents in [`View::Contents`]: as many as are read in one turn; none at the end.
    ///
    /// # Errors
    /// When the log does not verify.
    pub fn measure(&mut self) -> Result<Vec<usize>, Refusal> {
        let (mut lengths, mut bytes) = (Vec::new(), 0_usize);
        while bytes < MEASURED && lengths.len() < EVENTS {
            let Some(Met::Slice(slice)) = self.meet(usize::MAX)? else { break };
            bytes = bytes.saturating_add(slice.length);
            lengths.push(slice.length);
        }
        Ok(lengths)
    }

    /// The next thing on the way; of a content at most so many bytes.
    fn meet(&mut self, most: usize) -> Result<Option<Met>, Refusal> {
        loop {
            if let Some((kind, digest)) = self.contents.front().copied() {
                return self.slice(kind, digest, most).map(|slice| Some(Met::Slice(slice)));
            }
            if let Some(event) = self.event.take() {
                return Ok(Some(Met::Event(event)));
            }
            let Some(record) = self.records.next() else { return Ok(None) };
            let record = record?;
            let wire = wire::Event::decode(record.event.as_slice())
                .map_err(|error| bad_event(record.position, EventError::NotProtobuf(error)))?;
            if self.view != View::Events {
                let event =
                    Event::try_from(wire.clone()).map_err(|error| bad_event(record.position, error))?;
                self.note_contents(&event);
            }
            if self.view != View::Contents {
                let digest = record.digest.to_vec();
                self.event = Some(HistoryRecord { position: record.position, digest, event: Some(wire) });
            }
        }
    }

    fn note_contents(&mut self, event: &Event) {
        let kinds = std::iter::once(Kind::Manifest).chain(std::iter::repeat(Kind::Policy));
        for (kind, digest) in kinds.zip(event.contents()) {
            let is_new = self.met.insert(digest);
            if is_new || (kind == Kind::Manifest && self.view == View::Contents) {
                self.contents.push_back((kind, digest));
            }
        }
    }

    /// Reads a content anew for each slice if it cannot be kept: slow readers have all the room that there is, and then
    /// their answers cost time instead of memory.
    fn slice(&mut self, kind: Kind, digest: Digest, most: usize) -> Result<Slice, Refusal> {
        let content = match self.kept.take() {
            Some(kept) => kept,
            None => Kept { content: self.active.history.blob(&digest)?, room: None },
        };
        let (at, length) = (self.at, content.content.len());
        let end = at.saturating_add(most).min(length);
        let data = match at {
            0 if end == length => content.content,
            _ => {
                let data = content.content.get(at..end).unwrap_or_default().to_vec();
                self.kept = content.in_room(&self.room).filter(|_| end < length);
                data
            }
        };
        self.at = end;
        if end == length {
            self.contents.pop_front();
            self.at = 0;
        }
        Ok(Slice { kind, digest, length, at, data })
    }
}

impl Kept {
    /// The same, if there is room for it.
    fn in_room(self, room: &Arc<Semaphore>) -> Option<Self> {
        if self.room.is_some() {
            return Some(self);
        }
        let bytes = u32::try_from(self.content.len()).ok()?;
        let room = Arc::clone(room).try_acquire_many_owned(bytes).ok();
        room.map(|room| Self { room: Some(room), ..self })
    }
}

impl From<Met> for Item {
    fn from(met: Met) -> Self {
        match met {
            Met::Event(record) => Self::Record(record),
            Met::Slice(Slice { digest, length, at, data, .. }) => {
                let last = at.saturating_add(data.len()) == length;
                Self::Content(HistoryContent { digest: digest.to_vec(), data, last })
            }
        }
    }
}

fn bad_event(position: u64, error: EventError) -> Refusal {
    Refusal::BadEvent { position, reason: EventFault::Form(error) }
}
