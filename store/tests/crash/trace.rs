//! Reading what strace has recorded: every change of a directory and its files, and every sync.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file or directory, whatever its name at the time.
pub(crate) type Inode = usize;
/// The recorded directory itself.
pub(crate) const ROOT: Inode = 0;

/// A change or a sync.
#[derive(Debug)]
pub(crate) enum Op {
    Write {
        file: Inode,
        offset: usize,
        data: Vec<u8>,
    },
    Truncate {
        file: Inode,
        length: usize,
    },
    Sync {
        inode: Inode,
    },
    /// A new name in a directory, or one that now stands for something else.
    Link {
        dir: Inode,
        name: String,
        inode: Inode,
    },
    Rename {
        dir: Inode,
        from: String,
        to: String,
        inode: Inode,
    },
    Unlink {
        dir: Inode,
        name: String,
    },
    /// What the recorded process said about itself.
    Mark(String),
}

/// An operation, and when it ran: positions in the record.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) time: Range<usize>,
    pub(crate) op: Op,
}

/// A whole run.
pub(crate) struct Trace {
    pub(crate) events: Vec<Event>,
    /// Which inodes are directories.
    pub(crate) directories: Vec<bool>,
    /// End of time.
    pub(crate) end: usize,
}

/// What strace has to be told to record.
pub(crate) const STRACE: [&str; 9] = [
    "-f",
    "-y",
    "-xx",
    "-s",
    "16777216",
    "-e",
    "trace=openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,rename,renameat,\
     renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,fsync,fdatasync",
    "-e",
    "signal=none",
];

impl Trace {
    /// Reads a record; `root` is the directory of interest, `marks` the file with what the process said.
    pub(crate) fn parse(record: &str, root: &Path, marks: &Path) -> Self {
        let mut parser = Parser {
            root: root.to_owned(),
            marks: marks.to_owned(),
            inodes: HashMap::from([(root.to_owned(), ROOT)]),
            offsets: HashMap::new(),
            trace: Self { events: Vec::new(), directories: vec![true], end: 0 },
        };
        let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
        for (now, line) in record.lines().enumerate() {
            parser.trace.end = now + 1;
            let Some((pid, rest)) = line.split_once(char::is_whitespace) else { continue };
            let rest = rest.trim_start();
            if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
                unfinished.insert(pid, (now, begin));
            } else if rest.starts_with("<... ") {
                let (start, begin) = unfinished.remove(pid).unwrap();
                let (_, finish) = rest.split_once(" resumed>").unwrap();
                parser.call(start..now + 1, &format!("{begin}{finish}"));
            } else if rest.contains('(') {
                parser.call(now..now + 1, rest);
            }
        }
        parser.trace
    }
}

struct Parser {
    root: PathBuf,
    marks: PathBuf,
    inodes: HashMap<PathBuf, Inode>,
    /// Where the next plain write of a descriptor goes.
    offsets: HashMap<String, usize>,
    trace: Trace,
}

