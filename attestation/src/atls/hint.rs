//! The server's nonce and its way through the list of acceptable certificate authorities
//! (RFC 8446 section 4.2.4; RFC 5246 section 7.4.4).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::DistinguishedName;
use x509_cert::{
    der::{Decode as _, Tag, Tagged as _, asn1::ObjectIdentifier},
    name::Name,
};

use super::{
    issue::{COMMON_NAME, tlv},
    nonce::Nonce,
};

/// Why a client cannot tell which nonce the server means.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HintError {
    /// The list must have exactly one entry.
    #[error("the server named {0} acceptable authorities where exactly one carries its nonce")]
    Count(usize),
    /// The entry is not a distinguished name in DER.
    #[error("the acceptable authority that the server named is not a distinguished name")]
    NotAName,
    /// The name must have exactly one CommonName, of a string type.
    #[error("the acceptable authority that the server named has no single common name of a string type")]
    NoCommonName,
    /// The common name is not standard base64 with padding.
    #[error("the common name of the acceptable authority that the server named is not base64")]
    NotBase64,
}

/// The name that carries `nonce`: one attribute CommonName, the nonce in base64 as a PrintableString.
pub(super) fn encode(nonce: &Nonce) -> DistinguishedName {
    let text = STANDARD.encode(nonce.as_bytes());
    let attribute = tlv(0x30, &[COMMON_NAME, &tlv(0x13, &[text.as_bytes()])]);
    DistinguishedName::in_sequence(&tlv(0x31, &[&attribute]))
}

/// Reads the nonce out of the list of a CertificateRequest. `names` are in DER, each a Name.
///
/// # Errors
/// See [`HintError`]. Each of them must end the handshake, also when no nonce is needed.
pub(super) fn decode(names: &[&[u8]]) -> Result<Nonce, HintError> {
    let [name] = names else { return Err(HintError::Count(names.len())) };
    let name = Name::from_der(name).map_err(|_| HintError::NotAName)?;
    let mut common_names = name.iter().filter(|attribute| attribute.oid == COMMON_NAME_OID);
    let (Some(common_name), None) = (common_names.next(), common_names.next()) else {
        return Err(HintError::NoCommonName);
    };
    let text = ascii(common_name.value.tag(), common_name.value.value()).ok_or(HintError::NoCommonName)?;
    STANDARD.decode(text).map(Nonce::from_bytes).map_err(|_| HintError::NotBase64)
}

const COMMON_NAME_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The bytes of a string, one for each character; base64 has none beyond ASCII. `None` for other types.
fn ascii(tag: Tag, value: &[u8]) -> Option<Vec<u8>> {
    match tag {
        Tag::Utf8String
        | Tag::NumericString
        | Tag::PrintableString
        | Tag::TeletexString
        | Tag::VideotexString
        | Tag::Ia5String
        | Tag::VisibleString
        | Tag::GeneralString => Some(value.to_vec()),
        // UCS-2, big endian.
        Tag::BmpString => {
            let (units, []) = value.as_chunks::<2>() else { return None };
            units.iter().map(|unit| u8::try_from(u16::from_be_bytes(*unit)).ok()).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The name of nonce 00 01 .. 1f, written by hand.
    fn golden() -> Vec<u8> {
        let mut der = vec![0x30, 0x37, 0x31, 0x35, 0x30, 0x33, 0x06, 0x03, 0x55, 0x04, 0x03, 0x13, 0x2c];
        der.extend_from_slice(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        der
    }

    fn name_with(tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[COMMON_NAME, &tlv(tag, &[value])])])])
    }

    #[test]
    fn a_nonce_is_a_printable_common_name_of_44_characters() {
        assert_eq!(encode(&Nonce::from_bytes((0..32).collect())).as_ref(), golden());
    }

    #[test]
    fn the_golden_name_is_read_back() {
        assert_eq!(decode(&[&golden()]), Ok(Nonce::from_bytes((0..32).collect())));
    }

    #[test]
    fn any_string_type_is_read() {
        let nonce = Ok(Nonce::from_bytes(vec![0xfb, 0xff]));
        for tag in [0x0c, 0x13, 0x14, 0x16, 0x1a] {
            assert_eq!(decode(&[&name_with(tag, b"+/8=")]), nonce, "tag {tag:#x}");
        }
        assert_eq!(decode(&[&name_with(0x1e, b"\0+\0/\08\0=")]), nonce);
    }

    #[test]
    fn a_common_name_of_another_type_is_refused() {
        assert_eq!(decode(&[&name_with(0x04, b"+/8=")]), Err(HintError::NoCommonName));
        assert_eq!(decode(&[&name_with(0x1e, b"\0+\0/\x01")]), Err(HintError::NoCommonName));
    }

    #[test]
    fn no_name_and_two_names_are_refused() {
        assert_eq!(decode(&[]), Err(HintError::Count(0)));
        assert_eq!(decode(&[&golden(), &golden()]), Err(HintError::Count(2)));
    }

    #[test]
    fn a_name_without_or_with_two_common_names_is_refused() {
        let country = tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[b"\x06\x03\x55\x04\x06", b"\x13\x02DE"])])]);
        assert_eq!(decode(&[&country]), Err(HintError::NoCommonName));
        assert_eq!(decode(&[&[0x30, 0x00]]), Err(HintError::NoCommonName));
        let part = tlv(0x31, &[&tlv(0x30, &[COMMON_NAME, b"\x13\x04+/8="])]);
        assert_eq!(decode(&[&tlv(0x30, &[&part, &part])]), Err(HintError::NoCommonName));
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["+/8", "+-8=", "+/8= ", "nonce"] {
            assert_eq!(decode(&[&name_with(0x13, text.as_bytes())]), Err(HintError::NotBase64), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        let mut trailing = golden();
        trailing.push(0);
        for bytes in [&b""[..], b"\x30", b"nonsense", &trailing, &golden()[..20]] {
            assert_eq!(decode(&[bytes]), Err(HintError::NotAName));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_nonce_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let nonce = Nonce::from_bytes(bytes);
            prop_assert_eq!(decode(&[encode(&nonce).as_ref()]), Ok(nonce));
        }

        #[test]
        fn damaged_names_are_read_without_a_panic(at in 0_usize..57, to: u8, cut in 0_usize..58) {
            let mut der = golden();
            der[at] = to;
            der.truncate(cut);
            let _ = decode(&[&der]);
        }
    }
}
