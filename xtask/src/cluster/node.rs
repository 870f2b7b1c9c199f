//! The node: processes in namespaces of their own, below a first process that is systemd.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{place::Place, problem::Problem, safety};
use crate::{failure::Failure, process, workspace};

/// How long dying processes may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at the same thing.
const PAUSE: Duration = Duration::from_millis(100);

/// A node that runs.
pub(super) struct Node {
    /// The number of its first process.
    pid: String,
}

impl Node {
    /// The node of this place, if it runs.
    pub(super) fn find(place: &Place) -> Option<Self> {
        let noted = fs::read_to_string(place.path("init")).ok()?;
        let (pid, started) = noted.trim().split_once(' ')?;
        // Numbers come again; together with the time they do not.
        (start_of(pid)? == started).then(|| Self { pid: pid.to_owned() })
    }

    /// Starts the node whose files lie in the place. It is let go only if it can write to nothing of this machine.
    ///
    /// # Errors
    /// When its first process cannot be started, or could write where it may not.
    pub(super) fn start(place: &Place, kube: &Path, containerd: &Path) -> Result<Self, Failure> {
        let log = place.path("log/init.log");
        fs::create_dir_all(place.path("log")).map_err(Failure::writing(&log))?;
        let errors = File::options().create(true).append(true).open(&log).map_err(Failure::writing(&log))?;
        let mut command = start_command(place, kube, containerd);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child =
            command.spawn().map_err(|cause| Failure::Start { program: "setsid".into(), cause })?;
        let started = let_go(place, &mut child);
        if started.is_err() {
            // Its input ends, and so does it.
            drop(child.stdin.take());
            let _ = child.wait();
        }
        started.map_err(|failure| failure.unwrap_or_else(|| ended(&log).into()))
    }

    /// Ends the node's first process, and with it all others, whatever state it is in. Nothing happens if there is none.
    ///
    /// # Errors
    /// When something goes on running.
    pub(super) fn end(place: &Place) -> Result<(), Failure> {
        let (name, begun) = (place.name(), Instant::now());
        loop {
            let running = in_cgroup(&name)?;
            if running.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Problem::Left { what: format!("the processes {}", running.join(" ")) }.into());
            }
            // The shell's own `kill`: not every system has the program. Some may have ended by themselves.
            let mut kill = process::program("sh");
            kill.args(["-c", "kill -KILL \"$@\"", "sh"]).args(running).stderr(Stdio::null());
            let _ = kill.status();
            thread::sleep(PAUSE);
        }
    }

    /// Removes the node's cgroups.
    ///
    /// # Errors
    /// When somebody is still in them.
    pub(super) fn remove_cgroups(place: &Place) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let mut command = process::program("unshare");
            command.args(["--mount", "sh"]).arg(script("cgroups.sh")).args(["remove", &place.name()]);
            let output =
                command.output().map_err(|cause| Failure::Start { program: "unshare".into(), cause })?;
            if output.status.success() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let what = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(Problem::Left { what }.into());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Whether the first process is still there.
    pub(super) fn runs(&self) -> bool {
        Path::new("/proc").join(&self.pid).join("ns").exists()
    }

    /// A command that sees this machine's files and the node's network, as the caller's own in all else.
    pub(super) fn in_network(
        &self,
        place: &Place,
        path: &str,
        program: impl AsRef<std::ffi::OsStr>,
    ) -> Command {
        let mut command = process::program("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.pid)).arg("--").arg(program);
        command.env("KUBECONFIG", place.path("pki/admin.conf")).env("PATH", path);
        command
    }

    /// A command on the node itself, as its root.
    pub(super) fn on_it(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = process::program("nsenter");
        command.args(["--target", &self.pid, "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]);
        command.args([
            "--root",
            "--wd",
            "--",
            "env",
            "--ignore-environment",
            "HOME=/root",
            "KUBECONFIG=/etc/kubernetes/admin.conf",
        ]);
        command.arg("PATH=/opt/kube/bin:/opt/containerd/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.arg(program);
        command
    }
}

/// The node's first process has ended: its log says why.
pub(super) fn ended(log: &Path) -> Problem {
    let text = fs::read_to_string(log).unwrap_or_default();
    Problem::Ended {
        log: log.to_owned(),
        last: text.lines().rfind(|line| !line.starts_with(' ')).unwrap_or_default().to_owned(),
    }
}

fn script(name: &str) -> PathBuf {
    workspace::root().join("tests/cluster/scripts").join(name)
}

fn start_command(place: &Place, kube: &Path, containerd: &Path) -> Command {
    // In a session of its own: Ctrl-C is for the command, not for the node.
    let mut command = process::program("setsid");
    command.args(["unshare", "--mount", "sh"]).arg(script("cgroups.sh")).args(["join", &place.name()]);
    command.args([
        "unshare",
        "--mount",
        "--pid",
        "--net",
        "--uts",
        "--ipc",
        "--cgroup",
        "--fork",
        "--kill-child",
    ]);
    command.arg("sh").arg(script("init.sh")).arg(place.folder()).args([kube, containerd]);
    command
}

/// Waits until the node has its mounts, compares them with the rule, and lets it go. Without a reason it has ended by itself.
fn let_go(place: &Place, child: &mut Child) -> Result<Node, Option<Failure>> {
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or(None)?;
    BufReader::new(stdout).read_line(&mut line).map_err(|_| None)?;
    let pid = line.trim().to_owned();
    let started = start_of(&pid).ok_or(None)?;
    let mounts = |process: &str| {
        let path = Path::new("/proc").join(process).join("mountinfo");
        workspace::read(&path).map_err(Some)
    };
    let folder = place.folder().to_string_lossy();
    let offences = safety::offences(&mounts("self")?, &mounts(&pid)?, &folder, &place.name());
    if !offences.is_empty() {
        return Err(Some(Problem::Unsafe { mounts: offences }.into()));
    }
    // Before it runs, so that it is found whatever happens to this process.
    workspace::write(&place.path("init"), &format!("{pid} {started}\n")).map_err(Some)?;
    child.stdin.take().ok_or(None)?.write_all(b"go\n").map_err(|_| None)?;
    Ok(Node { pid })
}

/// When a process was started, in ticks since the machine's start (proc(5)).
fn start_of(pid: &str) -> Option<String> {
    if pid.is_empty() || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    // The name before it may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19).map(str::to_owned)
}

/// Numbers of all processes in cgroups of this name, in any hierarchy.
fn in_cgroup(name: &str) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for path in workspace::list(Path::new("/proc"))? {
        let Some(pid) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let groups = fs::read_to_string(path.join("cgroup")).unwrap_or_default();
        if groups.split(['/', '\n']).any(|part| part == name) {
            found.push(pid.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let own = std::process::id().to_string();
        assert!(start_of(&own).is_some_and(|ticks| ticks.parse::<u64>().is_ok()));
        for wrong in ["", "../self", "9999999"] {
            assert_eq!(start_of(wrong), None, "{wrong}");
        }
    }
}
