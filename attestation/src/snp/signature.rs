//! The signature of a report: ECDSA on P-384 with SHA-384.
//!
//! AMD SEV-SNP ABI specification (document 56860), chapter "Digital signatures": r and s are 72-byte
//! little endian numbers, followed by 368 reserved bytes.

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};

use super::Report;

/// Order of the group of P-384, big endian (NIST SP 800-186, section 3.2.1.4).
const GROUP_ORDER: [u8; 48] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF, 0x58, 0x1A,
    0x0D, 0xB2, 0x48, 0xB0, 0xA7, 0x7A, 0xEC, 0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73,
];

/// `SIGNATURE_ALGO` of ECDSA P-384 with SHA-384, the only algorithm that is defined.
pub const ECDSA_P384_SHA384: u32 = 1;

/// Why a report is not signed by a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// No other algorithm is defined.
    #[error("signature algorithm is {0}, but only 1 (ECDSA P-384 with SHA-384) is defined")]
    Algorithm(u32),
    /// Both numbers are at least 1.
    #[error("signature component {component} is zero")]
    Zero {
        /// `r` or `s`.
        component: char,
    },
    /// Both numbers are below the order of the group.
    #[error("signature component {component} is not below the order of P-384")]
    TooLarge {
        /// `r` or `s`.
        component: char,
    },
    /// A number of P-384 has 48 bytes; the other 24 of its field must be zero.
    #[error("signature component {component} has bytes other than zero above its 48")]
    TooLong {
        /// `r` or `s`.
        component: char,
    },
    /// The reserved bytes after r and s must be zero.
    #[error("signature has bytes other than zero after its components")]
    Padding,
    /// All is well-formed, but the key did not sign these bytes.
    #[error("signature does not verify with the key of the endorsement certificate")]
    Mismatch,
}

/// Checks that the owner of `public_key` (a point, 97 bytes uncompressed) signed the report.
///
/// # Errors
/// See [`SignatureError`].
pub(crate) fn verify(report: &Report, public_key: &[u8]) -> Result<(), SignatureError> {
    if report.signature_algo != ECDSA_P384_SHA384 {
        return Err(SignatureError::Algorithm(report.signature_algo));
    }
    let signature = parse(&report.signature)?;
    let bytes = report.to_bytes();
    let (signed, _) = bytes.split_at(Report::SIGNED_LENGTH);
    UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, public_key)
        .verify(signed, &signature)
        .map_err(|_| SignatureError::Mismatch)
}

/// Turns the field of a report into r ‖ s, 48 bytes each, big endian.
///
/// # Errors
/// If a component is out of range or the padding is not zero.
pub fn parse(field: &[u8; 512]) -> Result<[u8; 96], SignatureError> {
    let (r, rest) = field.split_at(72);
    let (s, padding) = rest.split_at(72);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(SignatureError::Padding);
    }
    let mut fixed = [0; 96];
    let (to_r, to_s) = fixed.split_at_mut(48);
    read('r', r, to_r)?;
    read('s', s, to_s)?;
    Ok(fixed)
}

/// The inverse of [`parse`]: lays r ‖ s out as in a report.
#[must_use]
pub fn encode(fixed: &[u8; 96]) -> [u8; 512] {
    let (r, s) = fixed.split_at(48);
    let mut field = [0; 512];
    field.iter_mut().zip(r.iter().rev()).for_each(|(to, from)| *to = *from);
    field.iter_mut().skip(72).zip(s.iter().rev()).for_each(|(to, from)| *to = *from);
    field
}

fn read(component: char, little_endian: &[u8], out: &mut [u8]) -> Result<(), SignatureError> {
    let (low, high) = little_endian.split_at(48);
    if high.iter().any(|byte| *byte != 0) {
        return Err(SignatureError::TooLong { component });
    }
    out.iter_mut().zip(low.iter().rev()).for_each(|(to, from)| *to = *from);
    if out.iter().all(|byte| *byte == 0) {
        return Err(SignatureError::Zero { component });
    }
    if *out >= GROUP_ORDER[..] {
        return Err(SignatureError::TooLarge { component });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_outside_the_group_are_refused() {
        let valid = [1; 96];
        assert_eq!(parse(&encode(&valid)), Ok(valid));
        for (component, start) in [('r', 0), ('s', 48)] {
            let (zero, too_large) =
                (SignatureError::Zero { component }, SignatureError::TooLarge { component });
            for (bad, error) in [([0; 48], zero), (GROUP_ORDER, too_large), ([0xFF; 48], too_large)] {
                let mut signature = valid;
                signature[start..start + 48].copy_from_slice(&bad);
                assert_eq!(parse(&encode(&signature)), Err(error));
            }
        }
    }

    #[test]
    fn every_byte_beyond_the_components_must_be_zero() {
        for offset in (48..72).chain(72 + 48..512) {
            let mut field = encode(&[1; 96]);
            field[offset] = 1;
            let error = match offset {
                ..72 => SignatureError::TooLong { component: 'r' },
                72..144 => SignatureError::TooLong { component: 's' },
                _ => SignatureError::Padding,
            };
            assert_eq!(parse(&field), Err(error), "offset {offset}");
        }
    }
}
