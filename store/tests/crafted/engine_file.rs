//! Sled's files, taken apart and put together again with right checksums.

/// Bytes of a segment.
pub(crate) const SEGMENT: usize = 512 << 10;
const SEGMENT_HEADER: usize = 20;

/// A message of sled's file.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) segment: u64,
    pub(crate) page: u64,
    pub(crate) content: Vec<u8>,
    /// Pretended length, where it is not that of the content.
    pub(crate) length: Option<u64>,
}

/// The first segment of a file.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) begins: i64,
    pub(crate) durable: i64,
    pub(crate) messages: Vec<Message>,
}

impl Segment {
    /// Reads messages up to the first that is none.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let number = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) ^ i64::MAX;
        let mut segment = Self { begins: number(4), durable: number(12), messages: Vec::new() };
        let mut rest = &bytes[SEGMENT_HEADER..];
        while rest[4] != 0 {
            let (kind, mut fields) = (rest[4], &rest[5..]);
            let (length, of, page) = (varint(&mut fields), varint(&mut fields), varint(&mut fields));
            let (content, after) = fields.split_at(usize::try_from(length).unwrap());
            let content = content.to_vec();
            segment.messages.push(Message { kind, segment: of, page, content, length: None });
            rest = after;
        }
        segment
    }

    /// The bytes, zeros behind them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut numbers = (self.begins ^ i64::MAX).to_le_bytes().to_vec();
        numbers.extend((self.durable ^ i64::MAX).to_le_bytes());
        let mut bytes = (!crc32fast::hash(&numbers)).to_le_bytes().to_vec();
        bytes.extend(numbers);
        self.messages.iter().for_each(|message| bytes.extend(message.bytes()));
        bytes.resize(bytes.len().max(SEGMENT), 0);
        bytes
    }
}

impl Message {
    fn bytes(&self) -> Vec<u8> {
        let mut header = vec![self.kind];
        for number in [self.length.unwrap_or(self.content.len() as u64), self.segment, self.page] {
            put_varint(number, &mut header);
        }
        let checksum = !crc32fast::hash(&[self.content.as_slice(), &header].concat());
        [checksum.to_le_bytes().as_slice(), &header, &self.content].concat()
    }
}

/// A snapshot around `content`, with the name that belongs to it.
pub(crate) fn snapshot(content: &[u8]) -> (String, Vec<u8>) {
    let durable = content.first_chunk().map_or(0, |first| i64::from_le_bytes(*first).saturating_sub(1));
    let mut bytes = content.to_vec();
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.extend(crc32fast::hash(content).to_le_bytes());
    (format!("snap.{durable:016X}"), bytes)
}

/// What [`snapshot`] was made of.
pub(crate) fn snapshot_content(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() - 12]
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let first = bytes[0];
    let (value, length) = match first {
        0..=240 => (u64::from(first), 1),
        241..=248 => (240 + 256 * (u64::from(first) - 241) + u64::from(bytes[1]), 2),
        249 => (2288 + 256 * u64::from(bytes[1]) + u64::from(bytes[2]), 3),
        _ => {
            let digits = usize::from(first) - 247;
            let mut whole = [0; 8];
            whole[..digits].copy_from_slice(&bytes[1..=digits]);
            (u64::from_le_bytes(whole), digits + 1)
        }
    };
    *bytes = &bytes[length..];
    value
}

/// Sled's number, always in the longest form where it is not short.
pub(crate) fn put_varint(number: u64, to: &mut Vec<u8>) {
    match u8::try_from(number) {
        Ok(short) if short <= 240 => to.push(short),
        _ => {
            to.push(255);
            to.extend(number.to_le_bytes());
        }
    }
}
