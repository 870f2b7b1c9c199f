//! What is in a layer: folders, files and links by their path.

use std::{
    collections::{BTreeMap, btree_map},
    fmt, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Folders, files and links. Everything belongs to root; of permissions, only whether a file can be run is kept.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tree(BTreeMap<Name, Entry>);

/// An absolute path as the image has it: `/usr` is merged, so `/lib`, `/lib64`, `/bin` and `/sbin` stand below it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Name(String);

/// What stands at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum Entry {
    /// A folder; those above any entry are implied.
    Folder,
    /// A file.
    File {
        /// Its bytes.
        content: Vec<u8>,
        /// Whether it can be run.
        executable: bool,
    },
    /// A symbolic link, and where it leads.
    Link(String),
}

/// Why something cannot stand in an image.
#[derive(thiserror::Error, Debug)]
pub enum TreeError {
    /// The path leads nowhere, or out of the image.
    #[error("`{0}` is no path in an image; write it from the root on, without `.` and `..`")]
    Name(String),
    /// Two different things at one path.
    #[error("there are two different things at {0}; name it in one place only")]
    Twice(Name),
    /// A file on this machine cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// There is no such file in the image.
    #[error("there is no file {0} in the image; correct the recipe")]
    Missing(Name),
    /// A device, a socket or the like.
    #[error("{} is neither folder nor file nor link", .0.display())]
    Kind(PathBuf),
}

impl Name {
    /// Reads an absolute path.
    ///
    /// # Errors
    /// If it is relative, empty, or has a part that is not a name.
    pub fn new(path: &str) -> Result<Self, TreeError> {
        let refused = || TreeError::Name(path.to_owned());
        let inner = path.strip_prefix('/').ok_or_else(refused)?;
        if inner.split('/').any(|part| matches!(part, "" | "." | "..") || part.contains('\0')) {
            return Err(refused());
        }
        let first = inner.split('/').next().unwrap_or_default();
        let merged = matches!(first, "lib" | "lib64" | "bin" | "sbin") && inner != first;
        Ok(Self(if merged { format!("usr/{inner}") } else { inner.to_owned() }))
    }

    /// The path without the slash in front, as archives have it.
    #[must_use]
    pub fn relative(&self) -> &str {
        &self.0
    }

    /// The last part.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The folder that it is in, unless that is the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// Where a link that stands here leads, if that is in the image.
    #[must_use]
    pub fn follow(&self, target: &str) -> Option<Self> {
        let start = if target.starts_with('/') {
            ""
        } else {
            self.0.rsplit_once('/').map_or("", |(parent, _)| parent)
        };
        let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()?),
                part => parts.push(part),
            }
        }
        Self::new(&format!("/{}", parts.join("/"))).ok()
    }

    /// Whether `pattern` means this path; `*` stands for any characters of one part.
    #[must_use]
    pub fn matches(&self, pattern: &Self) -> bool {
        let (mut ours, mut theirs) = (self.0.split('/'), pattern.0.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(part), Some(pattern)) if part_matches(part, pattern) => {}
                _ => return false,
            }
        }
    }
}

fn part_matches(part: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => part == pattern,
        Some((start, rest)) => part.strip_prefix(start).is_some_and(|part| {
            let ends = part.char_indices().map(|(at, _)| at).chain([part.len()]);
            ends.filter_map(|at| part.get(at..)).any(|part| part_matches(part, rest))
        }),
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl Tree {
    /// Puts something at a path. The same twice is once.
    ///
    /// # Errors
    /// If something else is there.
    pub fn put(&mut self, name: Name, entry: Entry) -> Result<(), TreeError> {
        match self.0.entry(name) {
            btree_map::Entry::Vacant(place) => {
                place.insert(entry);
                Ok(())
            }
            btree_map::Entry::Occupied(place) if *place.get() == entry => Ok(()),
            btree_map::Entry::Occupied(place) => Err(TreeError::Twice(place.key().clone())),
        }
    }

    /// Puts everything of another tree into this one.
    ///
    /// # Errors
    /// As [`Tree::put`].
    pub fn put_all(&mut self, other: &Self) -> Result<(), TreeError> {
        other.0.iter().try_for_each(|(name, entry)| self.put(name.clone(), entry.clone()))
    }

    /// Everything, sorted by path; folders stand before what is in them.
    pub fn entries(&self) -> impl Iterator<Item = (&Name, &Entry)> {
        self.0.iter()
    }

    /// What stands at a path.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Entry> {
        self.0.get(name)
    }

    /// The same with all folders that are implied.
    #[must_use]
    pub fn with_folders(&self) -> Self {
        let mut all = self.clone();
        for name in self.0.keys() {
            let mut parent = name.parent();
            while let Some(folder) = parent {
                parent = folder.parent();
                all.0.entry(folder).or_insert(Entry::Folder);
            }
        }
        all
    }

    /// What is in a folder of this machine, as if it were a root. Empty folders are left out.
    ///
    /// # Errors
    /// If something in it cannot be read.
    pub fn of_folder(root: &Path) -> Result<Self, TreeError> {
        let mut tree = Self::default();
        let mut folders = vec![(root.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            let reading = |cause| TreeError::Io { path: folder.clone(), cause };
            for entry in fs::read_dir(&folder).map_err(reading)? {
                let entry = entry.map_err(reading)?;
                let path = entry.path();
                let name = format!("{prefix}/{}", text(entry.file_name().into(), &path)?);
                let kind = entry.file_type().map_err(reading)?;
                if kind.is_dir() {
                    folders.push((path, name));
                } else {
                    tree.put(Name::new(&name)?, Entry::of_path(&path)?)?;
                }
            }
        }
        Ok(tree)
    }
}

impl Entry {
    /// A text file.
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::File { content: text.into(), executable: false }
    }

    /// The file or link at a path of this machine.
    ///
    /// # Errors
    /// If it cannot be read, or is something else.
    pub fn of_path(path: &Path) -> Result<Self, TreeError> {
        let reading = |cause| TreeError::Io { path: path.to_owned(), cause };
        let metadata = fs::symlink_metadata(path).map_err(reading)?;
        if metadata.is_symlink() {
            return Ok(Self::Link(text(fs::read_link(path).map_err(reading)?, path)?));
        }
        if !metadata.is_file() {
            return Err(TreeError::Kind(path.to_owned()));
        }
        let executable = metadata.permissions().mode() & 0o100 != 0;
        Ok(Self::File { content: fs::read(path).map_err(reading)?, executable })
    }
}

