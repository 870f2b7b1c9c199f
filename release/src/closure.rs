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
    let origin = by.parent().map_or_else(String::new, |folder| folder.to_string());
    let run_path =
        elf.run_path.iter().map(|folder| folder.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin));
    let folders = run_path.chain(FOLDERS.map(str::to_owned));
    let mut files =
        folders.filter_map(|folder| find(image, &Name::new(&format!("{folder}/{library}")).ok()?));
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
