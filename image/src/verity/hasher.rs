//! Hashes the blocks of a stream on all cores.

use std::{
    io::{self, Read, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::{
    BLOCK, RootHash,
    tree::{Tree, block_digest},
};

/// Takes data in any parts, and keeps a few MiB of it at most.
pub(crate) struct RootHasher {
    /// They take turns, so that their answers have an order.
    workers: Vec<Worker>,
    chunk: Vec<u8>,
    sent: usize,
    received: usize,
    tree: Tree,
}

struct Worker {
    jobs: SyncSender<Vec<u8>>,
    /// The chunk comes back, emptied, and the digests of its blocks.
    answers: Receiver<(Vec<u8>, Vec<[u8; 32]>)>,
}

/// A job, in bytes: some hundred microseconds.
const CHUNK: usize = 64 * BLOCK;
/// Chunks for each worker that are under way at most.
const UNDER_WAY: usize = 4;
/// Beyond that, reading is slower than hashing, and memory would be used for nothing.
const MAX_WORKERS: usize = 16;

impl RootHasher {
    /// Starts one worker a core. They end with it.
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
        Self::with_workers(cores)
    }

    pub(super) fn with_workers(count: usize) -> Self {
        Self {
            workers: (0..count).map_while(|_| Worker::start().ok()).collect(),
            chunk: Vec::with_capacity(CHUNK),
            sent: 0,
            received: 0,
            tree: Tree::default(),
        }
    }

    /// Takes everything that there is to read, without a copy in between.
    pub(super) fn read_from(&mut self, mut data: impl Read) -> io::Result<()> {
        loop {
            let room = (CHUNK - self.chunk.len()) as u64;
            if data.by_ref().take(room).read_to_end(&mut self.chunk)? == 0 {
                return Ok(());
            }
            if self.chunk.len() == CHUNK {
                self.send()?;
            }
        }
    }

    /// The root, with the last block filled with zeros.
    pub(crate) fn finish(mut self) -> io::Result<RootHash> {
        self.send()?;
        while self.received < self.sent {
            self.receive()?;
        }
        Ok(self.tree.root())
    }

    fn send(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        if self.workers.is_empty() {
            // A machine that starts no further thread.
            self.chunk.chunks(BLOCK).for_each(|block| self.tree.push(&block_digest(block)));
            self.chunk.clear();
            return Ok(());
        }
        let mut next = Vec::new();
        if self.sent - self.received == self.workers.len() * UNDER_WAY {
            next = self.receive()?;
        }
        let chunk = std::mem::replace(&mut self.chunk, next);
        self.chunk.reserve(CHUNK);
        let worker = self.workers.get(self.sent % self.workers.len()).ok_or_else(lost)?;
        worker.jobs.send(chunk).map_err(|_| lost())?;
        self.sent += 1;
        Ok(())
    }

    /// Waits for the oldest answer.
    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let worker = self.workers.get(self.received % self.workers.len()).ok_or_else(lost)?;
        let (chunk, digests) = worker.answers.recv().map_err(|_| lost())?;
        self.received += 1;
        digests.iter().for_each(|digest| self.tree.push(digest));
        Ok(chunk)
    }
}

impl Write for RootHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.chunk.len();
        let (now, _) = bytes.split_at(room.min(bytes.len()));
        self.chunk.extend_from_slice(now);
        if self.chunk.len() == CHUNK {
            self.send()?;
        }
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (jobs, inbox) = sync_channel::<Vec<u8>>(UNDER_WAY);
        let (outbox, answers) = sync_channel(UNDER_WAY);
        // Ends when one of the channels does.
        thread::Builder::new().name("verity".to_owned()).spawn(move || {
            for mut chunk in inbox {
                let digests = chunk.chunks(BLOCK).map(block_digest).collect();
                chunk.clear();
                if outbox.send((chunk, digests)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, answers })
    }
}

fn lost() -> io::Error {
    io::Error::other("a thread that computes digests has ended")
}
