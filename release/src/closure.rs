//! Whether everything that programs need to start is in an image.
//!
//! Does what the loader of glibc would: names of libraries are looked for in the run path, then in the folders of Debian. No
//! cache of the loader is in our images, and none is needed.

use std::collections::BTreeSet;

use crate::{
    elf::{Elf, ElfError},
    tree::{Entry, Name, Tree},
};

/// Something that would keep a program from starting.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum Gap {
    /// A program that cannot be read.
    #[error("{at}: {cause}")]
    Elf {
        /// The file.
        at: Name,
        /// What is wrong with it.
        cause: ElfError,
    },
    /// A library, a loader or the target of a link is missing.
    #[error("{by} needs `{missing}`, which is not in the image; add it to the recipe")]
    Missing {
        /// Who needs it.
        by: Name,
        /// What is missing.
        missing: String,
    },
    /// A library is too old.
    #[error(
        "{by} needs {version} of `{library}`, which is older in the image; build on the release of Debian that the packages are from"
    )]
    Older {
        /// Who needs it.
        by: Name,
        /// The library.
        library: String,
        /// The version of its symbols.
        version: String,
    },
    /// A script needs an interpreter, and our images have none.
    #[error("{0} is a script; take a program instead")]
    Script(Name),
}

/// Where Debian's loader looks for libraries.
const FOLDERS: [&str; 3] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"];

/// Everything that is missing, in the order of the paths.
#[must_use]
pub fn gaps(image: &Tree) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (name, entry) in image.entries() {
        match entry {
            Entry::Folder => {}
            Entry::Link(target) => {
                let found = name.follow(target).and_then(|target| find(image, &target));
                // A folder is there if something is in it.
                if found.is_none() && !name.follow(target).is_some_and(|target| is_folder(image, &target)) {
                    gaps.push(Gap::Missing { by: name.clone(), missing: target.clone() });
                }
            }
            Entry::File { content, .. } if content.starts_with(b"#!") => gaps.push(Gap::Script(name.clone())),
            Entry::File { content, .. } => match Elf::read(content) {
                Ok(None) => {}
                Ok(Some(elf)) => gaps.extend(gaps_of(image, name, &elf)),
                Err(cause) => gaps.push(Gap::Elf { at: name.clone(), cause }),
            },
        }
    }
    gaps
}

fn gaps_of(image: &Tree, by: &Name, elf: &Elf) -> Vec<Gap> {
    let missing = |missing: &String| Gap::Missing { by: by.clone(), missing: missing.clone() };
    let mut gaps = Vec::new();
    if let Some(interpreter) = &elf.interpreter {
        let there = Name::new(interpreter).ok().and_then(|name| find(image, &name));
        gaps.extend(there.is_none().then(|| missing(interpreter)));
    }
    for library in &elf.needed {
        let Some(content) = library_of(image, by, elf, library) else {
            gaps.push(missing(library));
            continue;
        };
        // What is wrong with the library itself is said where it stands.
        let has = Elf::read(content).ok().flatten().map(|library| library.versions).unwrap_or_default();
        let none = BTreeSet::new();
        let wanted = elf.versions_needed.get(library).unwrap_or(&none);
        // Without versions, a library fits whatever is asked: so does the loader see it.
        gaps.extend(wanted.iter().filter(|version| !has.is_empty() && !has.contains(*version)).map(
            |version| Gap::Older { by: by.clone(), library: library.clone(), version: version.clone() },
        ));
    }
    gaps
}

fn library_of<'a>(image: &'a Tree, by: &Name, elf: &Elf, library: &str) -> Option<&'a [u8]> {
    if library.contains('/') {
        return find(image, &Name::new(library).ok()?);
    }
    // The folder of whoever needs it may be part of the run path.
    let origin = |folder: &String| folder.replace("$ORIGIN", ".").replace("${ORIGIN}", ".");
    let folders = elf.run_path.iter().map(origin).chain(FOLDERS.map(str::to_owned));
    let mut files = folders.filter_map(|folder| find(image, &by.follow(&format!("{folder}/{library}"))?));
    files.next()
}

