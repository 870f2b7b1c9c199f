//! Source files stay short: a reader keeps one in mind at a time.

use crate::{failure::Failure, workspace};

/// No file is longer.
const LONGEST: usize = 600;

/// Half of the files are shorter.
const MEDIAN: usize = 200;

/// Counts the lines of every Rust file.
///
/// # Errors
/// Names each file that is too long, or the median if that is.
pub(super) fn check() -> Result<String, Failure> {
    let mut lengths = Vec::new();
    for path in workspace::files("rs")? {
        let lines = workspace::read(&path)?.lines().count();
        lengths.push((lines, workspace::shown(&path)));
    }
    let (broken, note) = judge(lengths);
    if broken.is_empty() {
        return Ok(note);
    }
    Err(Failure::Rules { broken, remedy: "split files by what their parts are about." })
}

fn judge(mut lengths: Vec<(usize, String)>) -> (Vec<String>, String) {
    lengths.sort();
    let median = lengths.get(lengths.len() / 2).map_or(0, |(lines, _)| *lines);
    let mut broken: Vec<String> = lengths
        .iter()
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, path)| format!("{path} has {lines} lines; at most {LONGEST} are allowed"))
        .collect();
    if median >= MEDIAN {
        broken.push(format!(
            "half of the files have {median} lines or more; the median must stay below {MEDIAN}"
        ));
    }
    (broken, format!("{} files, median {median} lines", lengths.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_601_lines_is_named_and_one_of_600_is_not() {
        let (broken, note) = judge(vec![
            (601, "long.rs".into()),
            (600, "edge.rs".into()),
            (5, "a.rs".into()),
            (6, "b.rs".into()),
            (7, "c.rs".into()),
        ]);
        assert_eq!(broken, ["long.rs has 601 lines; at most 600 are allowed"]);
        assert_eq!(note, "5 files, median 7 lines");
    }

    #[test]
    fn a_median_of_200_lines_is_too_much() {
        let (broken, _) = judge(vec![(10, "a.rs".into()), (200, "b.rs".into()), (300, "c.rs".into())]);
        assert_eq!(broken.len(), 1);
        assert!(judge(vec![(10, "a.rs".into()), (199, "b.rs".into()), (300, "c.rs".into())]).0.is_empty());
    }
}
