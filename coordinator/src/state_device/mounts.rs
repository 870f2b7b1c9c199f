//! What is mounted where, as this process sees it (proc_pid_mountinfo(5)).

use std::{
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::makedev;

/// One mount.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Mount {
    /// Number of the device that the file system is on.
    pub(super) device: u64,
    /// Which directory of the file system is mounted.
    root: PathBuf,
    /// Where it is mounted.
    pub(super) at: PathBuf,
    /// What the kernel calls the file system's source, escaped as in the list.
    pub(super) source: String,
}

impl Mount {
    /// Whether this is the whole file system of a device.
    pub(super) fn is_whole(&self, device: u64) -> bool {
        self.device == device && self.root == Path::new("/")
    }
}

/// All mounts, the later on top of the earlier.
pub(super) fn all() -> io::Result<Vec<Mount>> {
    Ok(fs::read("/proc/self/mountinfo")?.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// Reads a line such as `36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/root rw`.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').skip(2);
    let (major, minor) = std::str::from_utf8(fields.next()?).ok()?.split_once(':')?;
    let device = makedev(major.parse().ok()?, minor.parse().ok()?);
    let (root, at) = (unescape(fields.next()?), unescape(fields.next()?));
    // Optional fields end with a dash.
    let source = fields.skip_while(|field| *field != b"-").nth(2)?;
    Some(Mount { device, root, at, source: String::from_utf8_lossy(source).into_owned() })
}

/// Space, tab, line feed and backslash stand as a backslash and three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let (mut path, mut rest) = (Vec::with_capacity(field.len()), field);
    while let [first, after @ ..] = rest {
        let (byte, left) = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', left @ ..]) => {
                (((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'), left)
            }
            (byte, left) => (*byte, left),
        };
        path.push(byte);
        rest = left;
    }
    OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_any_number_of_optional_fields() {
        for optional in ["", "master:1 ", "shared:2 master:1 "] {
            let line =
                format!(r"36 35 7:300 /sub /mnt/a\040b\134c rw,noatime {optional}- ext4 /dev/loop\0407 rw");
            let mount = parse(line.as_bytes()).unwrap();
            assert_eq!((mount.device, mount.at), (makedev(7, 300), r"/mnt/a b\c".into()));
            assert_eq!((mount.root, mount.source), ("/sub".into(), r"/dev/loop\0407".into()));
        }
    }

    #[test]
    fn what_is_no_line_is_left_out() {
        for line in
            ["", "36 35 7 / /mnt rw - ext4 x rw", "36 35 7:0 / /mnt rw ext4 x rw", "36 35 7:x / / rw - a b"]
        {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn the_kernels_own_list_is_read_whole() {
        let lines = fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
        assert_eq!(all().unwrap().len(), lines);
    }
}
