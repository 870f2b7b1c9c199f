//! Writes archives, the same bytes for the same content (POSIX.1-2017, `pax`, "ustar Interchange Format").

use crate::tree::{Entry, Name, Tree};

/// Why a tree cannot be archived.
#[derive(thiserror::Error, Debug)]
pub enum ArchiveError {
    /// Neither 100 bytes nor, split at a slash, 155 and 100.
    #[error("the path {0} is too long for an archive")]
    LongName(Name),
    /// A link's target has at most 100 bytes.
    #[error("the link {0} leads to a path that is too long for an archive")]
    LongTarget(Name),
    /// A size has eleven octal digits.
    #[error("{0} has 8 GiB or more, too many bytes for an archive")]
    Large(Name),
}

const BLOCK: usize = 512;
/// Largest size that the header holds.
const LARGEST: usize = 0o777_7777_7777;

/// The archive of a tree, folders included. Everything belongs to root and was last changed when time began.
///
/// # Errors
/// If the form has no place for a name or a size.
pub(crate) fn archive(tree: &Tree) -> Result<Vec<u8>, ArchiveError> {
    let mut out = Vec::new();
    for (name, entry) in tree.with_folders().entries() {
        let (mode, kind, target, content): (_, _, _, &[u8]) = match entry {
            Entry::Folder => (0o755, "5", "", &[]),
            Entry::File { content, executable: true } => (0o755, "0", "", content),
            Entry::File { content, executable: false } => (0o644, "0", "", content),
            Entry::Link(target) => (0o777, "2", target.as_str(), &[]),
        };
        let mut path = name.relative().to_owned();
        if *entry == Entry::Folder {
            path.push('/');
        }
        let (prefix, path) = split(&path).ok_or_else(|| ArchiveError::LongName(name.clone()))?;
        if target.len() > 100 {
            return Err(ArchiveError::LongTarget(name.clone()));
        }
        if content.len() > LARGEST {
            return Err(ArchiveError::Large(name.clone()));
        }
        out.extend(header(prefix, path, mode, kind, target, content.len()));
        out.extend(content);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

/// Divides a path into a prefix, which may be empty, and a name, so that both fit.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let parts = path.match_indices('/').map(|(at, _)| path.split_at(at));
    let mut fitting = parts.map(|(prefix, name)| (prefix, name.get(1..).unwrap_or_default()));
    fitting.find(|(prefix, name)| prefix.len() <= 155 && !name.is_empty() && name.len() <= 100)
}

fn header(prefix: &str, path: &str, mode: u32, kind: &str, target: &str, size: usize) -> Vec<u8> {
    let with_sum = |sum: &str| {
        let fields = [
            (path, 100),
            (&format!("{mode:07o}"), 8),
            ("0000000", 8), // user
            ("0000000", 8), // group
            (&format!("{size:011o}"), 12),
            ("00000000000", 12), // time of the last change
            (sum, 8),
            (kind, 1),
            (target, 100),
            ("ustar\x0000", 8),
            ("", 32), // names of user and group
            ("", 32),
            ("0000000", 8), // device
            ("0000000", 8),
            (prefix, 155),
            ("", 12),
        ];
        let padded =
            fields.iter().flat_map(|(text, length)| text.bytes().chain(std::iter::repeat(0)).take(*length));
        padded.collect::<Vec<u8>>()
    };
    let sum: u32 = with_sum("        ").iter().map(|byte| u32::from(*byte)).sum();
    with_sum(&format!("{sum:06o}\0 "))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

    use super::*;

    fn name(path: &str) -> Name {
        Name::new(path).unwrap()
    }

    #[test]
    fn another_program_unpacks_what_was_archived() {
        let mut tree = Tree::default();
        let long = format!("/{0}/{0}/{1}", "d".repeat(60), "f".repeat(99));
        tree.put(name("/usr/bin/x"), Entry::File { content: b"program".to_vec(), executable: true }).unwrap();
        tree.put(name("/etc/text"), Entry::text("t".repeat(1000))).unwrap();
        tree.put(name("/usr/bin/y"), Entry::Link("x".to_owned())).unwrap();
        tree.put(name(&long), Entry::text("")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.tar");
        fs::write(&file, archive(&tree).unwrap()).unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        assert!(Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(&root).status().unwrap().success());
        assert_eq!(Tree::of_folder(&root).unwrap(), tree);
        let changed = fs::metadata(root.join("etc/text")).unwrap().modified().unwrap();
        assert_eq!(changed, std::time::SystemTime::UNIX_EPOCH);
        let mode = fs::metadata(root.join("usr/bin")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn what_the_form_has_no_place_for_is_refused() {
        let mut long_name = Tree::default();
        long_name.put(name(&format!("/{}", "f".repeat(101))), Entry::text("")).unwrap();
        assert!(matches!(archive(&long_name), Err(ArchiveError::LongName(_))));
        let mut long_target = Tree::default();
        long_target.put(name("/a"), Entry::Link("t".repeat(101))).unwrap();
        assert!(matches!(archive(&long_target), Err(ArchiveError::LongTarget(_))));
    }
}
