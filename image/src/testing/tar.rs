//! Writes tar archives, also such as no program writes.

/// An archive in the making.
#[derive(Clone, Default)]
pub(crate) struct TarBuilder {
    bytes: Vec<u8>,
    mtime: u64,
    owner: (u64, u64),
}

impl TarBuilder {
    /// Time and owner of the entries that follow.
    pub(crate) fn with(mut self, mtime: u64, uid: u64, gid: u64) -> Self {
        (self.mtime, self.owner) = (mtime, (uid, gid));
        self
    }

    pub(crate) fn file(self, path: &str, content: &[u8]) -> Self {
        self.entry(path, b'0', "", content)
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.entry(path, b'5', "", b"")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, b'2', target, b"")
    }

    pub(crate) fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(path, b'1', target, b"")
    }

    /// An entry of any type.
    pub(crate) fn entry(mut self, path: &str, flag: u8, link: &str, content: &[u8]) -> Self {
        let mode = if flag == b'5' { 0o755 } else { 0o644 };
        let mut header = self.header(path, flag, link, content.len() as u64, mode);
        seal(&mut header);
        self.bytes.extend(header);
        self.padded(content)
    }

    /// A header that `change` changes before its sum is made, and content as it is.
    pub(crate) fn raw(
        mut self,
        path: &str,
        flag: u8,
        content: &[u8],
        change: impl FnOnce(&mut [u8; 512]),
    ) -> Self {
        let mut header = self.header(path, flag, "", content.len() as u64, 0o644);
        change(&mut header);
        seal(&mut header);
        self.bytes.extend(header);
        self.padded(content)
    }

    /// Records of POSIX about the next entry.
    pub(crate) fn pax(self, records: &[(&str, &str)]) -> Self {
        let records: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.entry("PaxHeaders/next", b'x', "", records.as_bytes())
    }

    /// Closed with two blocks of zeros.
    pub(crate) fn finish(self) -> Vec<u8> {
        [self.bytes, vec![0; 1024]].concat()
    }

    /// Not closed.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    fn header(&self, path: &str, flag: u8, link: &str, size: u64, mode: u64) -> [u8; 512] {
        let mut header = [0; 512];
        put(&mut header, 0, path.as_bytes());
        put(&mut header, 100, format!("{mode:07o}").as_bytes());
        put(&mut header, 108, format!("{:07o}", self.owner.0).as_bytes());
        put(&mut header, 116, format!("{:07o}", self.owner.1).as_bytes());
        put(&mut header, 124, format!("{size:011o}").as_bytes());
        put(&mut header, 136, format!("{:011o}", self.mtime).as_bytes());
        header[156] = flag;
        put(&mut header, 157, link.as_bytes());
        put(&mut header, 257, b"ustar\x0000");
        put(&mut header, 329, b"0000000\x000000000\0");
        header
    }

    fn padded(mut self, content: &[u8]) -> Self {
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }
}

fn put(header: &mut [u8; 512], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

fn seal(header: &mut [u8; 512]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(header, 148, format!("{sum:06o}\0 ").as_bytes());
}

fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}")
}
