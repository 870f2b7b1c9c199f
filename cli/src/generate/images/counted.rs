//! How much of the layers was read so far.

use std::{
    io::{self, Read},
    sync::atomic::{AtomicU64, Ordering},
};

use contrast_image::{Descriptor, Image, Source, SourceError};

use crate::output::Step;

/// Bytes of layers: those that were read, and those that there are.
pub(super) struct Amount<'a> {
    read: AtomicU64,
    all: AtomicU64,
    progress: &'a (dyn Fn(Step) + Sync),
}

/// A source whose layers are counted.
pub(super) struct Counted<'a> {
    source: &'a dyn Source,
    amount: &'a Amount<'a>,
}

/// Said anew each time that so much more was read.
const STEP: u64 = 1 << 20;

impl<'a> Amount<'a> {
    pub(super) fn new(progress: &'a (dyn Fn(Step) + Sync)) -> Self {
        Self { read: AtomicU64::new(0), all: AtomicU64::new(0), progress }
    }

    /// The source, with the layers of an image added to what there is.
    pub(super) fn counted(&'a self, source: &'a dyn Source, image: &Image) -> Counted<'a> {
        let sizes: u64 = image.layers.iter().map(|layer| layer.descriptor.size).sum();
        self.all.fetch_add(sizes, Ordering::Relaxed);
        Counted { source, amount: self }
    }

    fn add(&self, bytes: u64) {
        let before = self.read.fetch_add(bytes, Ordering::Relaxed);
        let now = before.saturating_add(bytes);
        if before / STEP != now / STEP {
            let all = self.all.load(Ordering::Relaxed).max(now);
            (self.progress)(Step { message: "Reading layers".to_owned(), bytes: Some((now, all)) });
        }
    }
}

impl Source for Counted<'_> {
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.source.manifest(wanted)
    }

    fn blob(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        Ok(Box::new(Reader { input: self.source.blob(wanted)?, amount: self.amount }))
    }
}

struct Reader<'a> {
    input: Box<dyn Read + Send + 'a>,
    amount: &'a Amount<'a>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.amount.add(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_was_read_is_told_step_by_step_and_never_more_than_there_is() {
        let said = Mutex::new(Vec::new());
        let tell = |step: Step| said.lock().unwrap().push(step.bytes.unwrap());
        let amount = Amount::new(&tell);
        amount.all.store(5 * STEP / 2, Ordering::Relaxed);
        let bytes = vec![0; 3 << 20];
        let mut reader = Reader { input: Box::new(bytes.as_slice()), amount: &amount };
        io::copy(&mut reader, &mut io::sink()).unwrap();
        let said = said.lock().unwrap();
        assert_eq!(said.iter().map(|(read, _)| read / STEP).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(said.iter().all(|(read, all)| read <= all), "{said:?}");
    }
}
