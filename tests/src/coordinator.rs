//! A Coordinator as a process of its own.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use crate::programs::{Printed, program};

/// A running Coordinator; killed when dropped.
pub struct Coordinator {
    process: Child,
    printed: Printed,
    /// Address of the user API.
    pub user_api: SocketAddr,
    /// Address of the mesh API.
    pub mesh_api: SocketAddr,
    /// Address of the ops API.
    pub ops: Ops,
}

/// The plain HTTP side of a Coordinator, by its address.
#[derive(Clone, Copy, Debug)]
pub struct Ops(pub SocketAddr);

impl Coordinator {
    /// The command that starts one, on free ports of 127.0.0.1.
    #[must_use]
    pub fn command(state_dir: &Path, simulator: &Path, policy: &Path) -> Command {
        Self::command_at(Ipv4Addr::LOCALHOST, state_dir, simulator, policy)
    }

    /// The same, on free ports of another address.
    #[must_use]
    pub fn command_at(address: Ipv4Addr, state_dir: &Path, simulator: &Path, policy: &Path) -> Command {
        Self::command_on([SocketAddr::from((address, 0)); 3], state_dir, simulator, policy)
    }

    /// The same, on given addresses of the user API, the mesh API and the ops API.
    #[must_use]
    pub fn command_on(
        [user_api, mesh_api, ops]: [SocketAddr; 3],
        state_dir: &Path,
        simulator: &Path,
        policy: &Path,
    ) -> Command {
        let mut command = program("coordinator");
        command
            .arg("--state-dir")
            .arg(state_dir)
            .args(["--user-api-addr", &user_api.to_string(), "--mesh-api-addr", &mesh_api.to_string()])
            .args(["--ops-addr", &ops.to_string(), "--metrics"])
            .env("CONTRAST_ATTESTER", "simulated")
            .env("CONTRAST_SIMULATOR_DIR", simulator)
            .env("CONTRAST_SIMULATOR_POLICY", policy)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Starts one and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut process = command.spawn().expect("the Coordinator can be started");
        let printed = Printed::collect(process.stderr.take().expect("its standard error is a pipe"));
        let line = printed.wait_for("serving");
        let address = |name: &str| {
            let value = line.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
            value.and_then(|(address, _)| address.parse().ok()).expect("the line names its addresses")
        };
        Self {
            user_api: address("user_api"),
            mesh_api: address("mesh_api"),
            ops: Ops(address(" ops")),
            process,
            printed,
        }
    }

    /// Runs one that is expected to fail, and returns what it printed.
    ///
    /// # Panics
    /// When it serves instead.
    #[must_use]
    pub fn refuses_to_start(mut command: Command) -> (ExitStatus, String) {
        let mut process = command.spawn().expect("the Coordinator can be started");
        let printed = Printed::collect(process.stderr.take().expect("its standard error is a pipe"));
        printed.wait_until_end_without("serving");
        (process.wait().expect("it is our process"), printed.all())
    }

    /// Waits for a line of its log that contains `text`.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.printed.wait_for(text)
    }

    /// Ends it as a power cut would: at once.
    ///
    /// # Panics
    /// When it is not a process any more.
    pub fn kill(mut self) {
        self.process.kill().expect("it is our process");
        self.process.wait().expect("it is our process");
    }

    /// Ends it with SIGTERM, and returns how it ended and its whole log.
    ///
    /// # Panics
    /// When it is not a process any more.
    pub fn stop(mut self) -> (ExitStatus, String) {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is our process");
        let status = self.process.wait().expect("it is our process");
        (status, self.printed.all())
    }

    /// How many files, sockets among them, it has open.
    ///
    /// # Panics
    /// When the kernel does not say.
    #[must_use]
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("the process runs").count()
    }

    /// Number of its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// How many times `secret` stands in its memory.
    ///
    /// # Panics
    /// When the kernel does not show the memory; it takes the same user, and for a process without core dumps root.
    #[must_use]
    pub fn copies_in_memory(&self, secret: &[u8]) -> usize {
        crate::memory::copies(self.process.id(), secret)
    }

    /// Bytes of memory that it has resident.
    ///
    /// # Panics
    /// When the kernel does not say.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        memory_of(self.process.id(), "VmRSS:")
    }

    /// Most bytes of memory that it ever had resident.
    ///
    /// # Panics
    /// When the kernel does not say.
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        memory_of(self.process.id(), "VmHWM:")
    }

    /// Lets that begin anew with what is resident now, where the kernel permits it (proc_pid_clear_refs(5)). Otherwise
    /// it goes on from the life of the process so far.
    pub fn forget_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5");
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Ops {
    /// Status code and body of a GET.
    ///
    /// # Panics
    /// When nobody answers.
    #[must_use]
    pub fn get(self, path: &str) -> (u16, String) {
        let mut connection = TcpStream::connect(self.0).expect("the ops API listens");
        write!(connection, "GET {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n")
            .expect("it reads");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("it speaks HTTP");
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        (status, body)
    }
}

fn memory_of(process: u32, field: &str) -> u64 {
    let path = PathBuf::from(format!("/proc/{process}/status"));
    let status = std::fs::read_to_string(path).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with(field)).expect("the kernel says how much");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("in KiB");
    kib * 1024
}
