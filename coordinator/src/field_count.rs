//! How many fields a protobuf message has, while its bytes come in.
//!
//! A repeated field without content takes two bytes on the wire and many times that once it is decoded. So fields are
//! counted before anything is decoded (Protocol Buffers, "Encoding"). Whether they are well-formed is for the decoder
//! to say: what is not ends the counting.

/// Counts the fields of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldCount {
    fields: usize,
    place: Place,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The number of a field and its wire type, as far as it was read.
    Tag(Varint),
    /// A number.
    Number(Varint),
    /// The length of what follows.
    Length(Varint),
    /// So many more bytes of content.
    Content(u64),
    /// Something that is no message.
    Malformed,
}

#[derive(Clone, Copy, Default, Debug)]
struct Varint {
    value: u64,
    bits: u32,
}

impl FieldCount {
    /// Before the first byte.
    pub(crate) fn new() -> Self {
        Self { fields: 0, place: Place::Tag(Varint::default()) }
    }

    /// Reads on, and says how many fields have begun by now.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> usize {
        while let Some((byte, rest)) = bytes.split_first() {
            if let Place::Content(left) = self.place {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = bytes.get(length..).unwrap_or_default();
                self.place = content(left - length as u64);
            } else {
                bytes = rest;
                self.byte(*byte);
            }
        }
        self.fields
    }

    fn byte(&mut self, byte: u8) {
        self.place = match self.place {
            Place::Tag(tag) => {
                if tag.bits == 0 {
                    self.fields += 1;
                }
                tag.then(byte, Place::Tag, |tag| match tag & 7 {
                    0 => Place::Number(Varint::default()),
                    1 => Place::Content(8),
                    2 => Place::Length(Varint::default()),
                    // A group has fields of its own, which count.
                    3 | 4 => Place::Tag(Varint::default()),
                    5 => Place::Content(4),
                    _ => Place::Malformed,
                })
            }
            Place::Number(number) => number.then(byte, Place::Number, |_| Place::Tag(Varint::default())),
            Place::Length(length) => length.then(byte, Place::Length, content),
            place @ (Place::Content(_) | Place::Malformed) => place,
        };
    }
}

fn content(left: u64) -> Place {
    if left == 0 { Place::Tag(Varint::default()) } else { Place::Content(left) }
}

impl Varint {
    /// One more byte: `goes_on` if it is not the last, `ends` with the value if it is.
    fn then(self, byte: u8, goes_on: fn(Self) -> Place, ends: impl FnOnce(u64) -> Place) -> Place {
        if self.bits > 63 {
            return Place::Malformed;
        }
        let value = self.value | u64::from(byte & 0x7f) << self.bits;
        if byte & 0x80 == 0 { ends(value) } else { goes_on(Self { value, bits: self.bits + 7 }) }
    }
}

#[cfg(test)]
mod tests {
    use contrast_proto::userapi::SetManifestRequest;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    proptest! {
        #[test]
        fn every_field_is_counted_however_the_bytes_come_in(
            manifest in prop::collection::vec(any::<u8>(), 1..300),
            policies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
            piece in 1_usize..50,
        ) {
            let fields = 1 + policies.len();
            let bytes = SetManifestRequest { manifest, policies, ..Default::default() }.encode_to_vec();
            let mut count = FieldCount::new();
            let counted = bytes.chunks(piece).map(|piece| count.read(piece)).last();
            prop_assert_eq!(counted, Some(fields));
        }

        #[test]
        fn no_bytes_decode_to_more_policies_than_were_counted(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let counted = FieldCount::new().read(&bytes);
            if let Ok(message) = SetManifestRequest::decode(bytes.as_slice()) {
                prop_assert!(message.policies.len() <= counted);
            }
        }
    }
}
