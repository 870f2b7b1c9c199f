//! What a message says about a page: a node of the tree, a change of one, or one of the two special pages.
//!
//! Only what each message says by itself is looked at. Whether the nodes fit together, sled finds out when it walks
//! along them; with every node's bounds in order and every page within the table, that walk ends.

use super::cursor::Cursor;
use super::segment::Kind;

/// The page with the names of the trees.
const META: u64 = 0;
/// The page with the next number that sled would give out.
const COUNTER: u64 = 1;

/// The largest number of a page that a message of this kind about page `page` names; `None` where it says something
/// that sled cannot have written.
pub(super) fn largest_named(kind: Kind, page: u64, content: &[u8]) -> Option<u64> {
    let mut content = Cursor::new(content);
    let named = match kind {
        Kind::Meta => meta(&mut content).filter(|_| page == META),
        Kind::Counter => content.number().filter(|_| page == COUNTER).map(|_| COUNTER),
        Kind::Node => node(&mut content).filter(|_| page > COUNTER),
        Kind::Link => link(&mut content).filter(|_| page > COUNTER),
        Kind::Free => (page > COUNTER).then_some(page),
    };
    named.filter(|_| content.is_empty()).map(|named| named.max(page))
}

fn meta(content: &mut Cursor<'_>) -> Option<u64> {
    let mut largest = META;
    while !content.is_empty() {
        let _name = content.string()?;
        largest = largest.max(content.number()?);
    }
    Some(largest)
}

fn link(content: &mut Cursor<'_>) -> Option<u64> {
    match content.byte()? {
        // Set and delete.
        0 => content.string().and_then(|_key| content.string()).map(|_value| 0),
        1 => content.string().map(|_key| 0),
        // The three steps of a merge.
        2 => content.number().filter(|child| *child > COUNTER),
        3 | 4 => Some(0),
        _ => None,
    }
}

fn node(content: &mut Cursor<'_>) -> Option<u64> {
    let (next, merging_child) = (content.number()?, content.number()?);
    let _merging = content.byte()?;
    let prefix = usize::from(content.byte()?);
    let (low, high) = (content.string()?, content.string()?);
    // Without an upper bound a node is the last one, and only then.
    let in_order = if high.is_empty() { next == 0 } else { next != 0 && low < high };
    if prefix > low.len() || !in_order {
        return None;
    }
    let is_index = match content.byte()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    // Each of them takes a byte, so that their number cannot be more than what is left.
    let entries = usize::try_from(content.number()?).ok().filter(|entries| *entries <= content.left())?;
    let mut previous = None;
    for _ in 0..entries {
        let key = content.string()?;
        if previous.replace(key).is_some_and(|previous| previous >= key) {
            return None;
        }
    }
    let (mut largest, mut merges) = (next, merging_child == 0);
    for entry in 0..entries {
        if is_index {
            let child = content.number()?;
            largest = largest.max(child);
            // It is merged into the one on its left.
            merges |= child == merging_child && entry > 0;
        } else {
            content.string()?;
        }
    }
    // An index without children leads nowhere.
    (merges && (!is_index || entries > 0)).then_some(largest)
}