/// The file at a path, through links.
fn find<'a>(image: &'a Tree, name: &Name) -> Option<&'a [u8]> {
    const LINKS: usize = 40;
    let mut name = name.clone();
    for _ in 0..LINKS {
        match image.get(&name)? {
            Entry::File { content, .. } => return Some(content),
            Entry::Link(target) => name = name.follow(target)?,
            Entry::Folder => return None,
        }
    }
    None
}

fn is_folder(image: &Tree, name: &Name) -> bool {
    let inside = format!("{}/", name.relative());
    image.entries().any(|(other, _)| other.relative().starts_with(&inside))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn name(path: &str) -> Name {
        Name::new(path).unwrap()
    }

    fn tree(entries: &[(&str, Entry)]) -> Tree {
        let mut tree = Tree::default();
        entries.iter().for_each(|(path, entry)| tree.put(name(path), entry.clone()).unwrap());
        tree
    }

    fn file(content: Vec<u8>) -> Entry {
        Entry::File { content, executable: true }
    }

    /// The C library that this test runs with.
    fn c_library() -> Entry {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let path = maps.split_whitespace().find(|word| word.ends_with("/libc.so.6")).unwrap();
        file(fs::read(path).unwrap())
    }

    #[test]
    fn a_program_alone_lacks_its_loader_and_its_libraries() {
        let own = fs::read("/proc/self/exe").unwrap();
        let said: Vec<_> =
            gaps(&tree(&[("/usr/bin/x", file(own))])).iter().map(ToString::to_string).collect();
        for missing in ["/ld-linux-x86-64.so.2`", "`libc.so.6`"] {
            assert!(
                said.iter().any(|gap| gap.starts_with("/usr/bin/x needs ") && gap.contains(missing)),
                "{said:?}"
            );
        }
    }

    #[test]
    fn a_library_that_is_too_old_is_named_with_what_it_lacks() {
        let image = tree(&[("/usr/lib/x86_64-linux-gnu/libc.so.6", c_library())]);
        let needs = |version: &str| Elf {
            needed: vec!["libc.so.6".to_owned()],
            versions_needed: [("libc.so.6".to_owned(), [version.to_owned()].into())].into(),
            ..Elf::default()
        };
        assert_eq!(gaps_of(&image, &name("/usr/bin/x"), &needs("GLIBC_2.2.5")), []);
        assert_eq!(
            gaps_of(&image, &name("/usr/bin/x"), &needs("GLIBC_9.0")),
            [Gap::Older {
                by: name("/usr/bin/x"),
                library: "libc.so.6".to_owned(),
                version: "GLIBC_9.0".to_owned()
            }]
        );
    }

    #[test]
    fn libraries_are_found_through_links_and_beside_their_user() {
        let image = tree(&[
            ("/usr/lib64/libc.so.6", Entry::Link("/opt/x/libc-2.so".to_owned())),
            ("/opt/x/libc-2.so", c_library()),
        ]);
        let elf = |needed: &str, run_path: &[&str]| Elf {
            needed: vec![needed.to_owned()],
            run_path: run_path.iter().map(|&path| path.to_owned()).collect(),
            ..Elf::default()
        };
        let by = name("/opt/bin/program");
        assert_eq!(gaps_of(&image, &by, &elf("libc.so.6", &[])), []);
        assert_eq!(gaps_of(&image, &by, &elf("libc-2.so", &[])).len(), 1);
        assert_eq!(gaps_of(&image, &by, &elf("libc-2.so", &["$ORIGIN/../x"])).len(), 0);
    }

    #[test]
    fn scripts_and_links_that_lead_nowhere_are_gaps() {
        let image = tree(&[
            ("/lib", Entry::Link("usr/lib".to_owned())),
            ("/usr/lib/a", Entry::text("")),
            ("/usr/bin/script", file(b"#!/bin/sh\n".to_vec())),
            ("/usr/bin/link", Entry::Link("nothing".to_owned())),
        ]);
        assert_eq!(
            gaps(&image),
            [
                Gap::Missing { by: name("/usr/bin/link"), missing: "nothing".to_owned() },
                Gap::Script(name("/usr/bin/script")),
            ]
        );
    }
}
