//! Taking numbers and strings off the front of bytes, as sled writes them.

/// What is left to read. Each method gives `None` where the bytes end too early.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// A number of one to nine bytes: the first is the number, or the beginning of it, or tells how many follow.
    pub(super) fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        Some(match first {
            0..=240 => u64::from(first),
            241..=248 => 240 + 256 * (u64::from(first) - 241) + u64::from(self.byte()?),
            249 => 2288 + u64::from(u16::from_be_bytes(self.array()?)),
            250..=255 => {
                let digits = self.bytes(usize::from(first) - 247)?;
                digits.iter().rev().fold(0, |number, digit| (number << 8) | u64::from(*digit))
            }
        })
    }

    /// A string with its length before it.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(usize::try_from(length).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_lengths_are_read_and_none_beyond_the_end() {
        let cases: [(&[u8], u64); 9] = [
            (&[240], 240),
            (&[241, 0], 240),
            (&[248, 255], 2287),
            (&[249, 0, 0], 2288),
            (&[249, 255, 255], 67_823),
            (&[250, 1, 2, 3], 0x03_02_01),
            (&[251, 1, 2, 3, 4], 0x0403_0201),
            (&[254, 1, 0, 0, 0, 0, 0, 9], 0x0009_0000_0000_0001),
            (&[255, 255, 255, 255, 255, 255, 255, 255, 255], u64::MAX),
        ];
        for (bytes, number) in cases {
            let mut cursor = Cursor::new(bytes);
            assert_eq!((cursor.number(), cursor.left()), (Some(number), 0), "{bytes:?}");
            assert_eq!(Cursor::new(&bytes[..bytes.len() - 1]).number(), None, "{bytes:?}");
        }
        assert_eq!(Cursor::new(&[255, 255]).string(), None);
        assert_eq!(Cursor::new(&[2, 7, 8, 9]).string(), Some([7, 8].as_slice()));
    }
}
