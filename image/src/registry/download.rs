//! A blob as it comes, read by whoever may block.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use contrast_http::{Bytes, StatusCode, header::CONTENT_RANGE};
use tokio::sync::Semaphore;

use super::{
    RegistryError,
    requests::{Kind, Place, Requests},
};
use crate::descriptor::Descriptor;

/// What came so far is read here; a task fetches the rest.
pub(super) struct Download {
    parts: Receiver<Result<Bytes, RegistryError>>,
    /// Places for parts that were fetched and not read.
    room: Arc<Semaphore>,
    part: Bytes,
}

/// Parts that are kept at most. Each is what a connection had at one time, some hundred KiB at most.
const PARTS: usize = 16;

struct Task {
    requests: Arc<Requests>,
    place: Arc<Place>,
    digest: String,
    size: u64,
    parts: Sender<Result<Bytes, RegistryError>>,
    room: Arc<Semaphore>,
    /// Bytes that were handed on.
    done: u64,
}

impl Download {
    /// A download, and the task that makes it happen. The task ends when the download is dropped.
    pub(super) fn new(
        requests: Arc<Requests>,
        place: Arc<Place>,
        wanted: &Descriptor,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, parts) = channel();
        let room = Arc::new(Semaphore::new(PARTS));
        let task = Task {
            requests,
            place,
            digest: wanted.digest.to_string(),
            size: wanted.size,
            parts: sender,
            room: Arc::clone(&room),
            done: 0,
        };
        (Self { parts, room, part: Bytes::new() }, task.run())
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            match self.parts.recv() {
                Ok(Ok(part)) => {
                    self.room.add_permits(1);
                    self.part = part;
                }
                Ok(Err(error)) => return Err(io::Error::other(error)),
                Err(_) => return Ok(0),
            }
        }
        let now = self.part.split_to(buffer.len().min(self.part.len()));
        buffer.iter_mut().zip(&now).for_each(|(to, from)| *to = *from);
        Ok(now.len())
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.room.close();
    }
}

impl Task {
    /// Goes on where it was broken off, as long as there is progress between failures, or patience.
    async fn run(mut self) {
        let mut failures = 0;
        loop {
            let before = self.done;
            let Err(error) = self.attempt().await else { return };
            if self.done > before {
                failures = 0;
            }
            if let Err(error) = self.requests.pause(&mut failures, error).await {
                let _ = self.parts.send(Err(error));
                return;
            }
        }
    }

    async fn attempt(&mut self) -> Result<(), RegistryError> {
        let mut answer = self.requests.get(&self.place, Kind::Blob, &self.digest, self.done).await?;
        let host = self.place.name();
        // A server may answer with everything although only a part was asked for.
        let mut skip = self.done;
        if answer.status == StatusCode::PARTIAL_CONTENT {
            let range = answer.headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
            let start = range.and_then(|text| text.strip_prefix("bytes ")?.split('-').next());
            if start.and_then(|start| start.parse().ok()) != Some(self.done) {
                return Err(RegistryError::Range { host });
            }
            skip = 0;
        }
        let stall = self.requests.options.patience.stall;
        // One byte too many is enough to see that there are too many.
        while self.done <= self.size {
            let next = tokio::time::timeout(stall, answer.next()).await;
            let next = next.map_err(|_| RegistryError::Stalled { host: host.clone(), after: stall })??;
            let Some(mut part) = next else {
                // A body of unknown length that ends early is judged by whoever checks the digest.
                return Ok(());
            };
            let known = usize::try_from(skip).unwrap_or(usize::MAX).min(part.len());
            skip -= known as u64;
            let part = part.split_off(known);
            if part.is_empty() {
                continue;
            }
            // Nobody reads any more.
            let Ok(permit) = self.room.acquire().await else { return Ok(()) };
            permit.forget();
            self.done += part.len() as u64;
            if self.parts.send(Ok(part)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