/// Without the bytes, which may be many.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => f.write_str("Folder"),
            Self::File { content, executable } => {
                write!(f, "File({} bytes{})", content.len(), if *executable { ", executable" } else { "" })
            }
            Self::Link(target) => write!(f, "Link({target})"),
        }
    }
}

fn text(path: PathBuf, at: &Path) -> Result<String, TreeError> {
    path.into_os_string().into_string().map_err(|_| TreeError::Name(at.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> Name {
        Name::new(path).unwrap()
    }

    #[test]
    fn folders_that_usr_has_taken_over_are_below_it() {
        assert_eq!(name("/lib/x/libc.so.6"), name("/usr/lib/x/libc.so.6"));
        assert_eq!(name("/sbin/mkfs.ext4").to_string(), "/usr/sbin/mkfs.ext4");
        assert_eq!(name("/lib").to_string(), "/lib");
        assert_eq!(name("/library/x").to_string(), "/library/x");
    }

    #[test]
    fn a_path_that_leads_out_of_the_image_is_refused() {
        for path in ["", "/", "etc/passwd", "/a//b", "/a/../b", "/./a", "/a/", "/a\0b"] {
            assert!(matches!(Name::new(path), Err(TreeError::Name(_))), "{path:?}");
        }
    }

    #[test]
    fn a_star_stands_for_part_of_one_name() {
        for (path, pattern, expected) in [
            ("/usr/lib/libx.so.2.4", "/usr/lib/libx.so.2*", true),
            ("/usr/lib/libx.so.2", "/usr/lib/libx.so.2*", true),
            ("/usr/lib/libxy.so.2", "/usr/lib/libx.so*", false),
            ("/usr/lib/a/libx.so.2", "/usr/lib/*", false),
            ("/usr/lib/libx.so.2", "/lib/*.so.*", true),
            ("/usr/lib/libä.so", "/lib/*b*.so", true),
        ] {
            assert_eq!(name(path).matches(&name(pattern)), expected, "{path} {pattern}");
        }
    }

    #[test]
    fn links_are_followed_within_the_image_only() {
        let link = name("/usr/lib/x/libc.so");
        assert_eq!(link.follow("libc.so.6"), Some(name("/usr/lib/x/libc.so.6")));
        assert_eq!(link.follow("../../../lib/y"), Some(name("/usr/lib/y")));
        assert_eq!(link.follow("/lib/y"), Some(name("/usr/lib/y")));
        assert_eq!(link.follow("../../../../etc"), None);
    }

    #[test]
    fn two_things_at_one_path_are_refused_and_the_same_twice_is_once() {
        let mut tree = Tree::default();
        tree.put(name("/a"), Entry::text("1")).unwrap();
        tree.put(name("/a"), Entry::text("1")).unwrap();
        assert!(matches!(tree.put(name("/a"), Entry::text("2")), Err(TreeError::Twice(_))));
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let mut tree = Tree::default();
        tree.put(name("/usr/lib/x"), Entry::text("")).unwrap();
        tree.put(name("/usr/bin/y"), Entry::text("")).unwrap();
        let names: Vec<_> = tree.with_folders().entries().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["/usr", "/usr/bin", "/usr/bin/y", "/usr/lib", "/usr/lib/x"]);
    }

    #[test]
    fn a_folder_of_the_machine_is_read_with_links_and_permissions() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("sbin/empty")).unwrap();
        let program = dir.path().join("sbin/program");
        fs::write(&program, "x").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o4700)).unwrap();
        std::os::unix::fs::symlink("program", dir.path().join("sbin/link")).unwrap();
        let tree = Tree::of_folder(dir.path()).unwrap();
        assert_eq!(
            tree.entries().map(|(name, entry)| (name.to_string(), entry.clone())).collect::<Vec<_>>(),
            [
                ("/usr/sbin/link".to_owned(), Entry::Link("program".to_owned())),
                ("/usr/sbin/program".to_owned(), Entry::File { content: b"x".to_vec(), executable: true }),
            ]
        );
    }
}
