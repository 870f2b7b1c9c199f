//! The host data that pods may have: the digests of their policies.

use std::sync::Arc;

use crate::nearest;

/// Longest list that is searched for the entry that was meant. In a longer one only the neighbours are compared.
const MOST_SEARCHED: usize = 64;

/// Host data that is acceptable. Looked up, not searched; clones share it, so that any number of entries of reference
/// values costs one.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HostDataSet(Arc<[[u8; 32]]>);

impl HostDataSet {
    /// Whether `host_data` is one of them.
    #[must_use]
    pub fn contains(&self, host_data: &[u8; 32]) -> bool {
        self.0.binary_search(host_data).is_ok()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is acceptable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For messages: what is expected where `found` was.
    pub(crate) fn expected<'a>(&'a self, found: &'a [u8]) -> impl std::fmt::Display + 'a {
        let near = if self.0.len() <= MOST_SEARCHED {
            &*self.0
        } else {
            let place = self.0.partition_point(|entry| entry.as_slice() < found);
            self.0.get(place.saturating_sub(1)..self.0.len().min(place + 1)).unwrap_or_default()
        };
        nearest::among(found, near, self.0.len(), "policy hashes")
    }
}

impl FromIterator<[u8; 32]> for HostDataSet {
    fn from_iter<I: IntoIterator<Item = [u8; 32]>>(digests: I) -> Self {
        let mut digests: Vec<_> = digests.into_iter().collect();
        digests.sort_unstable();
        digests.dedup();
        Self(digests.into())
    }
}

impl<const N: usize> From<[[u8; 32]; N]> for HostDataSet {
    fn from(digests: [[u8; 32]; N]) -> Self {
        digests.into_iter().collect()
    }
}

/// The first few and their number: there may be thousands.
impl std::fmt::Debug for HostDataSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let some: Vec<_> = self.0.iter().take(4).map(hex::encode).collect();
        f.debug_struct("HostDataSet").field("len", &self.len()).field("first", &some).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_set_is_found_whatever_the_order_it_came_in() {
        let set: HostDataSet = (0..200_u8).rev().map(|byte| [byte; 32]).collect();
        assert!((0..200).all(|byte| set.contains(&[byte; 32])));
        assert!((200..=255).all(|byte| !set.contains(&[byte; 32])));
        assert!(!HostDataSet::default().contains(&[0; 32]));
    }

    #[test]
    fn the_entry_that_was_meant_is_named_from_a_long_list_too() {
        let mut meant = [0xA5; 32];
        meant[30] = 1;
        let set: HostDataSet =
            (0..200_u8).map(|byte| [byte; 32]).chain([meant]).filter(|d| *d != [0xA5; 32]).collect();
        let expected = set.expected(&[0xA5; 32]).to_string();
        assert_eq!(
            expected,
            format!("one of 200 allowed policy hashes, the nearest is {}", hex::encode(meant))
        );
        assert_eq!(set.expected(&[0xFF; 32]).to_string(), "one of 200 allowed policy hashes");
        assert_eq!(HostDataSet::from([[1; 32]]).expected(&[2; 32]).to_string(), "01".repeat(32));
    }
}
