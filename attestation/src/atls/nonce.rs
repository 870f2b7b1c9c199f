//! The client's nonce and its way through ALPN (RFC 7301).

/// The protocol that both sides speak inside of TLS.
pub(super) const HTTP2: &[u8] = b"h2";

/// Every name that speaks of attested TLS, of whatever version, starts like this.
const FAMILY: &[u8] = b"atls";
/// The one form that is understood: this, then the nonce as hex.
const VERSION_1: &[u8] = b"atls:v1:nonce:";

/// Length of the nonces that we choose, in bytes.
const NONCE_LEN: usize = 32;

/// What one side chose and the other side's evidence must be bound to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Nonce(Vec<u8>);

/// Why a server cannot tell which nonce the client means.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NonceError {
    /// None of the offered names starts with `atls`.
    ///
    /// Clients of the first releases sent their nonce as the server name instead. It is not a legal host
    /// name there, so TLS stops at it: such clients cannot be served.
    #[error(
        "the client offered no attestation nonce; it is not a Contrast client, or one of before version 1"
    )]
    Missing,
    /// The first name of the `atls` family is of another version.
    #[error("the client speaks a version of attested TLS that is not known here: {0:?}")]
    Version(String),
    /// What follows `atls:v1:nonce:` is not hex.
    #[error("the nonce that the client offered is not hex: {0:?}")]
    NotHex(String),
}

impl Nonce {
    /// A fresh random nonce.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = vec![0; NONCE_LEN];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A nonce that the other side chose.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The ALPN names that a client offers, in their order.
    pub(super) fn to_alpn(&self) -> Vec<Vec<u8>> {
        let mut name = VERSION_1.to_vec();
        name.extend_from_slice(hex::encode(&self.0).as_bytes());
        vec![name, HTTP2.to_vec()]
    }

    /// Finds the nonce among the names that a client offered: the first of the `atls` family counts, and
    /// no other is looked at. Its length is the client's business, since only the client relies on it.
    ///
    /// # Errors
    /// See [`NonceError`].
    pub(super) fn from_alpn<'a>(offered: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, NonceError> {
        let name = offered.into_iter().find(|name| name.starts_with(FAMILY)).ok_or(NonceError::Missing)?;
        let digits = name.strip_prefix(VERSION_1).ok_or_else(|| NonceError::Version(printable(name)))?;
        hex::decode(digits).map(Self).map_err(|_| NonceError::NotHex(printable(digits)))
    }
}

/// Text of a stranger, fit for a message: at most 255 bytes, since ALPN names are no longer.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(offered: &[&str]) -> Result<Vec<u8>, NonceError> {
        Nonce::from_alpn(offered.iter().map(|name| name.as_bytes())).map(|nonce| nonce.0)
    }

    #[test]
    fn a_client_offers_its_nonce_in_lower_case_hex_and_then_h2() {
        let nonce = Nonce::from_bytes((0xe0..=0xff).collect());
        assert_eq!(
            nonce.to_alpn(),
            [
                b"atls:v1:nonce:e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff".to_vec(),
                b"h2".to_vec(),
            ]
        );
    }

    #[test]
    fn random_nonces_have_32_bytes_and_differ() {
        let (one, other) = (Nonce::random().unwrap(), Nonce::random().unwrap());
        assert_eq!(one.as_bytes().len(), 32);
        assert_ne!(one, other);
    }

    #[test]
    fn names_outside_the_family_are_skipped_wherever_they_stand() {
        assert_eq!(
            parse(&["h2", "http/1.1", "Atls:v1:nonce:00", "atls:v1:nonce:0aFF"]),
            Ok(vec![0x0a, 0xff])
        );
        assert_eq!(parse(&["atls:v1:nonce:0aff", "h2"]), Ok(vec![0x0a, 0xff]));
    }

    #[test]
    fn the_first_name_of_the_family_decides() {
        assert_eq!(parse(&["atls:v1:nonce:01", "atls:v1:nonce:02"]), Ok(vec![1]));
        assert_eq!(
            parse(&["atls:v2:nonce:01", "atls:v1:nonce:02"]),
            Err(NonceError::Version("atls:v2:nonce:01".into()))
        );
        assert_eq!(parse(&["atls", "atls:v1:nonce:02"]), Err(NonceError::Version("atls".into())));
    }

    #[test]
    fn the_length_of_a_nonce_is_free() {
        assert_eq!(parse(&["atls:v1:nonce:"]), Ok(vec![]));
        assert_eq!(parse(&[&format!("atls:v1:nonce:{}", "ab".repeat(120))]), Ok(vec![0xab; 120]));
    }

    #[test]
    fn bad_hex_is_refused() {
        for digits in ["0", "0g", "ä0", " 00", "0x00"] {
            assert_eq!(parse(&[&format!("atls:v1:nonce:{digits}")]), Err(NonceError::NotHex(digits.into())));
        }
    }

    #[test]
    fn no_nonce_is_told_apart() {
        assert_eq!(parse(&[]), Err(NonceError::Missing));
        assert_eq!(parse(&["h2"]), Err(NonceError::Missing));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_a_client_offers_is_what_a_server_reads(bytes: Vec<u8>, before: Vec<Vec<u8>>) {
            let nonce = Nonce::from_bytes(bytes);
            let mut offered: Vec<_> = before.into_iter().filter(|name| !name.starts_with(FAMILY)).collect();
            offered.extend(nonce.to_alpn());
            prop_assert_eq!(Nonce::from_alpn(offered.iter().map(Vec::as_slice)), Ok(nonce));
        }

        #[test]
        fn any_names_are_parsed_without_a_panic(offered: Vec<Vec<u8>>, tail: Vec<u8>) {
            let _ = Nonce::from_alpn(offered.iter().map(Vec::as_slice));
            let _ = Nonce::from_alpn([[VERSION_1, &tail].concat().as_slice()]);
        }
    }
}
