//! A sealed log, edited as a host could edit it.

use std::{convert::Infallible, sync::OnceLock};

use contrast_store::{
    Append, Opened,
    faults::{Content, Medium},
};
use sha2::{Digest as _, Sha256};

const SEED: [u8; 64] = [7; 64];
const EVENTS: [&[u8]; 4] = [b"", b"first", b"second", b"the third event is a little longer than the others"];
const BLOB: &[u8] = b"a policy";

/// Reads the input as a list of edits of a small log, and opens what results: an event or blob that comes out of it
/// is the one that went in, whatever was done to the log.
///
/// # Panics
/// If it is not.
pub fn sealed_record(bytes: &[u8]) {
    let _ = outcome_of(bytes);
}

/// How the log opens after the edits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// It does not.
    Refused,
    /// Authentic up to its end, with so many events.
    Opened { events: usize, blob: bool },
}

fn outcome_of(edits: &[u8]) -> Outcome {
    let Some(mut content) = untouched() else { return Outcome::Refused };
    let mut input = Input(edits);
    while input.edit(&mut content).is_some() {}

    let medium = Medium::new();
    medium.edit(|disk| *disk = content);
    let Ok(Opened::Locked(locked)) = contrast_store::open(medium.open()) else { return Outcome::Refused };
    let mut events = 0;
    let unlocked = locked.unlock(&SEED, |replayed| -> Result<(), Infallible> {
        assert_eq!(Some(&replayed.event), EVENTS.get(events));
        events += 1;
        Ok(())
    });
    let Ok(log) = unlocked else { return Outcome::Refused };
    let blob = log.reader().blob(&Sha256::digest(BLOB).into());
    assert!(blob.as_ref().is_ok_and(|blob| blob == BLOB) || blob.is_err());
    Outcome::Opened { events, blob: blob.is_ok() }
}

/// What a log looks like before the host gets it: made once, as it takes randomness.
fn untouched() -> Option<Content> {
    static CONTENT: OnceLock<Option<Content>> = OnceLock::new();
    CONTENT.get_or_init(write).clone()
}

fn write() -> Option<Content> {
    let medium = Medium::new();
    let Ok(Opened::Empty(empty)) = contrast_store::open(medium.open()) else { return None };
    let first = Append { events: EVENTS.map(<[u8]>::to_vec).to_vec(), blobs: vec![BLOB] };
    empty.initialize(&SEED, [3; 32], b"shares".to_vec(), first).ok()?;
    Some(medium.content())
}

/// The part of the input that was not used yet.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    /// Does one edit; nothing when the input is used up.
    fn edit(&mut self, content: &mut Content) -> Option<()> {
        let kind = self.byte()?;
        let (one, other) = (self.position()?, self.position()?);
        let records = &mut content.records;
        match kind % 8 {
            0 => {
                let replacement = self.bytes()?;
                records.insert(one, replacement);
            }
            1 => flip(records.get_mut(&one)?, self.byte()?, self.byte()?),
            2 => {
                records.remove(&one);
            }
            3 => {
                let (first, second) = (records.get(&one)?.clone(), records.get(&other)?.clone());
                records.insert(one, second);
                records.insert(other, first);
            }
            4 => records.retain(|position, _| *position < one),
            5 => flip(content.header.as_mut()?, self.byte()?, self.byte()?),
            6 => flip(content.blobs.values_mut().next()?, self.byte()?, self.byte()?),
            _ => records.get_mut(&one)?.truncate(usize::from(self.byte()?)),
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// One of the positions of the log, or the one behind them.
    fn position(&mut self) -> Option<u64> {
        Some(u64::from(self.byte()?) % (EVENTS.len() as u64 + 1))
    }

    /// As many bytes as the first says, or as there are.
    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(self.byte()?).min(self.0.len());
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken.to_vec())
    }
}

fn flip(bytes: &mut [u8], position: u8, mask: u8) {
    let length = bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(usize::from(position) % length) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_nobody_edits_opens_with_everything() {
        assert_eq!(outcome_of(&[]), Outcome::Opened { events: 4, blob: true });
    }

    #[test]
    fn each_kind_of_edit_does_what_it_says() {
        let cases: [(&[u8], Outcome); 10] = [
            (&[0, 1, 0, 3, 9, 9, 9], Outcome::Refused),
            (&[1, 2, 0, 5, 1], Outcome::Refused),
            (&[1, 2, 0, 5, 0], Outcome::Opened { events: 4, blob: true }),
            (&[2, 1, 0], Outcome::Refused),
            (&[3, 0, 1], Outcome::Refused),
            // What a log cannot know about itself: that its newest events are gone.
            (&[4, 2, 0], Outcome::Opened { events: 2, blob: true }),
            (&[5, 0, 0, 30, 1], Outcome::Refused),
            (&[6, 0, 0, 30, 1], Outcome::Opened { events: 4, blob: false }),
            (&[7, 3, 0, 20], Outcome::Refused),
            (&[7, 3, 0, 255], Outcome::Opened { events: 4, blob: true }),
        ];
        for (edits, outcome) in cases {
            assert_eq!(outcome_of(edits), outcome, "{edits:?}");
        }
    }
}
