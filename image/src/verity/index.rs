//! The index of an archive's files that follows the archive on a layer's device.
//!
//! Everything is little endian. Tables in this order: inodes (32 bytes each, from number 1, the root, in breadth-first
//! order), directory entries (32 bytes each, directory by directory in the same order), names. Then zeros up to a
//! block, and a block that ends with 512 bytes of superblock.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::BLOCK;
use crate::tar::{Entry, Kind};

/// Why an archive's files cannot be indexed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IndexError {
    /// There are too many files and directories, those included that only paths imply.
    #[error("a layer has more than {0} files and directories")]
    Files(usize),
    /// No Linux file system has such names.
    #[error("a layer has a file name of {0} bytes; at most {MAX_NAME} are possible")]
    Name(usize),
}

/// The files of an archive in the making. The root is the first node.
pub(crate) struct TarIndex {
    nodes: Vec<Node>,
    most: usize,
}

struct Node {
    mode: u16,
    opaque: bool,
    mtime: u64,
    uid: u32,
    gid: u32,
    size: u64,
    /// Where content or link target are in the archive, or the numbers of a device.
    offset: u64,
    children: BTreeMap<Box<[u8]>, usize>,
}

const ROOT: usize = 0;
const MAX_NAME: usize = 255;
const RECORD: u64 = 32;
const OPAQUE: u8 = 1;
/// Where the name of a link's target is in a header.
const LINK_IN_HEADER: u64 = 157;
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE_MARK: &[u8] = b".wh..wh..opq";

/// Types of files, as in `st_mode`.
mod file_type {
    pub(super) const FIFO: u16 = 0o010_000;
    pub(super) const CHAR: u16 = 0o020_000;
    pub(super) const DIR: u16 = 0o040_000;
    pub(super) const BLOCK: u16 = 0o060_000;
    pub(super) const FILE: u16 = 0o100_000;
    pub(super) const LINK: u16 = 0o120_000;
    pub(super) const MASK: u16 = 0o170_000;
}

impl TarIndex {
    /// Takes no more than `most` files and directories.
    pub(crate) fn new(most: usize) -> Self {
        Self { nodes: vec![Node { mode: file_type::DIR | 0o555, ..Node::implied() }], most }
    }

    /// Adds the next entry of the archive.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<(), IndexError> {
        // What leaves the root is no part of the layer.
        let Some(parts) = entry.parts() else { return Ok(()) };
        if let Some(long) = parts.iter().find(|part| part.len() > MAX_NAME) {
            return Err(IndexError::Name(long.len()));
        }
        let Some((name, parents)) = parts.split_last() else {
            return self.add_root(entry);
        };
        if *name == OPAQUE_MARK {
            let parent = self.make(parents)?;
            if let Some(parent) = self.nodes.get_mut(parent) {
                parent.opaque = true;
            }
            return Ok(());
        }
        let (name, node) = match name.strip_prefix(WHITEOUT) {
            Some(b"") => return Ok(()),
            Some(hidden) => (hidden, Some(Node::whiteout(entry))),
            None => (*name, Node::of(entry)),
        };
        let linked = match &entry.kind {
            Kind::HardLink { target } if node.is_none() => self.file(target),
            _ => None,
        };
        let child = match (node, linked) {
            (Some(node), _) => self.add_node(node)?,
            (None, Some(file)) => file,
            (None, None) => return Ok(()),
        };
        let parent = self.make(parents)?;
        if let Some(parent) = self.nodes.get_mut(parent) {
            // What was there goes, with everything below it.
            parent.children.insert(name.into(), child);
        }
        Ok(())
    }

    /// Writes everything that follows an archive of `length` bytes.
    pub(crate) fn write(&self, length: u64, output: &mut impl Write) -> io::Result<()> {
        let order = self.order();
        let (mut numbers, mut entries, mut names) = (vec![0_u64; self.nodes.len()], 0_u64, 0_u64);
        for (number, (at, node)) in (1..).zip(self.nodes_in(&order)) {
            if let Some(place) = numbers.get_mut(at) {
                *place = number;
            }
            entries += node.entries();
            names += node.listed().map(|(name, _)| name.len() as u64).sum::<u64>();
        }
        let count = order.len() as u64;
        let first_entry = length + count * RECORD;
        let first_name = first_entry + entries * RECORD;
        let mut table = first_entry;
        for (_, node) in self.nodes_in(&order) {
            node.write(table, output)?;
            table += node.entries() * RECORD;
        }
        let mut name_at = first_name;
        for (_, node) in self.nodes_in(&order) {
            for (name, child) in node.listed() {
                let number = numbers.get(child).copied().unwrap_or_default();
                let kind = self.nodes.get(child).map_or(0, Node::entry_type);
                for field in [number, name_at, name.len() as u64, u64::from(kind)] {
                    output.write_all(&field.to_le_bytes())?;
                }
                name_at += name.len() as u64;
            }
        }
        for (_, node) in self.nodes_in(&order) {
            for (name, _) in node.listed() {
                output.write_all(name)?;
            }
        }
        let end = first_name + names;
        let fill = end.next_multiple_of(BLOCK as u64) - end;
        io::copy(&mut io::Read::take(io::repeat(0), fill), output)?;
        let mut last = [0; BLOCK];
        let superblock = length.to_le_bytes().into_iter().chain(count.to_le_bytes());
        last.iter_mut().skip(BLOCK - 512).zip(superblock).for_each(|(to, from)| *to = from);
        output.write_all(&last)
    }

    /// Attributes of the root; its children stay.
    fn add_root(&mut self, entry: &Entry) -> Result<(), IndexError> {
        if let (Some(node), Some(root)) = (Node::of(entry), self.nodes.get_mut(ROOT))
            && entry.kind == Kind::Directory
        {
            let (children, opaque) = (std::mem::take(&mut root.children), root.opaque);
            *root = Node { children, opaque, ..node };
        }
        Ok(())
    }

    fn add_node(&mut self, node: Node) -> Result<usize, IndexError> {
        if self.nodes.len() >= self.most {
            return Err(IndexError::Files(self.most));
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    /// The node at a path, made where it is missing.
    fn make(&mut self, parts: &[&[u8]]) -> Result<usize, IndexError> {
        let mut at = ROOT;
        for part in parts {
            at = match self.child(at, part) {
                Some(child) => child,
                None => {
                    let child = self.add_node(Node::implied())?;
                    if let Some(parent) = self.nodes.get_mut(at) {
                        parent.children.insert((*part).into(), child);
                    }
                    child
                }
            };
        }
        Ok(at)
    }

    /// The regular file at a path.
    fn file(&self, path: &[u8]) -> Option<usize> {
        let parts = crate::tar::parts(path)?;
        let at = parts.iter().try_fold(ROOT, |at, part| self.child(at, part))?;
        self.nodes.get(at).filter(|node| node.file_type() == file_type::FILE).map(|_| at)
    }

    fn child(&self, at: usize, name: &[u8]) -> Option<usize> {
        self.nodes.get(at)?.children.get(name).copied()
    }

    /// All nodes that can be reached, breadth first. A file with several names stands at its first.
    fn order(&self) -> Vec<usize> {
        let mut seen = vec![false; self.nodes.len()];
        let mut order = vec![ROOT];
        let mut next = 0;
        while let Some(node) = order.get(next).and_then(|at| self.nodes.get(*at)) {
            next += 1;
            for (_, child) in node.listed() {
                if let Some(seen) = seen.get_mut(child).filter(|seen| !**seen) {
                    *seen = true;
                    order.push(child);
                }
            }
        }
        order
    }

    fn nodes_in<'a>(&'a self, order: &'a [usize]) -> impl Iterator<Item = (usize, &'a Node)> {
        order.iter().filter_map(|at| Some((*at, self.nodes.get(*at)?)))
    }
}

