//! Where an archive comes from: a stream, or a file in which one can go forward.

use std::{
    fs::File,
    io::{self, Read, Seek as _, SeekFrom},
};

/// Something to read that can leave bytes out.
pub(crate) trait Input: Read {
    /// Leaves out the next `bytes` bytes. The answer is how many there were.
    fn skip(&mut self, bytes: u64) -> io::Result<u64>;
}

/// Has to read what it leaves out.
pub(crate) struct Streamed<R>(pub(crate) R);

impl<R: Read> Read for Streamed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Input for Streamed<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let mut scratch = [0; 32 << 10];
        let mut left = bytes;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(scratch.len());
            match self.0.read(scratch.get_mut(..most).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => left -= read as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes - left)
    }
}

/// Moves on in a file.
pub(crate) struct Seeking<'a> {
    file: &'a File,
    position: u64,
    length: u64,
}

impl<'a> Seeking<'a> {
    pub(crate) fn new(mut file: &'a File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        file.rewind()?;
        Ok(Self { file, position: 0, length })
    }
}

impl Read for Seeking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Input for Seeking<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let skipped = bytes.min(self.length.saturating_sub(self.position));
        self.position += skipped;
        self.file.seek(SeekFrom::Start(self.position))?;
        Ok(skipped)
    }
}
