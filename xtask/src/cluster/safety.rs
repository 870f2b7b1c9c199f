//! The rule of the house: nothing of the machine may be writable from inside the node.

use std::collections::BTreeSet;

/// One line of mountinfo (proc(5)).
#[derive(PartialEq, Eq, Debug)]
struct Mount<'a> {
    /// Major and minor number of the file system's device.
    device: &'a str,
    /// What of the file system is mounted.
    root: &'a str,
    point: &'a str,
    writable: bool,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(2);
        let (device, root, point, flags) = (front.next()?, front.next()?, front.next()?, front.next()?);
        let mut back = back.split(' ');
        let (kind, _source, options) = (back.next()?, back.next()?, back.next()?);
        let writable = !flags.split(',').chain(options.split(',')).any(|flag| flag == "ro");
        Some(Self { device, root, point, writable, kind, options })
    }
}

/// The mounts of a node that would let it write to something of the machine.
///
/// `machine` and `node` are mountinfo of processes outside and inside. Writable may be file systems without a disk that the machine
/// does not have, what lies in the node's own `folder`, and cgroups below `group`. A line that cannot be understood is a reason to
/// refuse, too.
pub(super) fn offences(machine: &str, node: &str, folder: &str, group: &str) -> Vec<String> {
    let machine: Vec<Mount<'_>> = machine.lines().filter_map(Mount::parse).collect();
    let devices: BTreeSet<&str> = machine.iter().map(|mount| mount.device).collect();
    let own = place_of(&machine, folder);
    let harmless = |mount: &Mount<'_>| {
        if !mount.writable {
            return true;
        }
        match mount.kind {
            // Hierarchies exist once, and each mount shows a part.
            "cgroup" | "cgroup2" => mount.root.split('/').any(|part| part == group),
            // It writes where it was told to.
            "overlay" => mount.options.split(',').any(|option| option == format!("upperdir={folder}/upper")),
            // Zero is the major number of what has no disk.
            _ if mount.device.starts_with("0:") && !devices.contains(mount.device) => true,
            _ => own
                .as_ref()
                .is_some_and(|(device, path)| *device == mount.device && is_below(mount.root, path)),
        }
    };
    let judge = |line: &str| match Mount::parse(line) {
        Some(mount) if harmless(&mount) => None,
        Some(mount) => {
            Some(format!("{} ({} of device {}, {})", mount.point, mount.root, mount.device, mount.kind))
        }
        None => Some(format!("a mount that cannot be understood: {line}")),
    };
    node.lines().filter_map(judge).collect()
}

/// Device and path, in its file system, of a folder of the machine.
fn place_of<'a>(machine: &[Mount<'a>], folder: &str) -> Option<(&'a str, String)> {
    // The longest mount point; of several at one place the last one is seen.
    let holds = machine.iter().filter(|mount| is_below(folder, mount.point));
    let mount = holds.max_by_key(|mount| mount.point.len())?;
    let rest = folder.strip_prefix(mount.point)?.trim_start_matches('/');
    Some((mount.device, format!("{}/{rest}", mount.root.trim_end_matches('/'))))
}

/// Whether a path is a folder, or below it.
fn is_below(path: &str, folder: &str) -> bool {
    folder == "/" || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const MACHINE: &str = "\
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:5 / /dev rw - devtmpfs devtmpfs rw
23 21 0:40 / /tmp rw - tmpfs tmpfs rw
24 21 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
25 21 254:16 / /srv rw - ext4 /dev/vdb rw
";

    fn node(line: &str) -> Vec<String> {
        offences(MACHINE, line, "/srv/cluster", "cluster-1")
    }

    #[test]
    fn what_the_node_has_for_itself_is_writable() {
        for line in [
            "1 0 0:90 / / rw - overlay overlay rw,lowerdir=/,upperdir=/srv/cluster/upper,workdir=/srv/cluster/work",
            "2 1 0:91 / /tmp rw - tmpfs tmpfs rw",
            "3 1 254:16 /cluster/etcd /var/lib/etcd rw shared:4 - ext4 /dev/vdb rw",
            "4 1 0:31 /a/cluster-1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            "5 1 254:0 /usr/bin /opt/kube ro - ext4 /dev/vda rw",
            "6 1 0:92 / /proc rw - proc proc rw",
        ] {
            assert_eq!(node(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn what_the_machine_has_is_not() {
        for line in [
            "1 0 0:90 / / rw - overlay overlay rw,lowerdir=/,upperdir=/srv/upper,workdir=/srv/work",
            "2 1 0:40 / /tmp rw - tmpfs tmpfs rw",
            "3 1 254:16 /clusters /data rw - ext4 /dev/vdb rw",
            "3 1 254:16 /cluster-2/etcd /data rw - ext4 /dev/vdb rw",
            "3 1 254:16 / /data rw - ext4 /dev/vdb rw",
            "4 1 254:0 /root /root rw - ext4 /dev/vda rw",
            "5 1 0:5 / /dev rw - devtmpfs devtmpfs rw",
            "6 1 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            "6 1 0:31 /a/cluster-12 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            "7 1 254:32 / /mnt rw - ext4 /dev/vdc rw",
            "not a mount",
        ] {
            assert_eq!(node(line).len(), 1, "{line}");
        }
    }

    #[test]
    fn a_real_folder_of_the_machine_is_found_among_the_mounts_of_a_process() {
        let machine = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let look = |script: &str| {
            let command =
                format!("mount -t tmpfs tmpfs /mnt && mkdir /mnt/x && {script} && cat /proc/self/mountinfo");
            let output = Command::new("unshare").args(["--mount", "sh", "-c", &command]).output().unwrap();
            let seen = String::from_utf8(output.stdout).unwrap();
            // The shell still has all of the machine's mounts; what was added comes last.
            seen.lines().last().map(|line| offences(&machine, line, "/srv/cluster", "cluster-1"))
        };
        // Without the right to mount there is nothing to see.
        if super::super::obstacle::obstacle().is_none() {
            assert_eq!(look("mount --bind /etc /mnt/x").map(|found| found.len()), Some(1));
            assert_eq!(look("mount --bind /etc /mnt/x && mount -o remount,bind,ro /mnt/x"), Some(Vec::new()));
        }
    }
}
