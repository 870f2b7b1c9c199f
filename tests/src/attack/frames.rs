//! Frames of HTTP/2 (RFC 9113) and fields of HPACK (RFC 7541), as no library would write them.

/// What a client says first (RFC 9113, 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113, 6).
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Flags; their meaning depends on the type.
pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// Setting of the window of new streams (RFC 9113, 6.5.2).
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
/// The window of streams and of the connection unless something else was agreed on.
pub(super) const DEFAULT_WINDOW: u32 = 65_535;
/// Bytes of the header of a frame.
pub(super) const HEADER: usize = 9;
/// Most bytes of a frame's content unless something else was agreed on.
pub(super) const MOST: usize = 16_384;

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = Vec::with_capacity(HEADER + content.len());
    bytes.extend(length.iter().skip(1));
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(content);
    bytes
}

/// SETTINGS.
pub(super) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let content: Vec<u8> = values
        .iter()
        .flat_map(|(id, value)| id.to_be_bytes().into_iter().chain(value.to_be_bytes()))
        .collect();
    frame(SETTINGS, 0, 0, &content)
}

/// WINDOW_UPDATE.
pub(super) fn window_update(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

/// The header fields of a gRPC request.
pub(super) fn request(path: &str) -> Vec<u8> {
    // Names by their number in the static table (RFC 7541, appendix A): `:method: POST`, `:scheme: https`.
    let mut fields = vec![0x83, 0x87];
    for (name, value) in [(1, "coordinator"), (4, path), (31, "application/grpc")] {
        integer(&mut fields, 0, 4, name);
        text(&mut fields, value.as_bytes());
    }
    field(&mut fields, b"te", b"trailers");
    fields
}

/// A header field whose name is written out, and which is not to be remembered (RFC 7541, 6.2.2).
pub(super) fn field(fields: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    fields.push(0);
    text(fields, name);
    text(fields, value);
}

/// A header field that is to be remembered, and is then number 62 (RFC 7541, 6.2.1 and 2.3.3).
pub(super) fn remembered_field(fields: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    fields.push(0x40);
    text(fields, name);
    text(fields, value);
}

/// A string without Huffman's code (RFC 7541, 5.2).
fn text(fields: &mut Vec<u8>, text: &[u8]) {
    integer(fields, 0, 7, text.len());
    fields.extend_from_slice(text);
}

/// An integer after some bits of something else (RFC 7541, 5.1).
fn integer(fields: &mut Vec<u8>, before: u8, bits: u32, value: usize) {
    let most = (1_usize << bits) - 1;
    if value < most {
        fields.push(before | u8::try_from(value).unwrap_or_default());
        return;
    }
    fields.push(before | u8::try_from(most).unwrap_or_default());
    let mut rest = value - most;
    while rest >= 0x80 {
        fields.push(u8::try_from(rest & 0x7f).unwrap_or_default() | 0x80);
        rest >>= 7;
    }
    fields.push(u8::try_from(rest).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_length_type_flags_and_stream() {
        assert_eq!(frame(PING, ACK, 3, &[7; 8])[..HEADER], [0, 0, 8, 6, 1, 0, 0, 0, 3]);
        assert_eq!(settings(&[(INITIAL_WINDOW_SIZE, 1)])[HEADER..], [0, 4, 0, 0, 0, 1]);
    }

    #[test]
    fn integers_are_as_in_the_examples_of_the_specification() {
        let encode = |bits, value| {
            let mut bytes = Vec::new();
            integer(&mut bytes, 0, bits, value);
            bytes
        };
        // RFC 7541, appendix C.1.
        assert_eq!(encode(5, 10), [10]);
        assert_eq!(encode(5, 1337), [31, 154, 10]);
        assert_eq!(encode(8, 42), [42]);
    }
}