impl Node {
    /// A directory that has no entry of its own: it is none, so that nothing below it can be reached.
    fn implied() -> Self {
        Self {
            mode: 0,
            opaque: false,
            mtime: 0,
            uid: 0,
            gid: 0,
            size: 0,
            offset: 0,
            children: BTreeMap::new(),
        }
    }

    /// What an entry says, if it is of a type that is shown.
    fn of(entry: &Entry) -> Option<Self> {
        let device = |major: u32, minor: u32| (0, u64::from(major) << 32 | u64::from(minor));
        let (kind, (size, offset)) = match &entry.kind {
            Kind::File => (file_type::FILE, (entry.size, entry.data_position)),
            Kind::Directory => (file_type::DIR, (0, 0)),
            Kind::Symlink { target, in_header: true } => {
                (file_type::LINK, (target.len() as u64, entry.header_position + LINK_IN_HEADER))
            }
            Kind::CharDevice { major, minor } => (file_type::CHAR, device(*major, *minor)),
            Kind::BlockDevice { major, minor } => (file_type::BLOCK, device(*major, *minor)),
            Kind::Fifo => (file_type::FIFO, (0, 0)),
            Kind::Symlink { in_header: false, .. } | Kind::HardLink { .. } | Kind::Other(_) => return None,
        };
        Some(Self { size, offset, ..Self::with(kind, entry) })
    }

    /// Hides the file of a lower layer.
    fn whiteout(entry: &Entry) -> Self {
        Self::with(file_type::CHAR, entry)
    }

    fn with(kind: u16, entry: &Entry) -> Self {
        let low = |number: u64| u32::try_from(number & 0xFFFF_FFFF).unwrap_or_default();
        let permissions = u16::try_from(entry.mode & 0o777).unwrap_or_default();
        Self {
            mode: kind | permissions,
            mtime: entry.mtime,
            uid: low(entry.uid),
            gid: low(entry.gid),
            ..Self::implied()
        }
    }

    /// The record in the table of inodes; `table` is where its directory entries are, if it has any.
    fn write(&self, table: u64, output: &mut impl Write) -> io::Result<()> {
        let is_directory = self.file_type() == file_type::DIR;
        let (size, offset) =
            if is_directory { (self.entries() * RECORD, table) } else { (self.size, self.offset) };
        let [m0, m1, m2, m3, m4, ..] = self.mtime.to_le_bytes();
        output.write_all(&self.mode.to_le_bytes())?;
        output.write_all(&[if self.opaque { OPAQUE } else { 0 }, m4 & 0x0F])?;
        output.write_all(&self.uid.to_le_bytes())?;
        output.write_all(&self.gid.to_le_bytes())?;
        output.write_all(&[m0, m1, m2, m3])?;
        output.write_all(&size.to_le_bytes())?;
        output.write_all(&offset.to_le_bytes())
    }

    /// Names and nodes of a directory, by the bytes of the names.
    fn listed(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let children = Some(&self.children).filter(|_| self.file_type() == file_type::DIR);
        children.into_iter().flatten().map(|(name, child)| (&**name, *child))
    }

    fn entries(&self) -> u64 {
        self.listed().count() as u64
    }

    fn file_type(&self) -> u16 {
        self.mode & file_type::MASK
    }

    /// As in `d_type`.
    fn entry_type(&self) -> u8 {
        u8::try_from(self.file_type() >> 12).unwrap_or_default()
    }
}