impl Parser {
    fn call(&mut self, time: Range<usize>, text: &str) {
        let (name, rest) = text.split_once('(').unwrap();
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        let result = result.trim();
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        let arguments = arguments.trim_end().trim_end_matches(')');
        let arguments: Vec<&str> = arguments.split(", ").collect();
        match name {
            "open" | "creat" => self.open(time, &string(arguments[0]), text, result),
            "openat" => self.open(time, &at(arguments[0], arguments[1]), text, result),
            "mkdir" => self.make_directory(time, &string(arguments[0])),
            "mkdirat" => self.make_directory(time, &at(arguments[0], arguments[1])),
            "write" | "pwrite64" => self.write(time, &arguments, result),
            "ftruncate" => {
                if let Some(file) = self.known(&descriptor(arguments[0]).1) {
                    self.push(time, Op::Truncate { file, length: arguments[1].parse().unwrap() });
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(inode) = self.known(&descriptor(arguments[0]).1) {
                    self.push(time, Op::Sync { inode });
                }
            }
            "rename" => self.rename(time, &string(arguments[0]), &string(arguments[1])),
            "renameat" | "renameat2" => {
                self.rename(time, &at(arguments[0], arguments[1]), &at(arguments[2], arguments[3]));
            }
            "link" => self.second_name(time, &string(arguments[0]), &string(arguments[1])),
            "linkat" => {
                self.second_name(time, &at(arguments[0], arguments[1]), &at(arguments[2], arguments[3]));
            }
            "unlink" | "rmdir" => self.unlink(time, &string(arguments[0])),
            "unlinkat" => self.unlink(time, &at(arguments[0], arguments[1])),
            other => {
                assert!(!text.contains(self.root.to_str().unwrap()), "{other} is not understood: {text}")
            }
        }
    }

    fn open(&mut self, time: Range<usize>, path: &Path, text: &str, result: &str) {
        self.offsets.insert(descriptor(result).0, 0);
        if !path.starts_with(&self.root) {
            return;
        }
        match self.known(path) {
            None if text.contains("O_CREAT") => self.link(time, path, false),
            Some(file) if text.contains("O_TRUNC") => self.push(time, Op::Truncate { file, length: 0 }),
            _ => {}
        }
    }

    fn make_directory(&mut self, time: Range<usize>, path: &Path) {
        if path.starts_with(&self.root) && path != self.root {
            self.link(time, path, true);
        }
    }

    fn link(&mut self, time: Range<usize>, path: &Path, directory: bool) {
        let inode = self.trace.directories.len();
        self.trace.directories.push(directory);
        self.inodes.insert(path.to_owned(), inode);
        let (dir, name) = self.parent(path);
        self.push(time, Op::Link { dir, name, inode });
    }

    fn second_name(&mut self, time: Range<usize>, from: &Path, to: &Path) {
        let Some(inode) = self.known(from) else { return };
        self.inodes.insert(to.to_owned(), inode);
        let (dir, name) = self.parent(to);
        self.push(time, Op::Link { dir, name, inode });
    }

    fn write(&mut self, time: Range<usize>, arguments: &[&str], result: &str) {
        let (number, path) = descriptor(arguments[0]);
        let written: usize = result.split_whitespace().next().unwrap().parse().unwrap();
        let mut data = unescape(arguments[1].trim_matches('"'));
        assert!(data.len() >= written, "strace has cut a write");
        data.truncate(written);
        if path == self.marks {
            return self.push(time, Op::Mark(String::from_utf8(data).unwrap()));
        }
        let Some(file) = self.known(&path) else { return };
        let offset = match arguments.get(3) {
            Some(offset) => offset.parse().unwrap(),
            None => {
                let position = self.offsets.entry(number).or_default();
                *position += written;
                *position - written
            }
        };
        self.push(time, Op::Write { file, offset, data });
    }

    fn rename(&mut self, time: Range<usize>, from: &Path, to: &Path) {
        let Some(inode) = self.known(from) else { return };
        let ((dir, from_name), (to_dir, to_name)) = (self.parent(from), self.parent(to));
        assert_eq!(dir, to_dir, "renames between directories are not understood");
        self.inodes.retain(|path, _| !path.starts_with(to));
        let moved =
            std::mem::take(&mut self.inodes).into_iter().map(|(path, inode)| match path.strip_prefix(from) {
                Ok(below) if below.as_os_str().is_empty() => (to.to_owned(), inode),
                Ok(below) => (to.join(below), inode),
                Err(_) => (path, inode),
            });
        self.inodes = moved.collect();
        self.push(time, Op::Rename { dir, from: from_name, to: to_name, inode });
    }

    fn unlink(&mut self, time: Range<usize>, path: &Path) {
        if self.inodes.remove(path).is_some() {
            let (dir, name) = self.parent(path);
            self.push(time, Op::Unlink { dir, name });
        }
    }

    fn known(&self, path: &Path) -> Option<Inode> {
        self.inodes.get(path).copied()
    }

    fn parent(&self, path: &Path) -> (Inode, String) {
        (self.inodes[path.parent().unwrap()], path.file_name().unwrap().to_str().unwrap().to_owned())
    }

    fn push(&mut self, time: Range<usize>, op: Op) {
        self.trace.events.push(Event { time, op });
    }
}

/// Number and path of `5</some/where>`.
fn descriptor(text: &str) -> (String, PathBuf) {
    let (number, path) = text.split_once('<').unwrap_or((text, ""));
    let path = path.rsplit_once('>').map_or(path, |(path, _)| path);
    (number.to_owned(), String::from_utf8(unescape(path)).unwrap().into())
}

fn string(text: &str) -> PathBuf {
    String::from_utf8(unescape(text.trim_matches('"'))).unwrap().into()
}

/// A path below an open directory, or an absolute one.
fn at(directory: &str, path: &str) -> PathBuf {
    descriptor(directory).1.join(string(path))
}

/// Text in which any byte may be written as `\x12`.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len() / 4 + 1);
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"\\x") {
            out.push(u8::from_str_radix(&text[at + 2..at + 4], 16).unwrap());
            at += 4;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}
