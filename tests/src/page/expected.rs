//! What a page shows, against what was printed.

/// Where both part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The line that the page shows; `None` where it shows nothing more.
    pub shown: Option<String>,
    /// What was printed from there on.
    pub printed: Vec<String>,
}

/// Whether what a page shows is what was printed: `...` in a line is any text, a line `...` any lines, blanks count as one.
///
/// # Errors
/// The first shown line that has no counterpart.
pub fn compare(shown: &str, printed: &str) -> Result<(), Difference> {
    let shown: Vec<String> = shown.lines().map(one_blank).collect();
    let printed: Vec<String> = printed.lines().map(one_blank).filter(|line| !line.is_empty()).collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
    let mut rest = printed.as_slice();
    let mut gap = false;
    for (index, line) in shown.iter().enumerate() {
        if *line == "..." {
            gap = true;
            continue;
        }
        let different = || Difference { shown: Some((*line).to_owned()), printed: rest.to_vec() };
        // The last line after a gap is the last one printed; any other is the first that fits.
        let is_last = index + 1 == shown.len();
        let found = if gap && is_last {
            rest.last().filter(|last| fits(line, last)).map(|_| rest.len() - 1)
        } else if gap {
            rest.iter().position(|candidate| fits(line, candidate))
        } else {
            rest.first().filter(|first| fits(line, first)).map(|_| 0)
        };
        let found = found.ok_or_else(different)?;
        rest = rest.get(found + 1..).unwrap_or_default();
        gap = false;
    }
    if rest.is_empty() || gap { Ok(()) } else { Err(Difference { shown: None, printed: rest.to_vec() }) }
}

fn one_blank(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a line has all pieces of a pattern between its `...`, in their order, from its beginning to its end.
fn fits(pattern: &str, line: &str) -> bool {
    let pieces: Vec<&str> = pattern.split("...").collect();
    let [first, middle @ .., last] = pieces.as_slice() else { return pattern == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}
