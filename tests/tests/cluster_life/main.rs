//! The life of a test cluster: nothing of the machine can be changed from inside, and nothing is left, however it ends.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use contrast_tests::{Cluster, Containerd, program};
use tempfile::TempDir;

/// A folder on a disk, as a node needs it: the temporary folder may be in memory.
fn place() -> (TempDir, PathBuf) {
    let own = std::env::current_exe().expect("this program has a path");
    let parent = tempfile::tempdir_in(own.parent().expect("it lies in a folder")).expect("there is room");
    let folder = parent.path().join("cluster");
    (parent, folder)
}

fn cluster(action: &str, folder: &Path) -> Command {
    let mut command = program("xtask");
    command.args(["cluster", action, "--dir"]).arg(folder).stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().expect("xtask can be started");
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

/// The number of the node's first process.
fn first_process(folder: &Path) -> String {
    let noted = fs::read_to_string(folder.join("init")).expect("the node runs");
    noted.split(' ').next().expect("it begins with a number").to_owned()
}

fn kill(pid: &str) {
    let status = Command::new("sh").args(["-c", "kill -KILL $0", pid]).status().expect("sh is installed");
    assert!(status.success());
}

/// What a machine shows of a cluster: mounts, loop devices, processes, and cgroups.
struct Traces {
    mounts: String,
    folder: PathBuf,
    group: String,
}

impl Traces {
    fn before(folder: &Path) -> Self {
        Self { mounts: mounts(), folder: folder.to_owned(), group: String::new() }
    }

    /// The name of its cgroups, which only a running cluster tells.
    fn learn(&mut self) {
        let path = Path::new("/proc").join(first_process(&self.folder)).join("cgroup");
        let groups = fs::read_to_string(path).expect("the node runs");
        let name = groups.split(['/', '\n']).find(|part| part.starts_with("contrast-cluster-"));
        name.expect("the node has cgroups of its own").clone_into(&mut self.group);
    }

    fn assert_none(&self) {
        assert!(!self.folder.exists(), "the folder is left");
        assert!(!self.folder.with_extension("lock").exists(), "the lock is left");
        assert_eq!(mounts(), self.mounts);
        let parent = self.folder.parent().expect("it has one");
        let left: Vec<_> = fs::read_dir(parent).expect("it is there").flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        for process in fs::read_dir("/proc").expect("there are processes").flatten() {
            let groups = fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
            assert!(self.group.is_empty() || !groups.contains(&self.group), "{process:?} is left");
        }
        let script = "mount -t cgroup -o pids cgroup /mnt && find /mnt -name \"$0\"";
        let mut find = Command::new("unshare");
        let found =
            find.args(["--mount", "sh", "-c", script, &self.group]).output().expect("unshare is installed");
        assert!(found.status.success() && found.stdout.is_empty(), "{found:?}");
    }
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("it can be read")
}

/// Loop devices on files whose inodes are among these.
fn loop_devices(inodes: &[u64]) -> Vec<String> {
    let mut list = Command::new("losetup");
    let output = list
        .args(["--list", "--noheadings", "--output", "BACK-INO,NAME"])
        .output()
        .expect("losetup is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let on =
        |line: &&str| inodes.iter().any(|inode| line.split_whitespace().next() == Some(&inode.to_string()));
    text.lines().filter(on).map(str::to_owned).collect()
}

#[test]
fn up_twice_is_one_cluster_and_down_leaves_nothing_also_when_volumes_are_in_use() {
    let (_parent, folder) = place();
    let mut traces = Traces::before(&folder);
    let running = Cluster::up_in(&folder, Containerd::Two);
    let first = first_process(&folder);
    traces.learn();
    let running = {
        drop(running);
        Cluster::up_in(&folder, Containerd::Two)
    };
    assert_eq!(first_process(&folder), first);

    nothing_of_the_machine_can_be_changed_from_inside(&running);

    running.apply(VOLUME_IN_USE);
    running.wait("pod/user", "condition=Ready");
    let files = fs::read_dir(folder.join("volumes")).expect("the node has volumes").flatten();
    let inodes: Vec<u64> = files.map(|file| std::os::unix::fs::DirEntryExt::ino(&file)).collect();
    assert_eq!(loop_devices(&inodes).len(), 1);

    // Another containerd would be another cluster.
    let (fine, said) = output(cluster("up", &folder).args(["--containerd", "1.6"]));
    assert!(!fine && said.contains("another containerd") && said.contains("next: "), "{said}");

    // A node that dies of itself: programs say so, `up` begins anew.
    kill(&first);
    while Path::new("/proc").join(&first).join("ns/pid").exists() {
        std::thread::yield_now();
    }
    let (fine, said) = output(cluster("run", &folder).args(["--", "kubectl", "get", "nodes"]));
    assert!(!fine && said.contains("no cluster runs") && said.contains("cargo xtask cluster up"), "{said}");
    let running = {
        drop(running);
        Cluster::up_in(&folder, Containerd::Two)
    };
    assert_eq!(loop_devices(&inodes), Vec::<String>::new(), "devices of the earlier node");
    assert_eq!(
        running.command("sh").args(["-c", "exit 7"]).status().expect("sh is installed").code(),
        Some(7)
    );

    running.down();
    traces.assert_none();
    // Nothing to do is no failure.
    assert!(output(&mut cluster("down", &folder)).0);
    traces.assert_none();
}

const VOLUME_IN_USE: &str = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: used}
spec: {accessModes: [ReadWriteOnce], volumeMode: Block, resources: {requests: {storage: 16Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: user}
spec:
  containers:
  - name: user
    image: docker.io/library/busybox:stable
    command: [sleep, infinity]
    volumeDevices: [{name: used, devicePath: /dev/used}]
  volumes: [{name: used, persistentVolumeClaim: {claimName: used}}]
";

/// Does what harms most, everywhere on the node, and looks at the machine.
fn nothing_of_the_machine_can_be_changed_from_inside(cluster: &Cluster) {
    let machine = tempfile::tempdir().expect("there is room");
    let precious = machine.path().join("precious");
    fs::write(&precious, "precious").expect("there is room");
    let name = format!("contrast-cluster-test-{}", std::process::id());
    let script = format!(
        "rm -rf '{}' /tmp/* /tmp/.[!.]* /root/* /home/* 2>/dev/null
         for folder in / /tmp /root /home /usr /etc /var /run /dev /dev/shm /srv /opt; do
             mkdir -p $folder 2>/dev/null; touch $folder/{name} 2>/dev/null; done
         rm /dev/zero; echo 1 2>/dev/null >/proc/sys/kernel/panic_on_warn; true",
        machine.path().display()
    );
    let warn = fs::read_to_string("/proc/sys/kernel/panic_on_warn").unwrap_or_default();
    let output = cluster.on_node("sh").args(["-c", &script]).output().expect("sh can be started");
    assert!(output.status.success(), "{output:?}");
    let seen = cluster.on_node("ls").arg(format!("/etc/{name}")).output().expect("ls can be started");
    assert!(seen.status.success(), "the script did its work: {seen:?}");
    assert_eq!(fs::read_to_string(&precious).expect("it is still there"), "precious");
    for folder in
        ["/", "/tmp", "/root", "/home", "/usr", "/etc", "/var", "/run", "/dev", "/dev/shm", "/srv", "/opt"]
    {
        assert!(!Path::new(folder).join(&name).exists(), "{folder}");
    }
    assert!(Path::new("/dev/zero").exists());
    assert_eq!(fs::read_to_string("/proc/sys/kernel/panic_on_warn").unwrap_or_default(), warn);
    // None of the machine's disks is there to be written to.
    let disks = cluster.on_node("sh").args(["-c", "ls /dev | grep -E '^(sd|vd|nvme|dm-)'"]).output();
    assert!(disks.expect("sh can be started").stdout.is_empty());
}

#[test]
fn an_up_that_is_killed_half_way_leaves_what_down_and_the_next_up_can_clear() {
    // Wherever it is: laying files, starting the node, waiting for it.
    for line in ["starting the node", "the API server after"] {
        let (_parent, folder) = place();
        let mut traces = Traces::before(&folder);
        let mut up = cluster("up", &folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("xtask can be started");
        let mut seen = String::new();
        let mut stdout = up.stdout.take().expect("it is piped");
        while !seen.contains(line) {
            let mut byte = [0];
            stdout.read_exact(&mut byte).expect("it goes on until then");
            seen.push(char::from(byte[0]));
        }
        up.kill().expect("it runs");
        up.wait().expect("it was killed");
        if folder.join("init").exists() {
            traces.learn();
        }
        let (fine, said) = output(&mut cluster("down", &folder));
        assert!(fine, "{said}");
        traces.assert_none();
    }
}

#[test]
fn a_folder_that_no_cluster_made_is_left_alone() {
    let (_parent, folder) = place();
    fs::create_dir(&folder).expect("there is room");
    fs::write(folder.join("letters"), "to keep").expect("there is room");
    for action in ["up", "down"] {
        let (fine, said) = output(&mut cluster(action, &folder));
        assert!(!fine && said.contains("no cluster has made it") && said.contains("next: "), "{said}");
    }
    assert_eq!(fs::read_to_string(folder.join("letters")).expect("it is still there"), "to keep");
    for action in ["run", "node"] {
        let (fine, said) = output(cluster(action, &folder).args(["--", "true"]));
        assert!(!fine && said.contains("no cluster runs"), "{said}");
    }
    assert!(!folder.with_extension("lock").exists());
}

#[test]
fn whoever_is_not_root_is_told_so() {
    let mut command = Command::new("setpriv");
    let xtask = program("xtask");
    command.args(["--reuid", "65534", "--clear-groups"]).arg(xtask.get_program()).args(["cluster", "up"]);
    let (fine, said) = output(&mut command);
    assert!(!fine, "{said}");
    // Where the program lies in a folder of root's alone, not even that can be said.
    assert!(said.contains("only root can make a node") || said.contains("Permission denied"), "{said}");
}
