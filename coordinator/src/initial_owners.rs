//! Who may set the first manifest.
//!
//! The option stands in the pod's specification, which the policy pins and the evidence shows: whoever verifies the
//! Coordinator verifies that nobody else could have been first.

use std::{collections::BTreeSet, fmt, str::FromStr};

use crate::event::Digest;

/// Keys, one of which the first manifest must come from. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InitialOwners(BTreeSet<Digest>);

/// What is wrong with a list of initial owners.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InitialOwnersError {
    /// There is nothing in it: nobody could ever set a manifest.
    #[error(
        "it names nobody; give the SHA-256 of each owner's SubjectPublicKeyInfo in hexadecimal, or leave it out"
    )]
    Empty,
    /// One of them is not a digest.
    #[error(
        "number {number} is not the SHA-256 of a SubjectPublicKeyInfo: 64 hexadecimal digits, with one comma and no \
         space before the next"
    )]
    Malformed {
        /// Which, from 1.
        number: usize,
    },
}

impl InitialOwners {
    /// Whether the key whose SubjectPublicKeyInfo (DER) has this SHA-256 is among them.
    #[must_use]
    pub fn contains(&self, spki_digest: &Digest) -> bool {
        self.0.contains(spki_digest)
    }
}

impl FromStr for InitialOwners {
    type Err = InitialOwnersError;

    /// Reads SHA-256 digests in hexadecimal, separated by commas.
    fn from_str(text: &str) -> Result<Self, InitialOwnersError> {
        if text.is_empty() {
            return Err(InitialOwnersError::Empty);
        }
        let digest = |(number, text): (usize, &str)| {
            let mut digest = Digest::default();
            let read = hex::decode_to_slice(text, &mut digest);
            read.map(|()| digest).map_err(|_| InitialOwnersError::Malformed { number })
        };
        (1..).zip(text.split(',')).map(digest).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for InitialOwners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, owner) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", hex::encode(owner))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(owners in proptest::collection::btree_set(any::<Digest>(), 1..5)) {
            let owners = InitialOwners(owners);
            prop_assert_eq!(owners.to_string().parse(), Ok(owners));
        }

        #[test]
        fn no_text_makes_reading_panic(text: String) {
            let _ = text.parse::<InitialOwners>();
        }
    }

    #[test]
    fn whatever_is_not_a_list_of_digests_is_refused() {
        let digest = "ab".repeat(32);
        assert_eq!("".parse::<InitialOwners>(), Err(InitialOwnersError::Empty));
        for (text, number) in [
            (" ".to_owned(), 1),
            (",".to_owned(), 1),
            (format!("{digest},"), 2),
            (format!("{digest}, {digest}"), 2),
            (format!("{digest}\n"), 1),
            (format!("0x{digest}"), 1),
            (digest[2..].to_owned(), 1),
            (format!("{digest},{}", "xy".repeat(32)), 2),
        ] {
            assert_eq!(
                text.parse::<InitialOwners>(),
                Err(InitialOwnersError::Malformed { number }),
                "{text:?}"
            );
        }
        assert!(
            digest.to_uppercase().parse::<InitialOwners>().is_ok_and(|owners| owners.contains(&[0xab; 32]))
        );
    }
}
