//! Looks through sled's files before sled does.
//!
//! A host can write what it likes into them, with right checksums. Sled believes what has one: it makes room for as
//! many pages as a message names, or follows numbers around a circle. So everything that has a right checksum is read
//! here first, once and in the order of the files: each number has to be one that sled can have written, given how
//! long the files are. What has a wrong checksum is left to sled, which takes it for the torn end of a crash; whether
//! acknowledged events went with it, the count of the records tells afterwards.
//!
//! The form of the files is that of sled 0.34.7 (`pagecache` and `serialization` of its source).

mod cursor;
mod page;
mod segment;
mod snapshot;

use super::names;
use crate::backend_error::{BackendError, Damage};
use segment::{MOST_WRITTEN, Message, SEGMENT, Segment};
use snapshot::Snapshot;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Sled names a page in its snapshot with a few bytes more than in the message itself.
const SNAPSHOT_PER_FILE: u64 = 4;
/// Most bytes of messages that the pointers into one segment may have looked at. They do not overlap, so that honest ones
/// need no more than the segment.
const MOST_CLAIMED: usize = 2 * SEGMENT;
/// Pages that may be known to none of the messages.
const SPARE_PAGES: u64 = 1024;

/// Refuses the database in the directory `path` if sled cannot have written it. `snapshots` are the names of its
/// snapshots.
pub(super) fn judge(path: &Path, snapshots: &[String]) -> Result<(), BackendError> {
    let db = path.join("db");
    let opening = |error| BackendError::opening(&db, error);
    let file = names::open_file(&db)?;
    let length = file.metadata().map_err(opening)?.len();
    if length >= MOST_WRITTEN {
        return Err(unsound(&db, 0));
    }
    // Sled reads the last one in the order of the names.
    let snapshot = match snapshots.iter().max() {
        Some(name) => read_snapshot(&path.join(name), name, length)?,
        None => Snapshot::default(),
    };
    let file = Segments { file, path: db, length };
    let mut pointers = snapshot.pointers.iter().peekable();
    let (mut messages, mut largest) = (0u64, Largest::default());
    file.for_each(|offset, segment| {
        let header = segment.header();
        if header.as_ref().is_some_and(|header| !header.is_sound()) {
            return Err(unsound(&file.path, offset));
        }
        walk(&segment, header.map(|header| header.begins), |at, message| {
            messages += 1;
            largest.note(offset + at as u64, named(message)?);
            Some(())
        })
        .map_err(|at| unsound(&file.path, offset + at as u64))?;
        // A pointer can lead to where no walk along the messages comes by, and messages can be hidden in messages.
        let mut claimed = 0usize;
        while let Some(pointer) = pointers.next_if(|pointer| pointer.offset < offset + SEGMENT as u64) {
            let at = usize::try_from(pointer.offset - offset).unwrap_or(usize::MAX);
            // Sled does not read what a free page was made of.
            let Some(expected) = pointer.length else { continue };
            claimed = claimed.saturating_add(segment.claimed_length(at, pointer.segment));
            if claimed > MOST_CLAIMED {
                return Err(unsound(&file.path, pointer.offset));
            }
            let Some((message, length)) = segment.message(at, pointer.segment) else { continue };
            let named = named(&message).filter(|_| expected == length as u64);
            largest.note(pointer.offset, named.ok_or_else(|| unsound(&file.path, pointer.offset))?);
        }
        Ok(())
    })?;
    // Each page has at least one message, and those that the snapshot knows may be anywhere.
    let pages = snapshot.pages.saturating_add(messages).saturating_add(SPARE_PAGES);
    if largest.page < pages { Ok(()) } else { Err(unsound(&file.path, largest.offset)) }
}

/// The largest number of a page, and where in the file it was found.
#[derive(Default)]
struct Largest {
    page: u64,
    offset: u64,
}

impl Largest {
    fn note(&mut self, offset: u64, page: u64) {
        if page > self.page {
            *self = Self { page, offset };
        }
    }
}

fn read_snapshot(path: &Path, name: &str, length: u64) -> Result<Snapshot, BackendError> {
    let opening = |error| BackendError::opening(path, error);
    let file = names::open_file(path)?;
    let most = length.saturating_mul(SNAPSHOT_PER_FILE).saturating_add(SEGMENT as u64);
    let bytes = names::read_at_most(file, most).map_err(opening)?.ok_or_else(|| unsound(path, 0))?;
    let snapshot = Snapshot::parse(&bytes).ok_or_else(|| unsound(path, 0))?;
    let expected = format!("snap.{:016X}", snapshot.durable);
    if name == expected { Ok(snapshot) } else { Err(unsound(path, 0)) }
}

