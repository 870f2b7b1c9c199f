//! GUIDs of firmware.

/// The bytes that stand for a GUID in memory, from its digits as people write them.
///
/// UEFI Specification 2.10, appendix A: the first three groups are little endian, the rest is not.
pub(crate) const fn guid(digits: u128) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = digits.to_be_bytes();
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As OVMF's reset vector has it before the TDVF descriptor (e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae).
    #[test]
    fn the_first_three_groups_are_little_endian() {
        let bytes = guid(0xe9eaf9f3_168e_44d5_a8eb_7f4d8738f6ae);
        assert_eq!(hex::encode(bytes), "f3f9eae98e16d544a8eb7f4d8738f6ae");
    }
}
