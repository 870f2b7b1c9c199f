//! What a list allows, briefly, with the entry that was probably meant.

use std::fmt;

/// For messages: the only entry of `allowed`, or how many there are and which is nearest to `found`, if one is near.
/// `what` names the entries, in the plural. The list is gone through when the text is written.
pub(crate) fn one_of<'a, const N: usize>(
    found: &'a [u8],
    allowed: &'a [[u8; N]],
    what: &'a str,
) -> OneOf<'a, N> {
    among(found, allowed, allowed.len(), what)
}

/// [`one_of`] a list with `count` entries, of which only those `near` are compared.
pub(crate) fn among<'a, const N: usize>(
    found: &'a [u8],
    near: &'a [[u8; N]],
    count: usize,
    what: &'a str,
) -> OneOf<'a, N> {
    OneOf { found, near, count, what }
}

pub(crate) struct OneOf<'a, const N: usize> {
    found: &'a [u8],
    near: &'a [[u8; N]],
    count: usize,
    what: &'a str,
}

impl<const N: usize> fmt::Display for OneOf<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, near, count, what } = self;
        match (count, near) {
            (0, _) => return write!(f, "one of the allowed {what}, of which there are none"),
            (1, [only]) => return f.write_str(&hex::encode(only)),
            _ => {}
        }
        write!(f, "one of {count} allowed {what}")?;
        match nearest(found, near) {
            Some(nearest) => write!(f, ", the nearest is {}", hex::encode(nearest)),
            None => Ok(()),
        }
    }
}

/// The entry that has most bytes in common with `found`, if it is a quarter of them: that is no accident, one of the
/// two was mistyped. Zeros do not count, as they fill what is shorter than its field.
fn nearest<'a, const N: usize>(found: &[u8], allowed: &'a [[u8; N]]) -> Option<&'a [u8; N]> {
    let equal = |entry: &[u8; N]| entry.iter().zip(found).filter(|(a, b)| a == b && **a != 0).count();
    let enough = found.iter().filter(|byte| **byte != 0).count().div_ceil(4).max(1);
    allowed.iter().max_by_key(|entry| equal(entry)).filter(|entry| equal(entry) >= enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_counted_and_only_a_similar_entry_named() {
        let near: [u8; 32] = std::array::from_fn(|place| if place < 8 { 0xA5 } else { 1 });
        assert_eq!(
            one_of(&[0xA5; 32], &[[7; 32], near, [8; 32]], "policy hashes").to_string(),
            format!("one of 3 allowed policy hashes, the nearest is {}", hex::encode(near))
        );
        assert_eq!(one_of(&[0xA5; 32], &[[7; 32], [8; 32]], "things").to_string(), "one of 2 allowed things");
        assert_eq!(one_of(&[0xA5; 2], &[[1, 2]], "things").to_string(), "0102");
        assert_eq!(
            one_of(&[1], &[] as &[[u8; 1]], "things").to_string(),
            "one of the allowed things, of which there are none"
        );
    }

    #[test]
    fn zeros_that_fill_a_field_make_nothing_similar() {
        let chip = |first: [u8; 8]| {
            let mut id = [0; 64];
            id[..8].copy_from_slice(&first);
            id
        };
        let (typed, other) = (chip([1, 2, 3, 4, 5, 6, 7, 9]), chip([9; 8]));
        let found = chip([1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(one_of(&found, &[other, typed], "chip IDs").to_string().ends_with(&hex::encode(typed)));
        assert_eq!(
            one_of(&chip([0x55; 8]), &[other, typed], "chip IDs").to_string(),
            "one of 2 allowed chip IDs"
        );
        assert_eq!(one_of(&[0; 64], &[other, typed], "chip IDs").to_string(), "one of 2 allowed chip IDs");
    }
}