/// The largest number of a page that a message names; `None` where sled cannot have written it.
fn named(message: &Message<'_>) -> Option<u64> {
    match message {
        Message::Page { kind, page, content } => page::largest_named(*kind, *page, content),
        Message::Cap | Message::Other => Some(0),
        Message::Foreign => None,
    }
}

/// Calls `on_message` for each message of a segment that begins at `begins` in all that was ever written; `None`: it
/// has no valid header, and sled reads no message in it. `None` of it refuses the message, whose offset is the error.
fn walk(
    segment: &Segment<'_>,
    begins: Option<i64>,
    mut on_message: impl FnMut(usize, &Message<'_>) -> Option<()>,
) -> Result<(), usize> {
    let Some(begins) = begins.and_then(|begins| u64::try_from(begins).ok()) else { return Ok(()) };
    let mut offset = Segment::FIRST;
    while let Some((message, length)) = segment.message(offset, begins / SEGMENT as u64) {
        on_message(offset, &message).ok_or(offset)?;
        if matches!(message, Message::Cap) {
            break;
        }
        offset += length;
    }
    Ok(())
}

/// Sled's file, a segment at a time.
struct Segments {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Segments {
    fn for_each(
        &self,
        mut on_segment: impl FnMut(u64, Segment<'_>) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        let mut buffer = vec![0; SEGMENT];
        for offset in (0..self.length).step_by(SEGMENT) {
            let filled = usize::try_from(self.length - offset).unwrap_or(SEGMENT).min(SEGMENT);
            let (bytes, beyond) = buffer.split_at_mut(filled);
            self.file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
                // It became shorter just now.
                io::ErrorKind::UnexpectedEof => unsound(&self.path, offset),
                _ => BackendError::opening(&self.path, error),
            })?;
            // Sled takes what is beyond the end for zeros.
            beyond.fill(0);
            on_segment(offset, Segment::new(&buffer))?;
        }
        Ok(())
    }
}

fn unsound(path: &Path, offset: u64) -> BackendError {
    Damage::Unsound { path: path.to_owned(), offset }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::time::{ClockId, clock_gettime};
    use std::time::Duration;

    /// A database whose segments are full of the shortest messages, and a snapshot that names as many pages.
    fn dense(segments: usize) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, mut snapshot) = (Vec::new(), vec![0; 9]);
        for number in 0..segments {
            let begins = (number * SEGMENT) as i64;
            let numbers = [begins ^ i64::MAX, -1 ^ i64::MAX].map(i64::to_le_bytes).concat();
            let mut segment = [(!crc32fast::hash(&numbers)).to_le_bytes().to_vec(), numbers].concat();
            while segment.len() <= SEGMENT - 32 {
                let (header, at) = ([4, 0, u8::try_from(number).unwrap(), 2], segment.len());
                let checksum = !crc32fast::hash(&header);
                segment.extend([checksum.to_le_bytes(), header].concat());
                snapshot.push(0);
                snapshot.extend((begins + at as i64).to_le_bytes());
                snapshot.extend([0, 255]);
                snapshot.extend((begins + at as i64).to_le_bytes());
            }
            segment.resize(SEGMENT, 0);
            file.extend(segment);
        }
        let checksum = crc32fast::hash(&snapshot).to_le_bytes();
        snapshot.extend((snapshot.len() as u64).to_le_bytes());
        snapshot.extend(checksum);
        std::fs::write(dir.path().join("db"), file).unwrap();
        std::fs::write(dir.path().join(NAME), snapshot).unwrap();
        dir
    }

    const NAME: &str = "snap.0000000000000000";

    /// What this thread has taken of the processor so far: a busy machine changes little of it.
    fn processor_time() -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
    }

    fn cost(segments: usize) -> Duration {
        let dir = dense(segments);
        let once = || {
            let before = processor_time();
            judge(dir.path(), &[NAME.to_owned()]).unwrap();
            processor_time() - before
        };
        (0..3).map(|_| once()).min().unwrap()
    }

    #[test]
    fn twice_the_size_costs_about_twice_as_much() {
        let ratio = cost(4).as_secs_f64() / cost(2).as_secs_f64();
        assert!(ratio < 2.5, "{ratio:.2}");
    }
}
