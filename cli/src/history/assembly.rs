//! A history as it comes over the wire: certificates first, then slices of contents between events.

use std::collections::BTreeMap;

use contrast_proto::userapi::{HistoryAnchors, HistoryContent, HistoryItem, history_item::Item};
use sha2::{Digest, Sha256};

use super::{Anchors, History, HistoryError, Record};

/// A history that is still arriving.
#[derive(Default)]
pub(crate) struct Assembly {
    anchors: Option<HistoryAnchors>,
    records: Vec<Record>,
    contents: BTreeMap<[u8; 32], Vec<u8>>,
    /// The content whose slices are arriving, with the digest that it should have.
    unfinished: Option<(Vec<u8>, Vec<u8>)>,
}

impl Assembly {
    /// Takes the next piece.
    pub(crate) fn add(&mut self, item: HistoryItem) -> Result<(), HistoryError> {
        let item = item.item.ok_or(HistoryError::OutOfOrder("a piece of it is of an unknown kind"))?;
        if self.unfinished.is_some() && !matches!(item, Item::Content(_)) {
            return Err(HistoryError::OutOfOrder("a content is cut short"));
        }
        match item {
            Item::Anchors(anchors) if self.anchors.is_none() => self.anchors = Some(anchors),
            Item::Anchors(_) => return Err(HistoryError::OutOfOrder("its certificates came twice")),
            _ if self.anchors.is_none() => {
                return Err(HistoryError::OutOfOrder("its certificates did not come first"));
            }
            Item::Content(slice) => self.add_slice(slice)?,
            Item::Record(record) => self.records.push(record.try_into()?),
        }
        Ok(())
    }

    /// The whole history.
    pub(crate) fn finish(self) -> Result<History, HistoryError> {
        let anchors = self.anchors.ok_or(HistoryError::OutOfOrder("its certificates are missing"))?;
        if self.unfinished.is_some() {
            return Err(HistoryError::OutOfOrder("a content is cut short"));
        }
        // Events may have been added while it was sent; none may be missing.
        if (self.records.len() as u64) < anchors.events {
            return Err(HistoryError::Incomplete { announced: anchors.events, found: self.records.len() });
        }
        let HistoryAnchors { root_ca, transition_signer, mesh_ca, .. } = anchors;
        let anchors = Anchors { root_ca, transition_signer, mesh_ca };
        Ok(History { anchors, records: self.records, contents: self.contents })
    }

    fn add_slice(&mut self, slice: HistoryContent) -> Result<(), HistoryError> {
        let (digest, mut data) = self.unfinished.take().unwrap_or_else(|| (slice.digest.clone(), Vec::new()));
        if digest != slice.digest {
            return Err(HistoryError::OutOfOrder("slices of two contents are mixed"));
        }
        data.extend_from_slice(&slice.data);
        if !slice.last {
            self.unfinished = Some((digest, data));
            return Ok(());
        }
        let found: [u8; 32] = Sha256::digest(&data).into();
        if digest != found {
            return Err(HistoryError::Content { digest: digest.try_into().unwrap_or_default() });
        }
        self.contents.insert(found, data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchors(events: u64) -> HistoryItem {
        HistoryItem { item: Some(Item::Anchors(HistoryAnchors { events, ..Default::default() })) }
    }

    fn slice(whole: &[u8], data: &[u8], last: bool) -> HistoryItem {
        let digest = Sha256::digest(whole).to_vec();
        HistoryItem { item: Some(Item::Content(HistoryContent { digest, data: data.to_vec(), last })) }
    }

    fn assemble(items: Vec<HistoryItem>) -> Result<History, HistoryError> {
        let mut assembly = Assembly::default();
        items.into_iter().try_for_each(|item| assembly.add(item))?;
        assembly.finish()
    }

    #[test]
    fn slices_are_put_together() {
        let whole = b"one two";
        let history =
            assemble(vec![anchors(0), slice(whole, b"one ", false), slice(whole, b"two", true)]).unwrap();
        assert_eq!(history.contents.values().next().unwrap(), whole);
    }

    #[test]
    fn a_content_with_another_digest_is_refused() {
        let error = assemble(vec![anchors(0), slice(b"one", b"two", true)]).unwrap_err();
        assert!(matches!(error, HistoryError::Content { .. }), "{error}");
    }

    #[test]
    fn pieces_in_an_order_that_makes_no_sense_are_refused() {
        for items in [
            vec![],
            vec![HistoryItem { item: None }],
            vec![slice(b"a", b"a", true)],
            vec![anchors(0), anchors(0)],
            vec![anchors(0), slice(b"ab", b"a", false)],
            vec![anchors(0), slice(b"ab", b"a", false), slice(b"cd", b"c", true)],
        ] {
            assert!(matches!(assemble(items), Err(HistoryError::OutOfOrder(_))));
        }
    }

    #[test]
    fn a_history_with_fewer_events_than_announced_is_refused() {
        assert!(matches!(
            assemble(vec![anchors(1)]),
            Err(HistoryError::Incomplete { announced: 1, found: 0 })
        ));
    }
}
