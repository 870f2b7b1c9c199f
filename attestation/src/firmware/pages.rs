//! Ranges of guest memory.

/// Length of a page in bytes.
pub const PAGE_LENGTH: usize = 4096;

const PAGE: u64 = PAGE_LENGTH as u64;

/// One or more whole pages below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pages {
    start: u64,
    end: u64,
}

impl Pages {
    /// `None` if it is not whole pages, none at all, or reaches beyond 4 GiB.
    pub(super) fn new(address: u64, length: u64) -> Option<Self> {
        let end = address.checked_add(length).filter(|end| *end <= super::END)?;
        let whole = length > 0 && address.is_multiple_of(PAGE) && length.is_multiple_of(PAGE);
        whole.then_some(Self { start: address, end })
    }

    /// Guest address of the first byte.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.start
    }

    /// Length in bytes, at most 4 GiB.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The guest address of each page, ascending.
    pub fn each(&self) -> impl Iterator<Item = u64> + use<> {
        std::iter::successors(Some(self.start), |address| address.checked_add(PAGE)).take_while({
            let end = self.end;
            move |address| *address < end
        })
    }
}

/// The guest address of a page that is in more than one of these ranges.
pub(super) fn overlap(ranges: impl Iterator<Item = Pages>) -> Option<u64> {
    let mut sorted: Vec<Pages> = ranges.collect();
    sorted.sort_unstable();
    sorted.windows(2).find_map(|pair| match pair {
        [first, second] if second.start < first.end => Some(second.start),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_below_4_gib_are_accepted() {
        for (address, length) in
            [(1, 4096), (0, 1), (0, 0), (0xFFFF_F000, 8192), (1 << 32, 4096), (u64::MAX - 4095, 4096)]
        {
            assert_eq!(Pages::new(address, length), None, "{address:#x} {length:#x}");
        }
        let pages = Pages::new(0xFFFF_E000, 8192).unwrap();
        assert_eq!(pages.each().collect::<Vec<_>>(), [0xFFFF_E000, 0xFFFF_F000]);
        assert_eq!((pages.address(), pages.length()), (0xFFFF_E000, 8192));
    }

    #[test]
    fn a_shared_page_is_found_wherever_the_ranges_stand() {
        let at = |address, length| Pages::new(address, length).unwrap();
        let apart = [at(0x3000, 0x1000), at(0x1000, 0x2000), at(0x4000, 0x1000)];
        assert_eq!(overlap(apart.into_iter()), None);
        assert_eq!(overlap(apart.into_iter().chain([at(0x2000, 0x1000)])), Some(0x2000));
    }
}
