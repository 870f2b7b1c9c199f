//! Percent encoding (RFC 3986, section 2.1).

/// Undoes it; nothing if a `%` is not followed by two hexadecimal digits.
#[must_use]
pub fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let ([high, low], after) = rest.split_first_chunk()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        decoded.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = after;
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_or_refused() {
        let decoded = percent_decoded(b"-----BEGIN%20CERTIFICATE-----%0AAB+/%3D%ff").unwrap();
        assert_eq!(decoded, b"-----BEGIN CERTIFICATE-----\nAB+/=\xFF");
        for broken in [&b"%"[..], b"%4", b"%zz", b"%+1"] {
            assert_eq!(percent_decoded(broken), None);
        }
    }
}
