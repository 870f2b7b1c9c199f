//! Base64 with padding (RFC 4648 section 4), as Kubernetes annotations carry it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes without line breaks.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().zip([16, 8, 0]).fold(0u32, |group, (byte, shift)| group | u32::from(*byte) << shift);
        for position in 0..4 {
            // n bytes give n + 1 digits; the rest is padding.
            text.push(if position <= chunk.len() { digit(group >> (18 - 6 * position)) } else { '=' });
        }
    }
    text
}

fn digit(bits: u32) -> char {
    ALPHABET.get((bits & 63) as usize).copied().map_or('=', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_section_10_hold() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(encode(plain.as_bytes()), encoded);
        }
        assert_eq!(encode(&[0xff, 0xef, 0xbe]), "/+++");
    }
}
