//! A guest that has what this machine's kernel may lack: QEMU, which computes what a processor would, and a kernel of Debian.

mod initramfs;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use self::initramfs::{Kernel, initramfs};

/// A command that takes longer has come to a standstill: each takes some seconds on a machine that has other things to do.
const STANDSTILL: Duration = Duration::from_secs(180);
/// What the guest says when it begins to obey.
const READY: &str = "the guest is ready";
/// Stands before the status of a command in the guest's answers.
const END: &str = "<end of the command: ";

/// Kernel and files that guests start with.
pub(crate) struct Machine {
    directory: TempDir,
    kernel: PathBuf,
}

/// A running guest. It is cut off when it is dropped.
pub(crate) struct Guest {
    process: Child,
    commands: ChildStdin,
    answers: Receiver<String>,
    console: PathBuf,
}

/// What a command in the guest came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) text: String,
}

impl Machine {
    /// With these programs, which the guest finds in its path.
    pub(crate) fn with(programs: &[&Path]) -> Self {
        let kernel = Kernel::unpacked();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("initramfs"), initramfs(&kernel, programs)).unwrap();
        Self { directory, kernel: kernel.image }
    }

    /// An empty disk, which is a file.
    pub(crate) fn disk(&self, name: &str, len: u64) -> PathBuf {
        let path = self.directory.path().join(name);
        File::create_new(&path).unwrap().set_len(len).unwrap();
        path
    }

    /// Another disk with the same content.
    pub(crate) fn copy(&self, disk: &Path, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::copy(disk, &path).unwrap();
        path
    }

    /// Starts a guest, in which `disks` are `/dev/vda` and so on.
    pub(crate) fn start(&self, disks: &[&Path]) -> Guest {
        let console = self.directory.path().join("console");
        // A guest does not outlive its test, in whatever way that ends.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"])
            .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-machine", "q35", "-m", "512"])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-append", "console=ttyS0 panic=-1 quiet", "-chardev", "stdio,id=commands"])
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(self.directory.path().join("initramfs"))
            .arg("-serial")
            .arg(format!("file:{}", console.display()))
            .args(["-serial", "chardev:commands"]);
        for disk in disks {
            qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio", disk.display()));
        }
        let mut process = qemu
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv of Debian's util-linux; `cargo xtask test` installs it");
        let (commands, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let guest = Guest { process, commands, answers, console };
        while guest.next_line("start") != READY {}
        guest
    }
}

impl Guest {
    /// Runs a command line of `sh`, and waits for its end.
    pub(crate) fn run(&mut self, command: &str) -> Outcome {
        writeln!(self.commands, "( {command} ) </dev/null 2>&1; status=$?; echo; echo \"{END}$status>\"")
            .unwrap();
        let mut text = String::new();
        loop {
            let line = self.next_line(command);
            if let Some(status) = line.strip_prefix(END).and_then(|rest| rest.strip_suffix('>')) {
                return Outcome { status: status.parse().unwrap(), text };
            }
            text.push_str(&line);
            text.push('\n');
        }
    }

    /// Runs a command line that has to succeed, and gives what it prints.
    pub(crate) fn done(&mut self, command: &str) -> String {
        let Outcome { status, text } = self.run(command);
        assert_eq!(status, 0, "{command}: {text}");
        text.trim().to_owned()
    }

    fn next_line(&self, command: &str) -> String {
        self.answers.recv_timeout(STANDSTILL).unwrap_or_else(|_| {
            let console = fs::read_to_string(&self.console).unwrap_or_default();
            panic!("the guest gives no answer to `{command}`; on its console: {console}")
        })
    }

    /// Ends everything in the guest at once. What it has written is on the disks, what it wanted to write is not.
    pub(crate) fn cut_power(self) {}
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
