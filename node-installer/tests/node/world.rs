//! A node without a machine: a folder as its root, a real bus with a systemd that restarts a make-believe containerd, which reads the
//! node's configuration and answers on its socket.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use toml::{Table, Value};

use crate::{containerd, systemd};

pub(crate) const HANDLER: &str = "contrast-cc-simulated-00000000";
/// What the image has as its runtime's program.
const PROGRAM: &str = "#!/bin/sh\n";

/// What a fake containerd and its unit are like.
pub(crate) struct State {
    pub(crate) root: PathBuf,
    pub(crate) unit: String,
    pub(crate) active: String,
    pub(crate) since: u64,
    pub(crate) loaded: BTreeSet<String>,
    pub(crate) restarts: u32,
    /// It does not start with a configuration that has this in it.
    pub(crate) breaks_with: Option<String>,
    /// It does not start with a configuration that lacks this.
    pub(crate) needs: Option<String>,
    /// It starts, and does not see runtimes with this in their name.
    pub(crate) ignores: Option<String>,
    /// What systemd does after a while, unless it is told not to.
    pub(crate) guard: Option<Vec<Vec<String>>>,
    /// Pods: name, value of `app.kubernetes.io/name`, runtime.
    pub(crate) pods: Vec<(String, String, String)>,
}

impl State {
    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What systemd does on a restart, and a node when it boots.
    pub(crate) fn start(&mut self) {
        self.active = "failed".to_owned();
        self.loaded.clear();
        if self.unit.starts_with("k3s") {
            self.render();
        }
        let main = self.path(if self.unit.starts_with("k3s") { K3S } else { CONFIG });
        let Ok(text) = fs::read_to_string(main) else { return };
        let breaks = self.breaks_with.as_ref().is_some_and(|part| text.contains(part));
        let lacks = self.needs.as_ref().is_some_and(|part| !text.contains(part));
        let Ok(table) = text.parse::<Table>() else { return };
        if breaks || lacks {
            return;
        }
        for runtime in runtimes(&table) {
            if !self.ignores.as_ref().is_some_and(|part| runtime.contains(part)) {
                self.loaded.insert(runtime);
            }
        }
        self.active = "active".to_owned();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        self.since = u64::try_from(now).unwrap();
    }

    /// A while later.
    pub(crate) fn time_passes(&mut self) {
        for words in self.guard.take().unwrap_or_default() {
            let path = |at: usize| self.path(&words[words.len() - at]);
            match words[0].as_str() {
                "/bin/mv" => fs::rename(path(2), path(1)).unwrap(),
                "/bin/rm" => drop(fs::remove_file(path(1))),
                "/bin/systemctl" => {
                    assert_eq!(words[1..], ["--no-block", "restart", self.unit.as_str()]);
                    self.start();
                }
                other => panic!("{other} is not what a guard does"),
            }
        }
    }

    /// As k3s does it.
    fn render(&self) {
        let base = fs::read_to_string(self.path("/base.toml")).unwrap();
        let template = fs::read_to_string(self.path(TEMPLATE)).ok();
        let text = template.map(|text| text.replace("{{ template \"base\" . }}", &base));
        fs::write(self.path(K3S), text.unwrap_or(base)).unwrap();
    }
}

/// All names of runtimes, in either form of the configuration.
fn runtimes(table: &Table) -> Vec<String> {
    let key = if table["version"] == Value::Integer(2) {
        "io.containerd.grpc.v1.cri"
    } else {
        "io.containerd.cri.v1.runtime"
    };
    let find = || table.get("plugins")?.get(key)?.get("containerd")?.get("runtimes")?.as_table();
    find().into_iter().flat_map(|table| table.keys().cloned()).collect()
}

pub(crate) const CONFIG: &str = "/etc/containerd/config.toml";
pub(crate) const K3S: &str = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml";
pub(crate) const TEMPLATE: &str = "/var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.tmpl";

pub(crate) struct World {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) folder: TempDir,
    _bus: Bus,
    _connection: zbus::Connection,
    _runtime: Runtime,
}

impl World {
    /// A node with this configuration, whose containerd runs.
    pub(crate) fn new(configuration: &str) -> Self {
        Self::of("containerd.service", configuration)
    }

    /// A node of k3s, which writes this configuration without a template.
    pub(crate) fn k3s(base: &str) -> Self {
        Self::of("k3s.service", base)
    }

    fn of(unit: &str, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("host");
        let is_k3s = unit.starts_with("k3s");
        let socket =
            if is_k3s { "run/k3s/containerd/containerd.sock" } else { "run/containerd/containerd.sock" };
        write(&root.join(if is_k3s { "base.toml" } else { &CONFIG[1..] }), configuration);
        for file in ["run/dbus/x", &K3S[1..], socket] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        }
        write(&folder.path().join("image/program"), PROGRAM);
        let state = State {
            root: root.clone(),
            unit: unit.to_owned(),
            active: String::new(),
            since: 0,
            loaded: BTreeSet::new(),
            restarts: 0,
            breaks_with: None,
            needs: None,
            ignores: None,
            guard: None,
            pods: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        state.lock().unwrap().start();
        assert_eq!(state.lock().unwrap().active, "active");
        let bus = bus(folder.path(), &root.join("run/dbus/system_bus_socket"));
        let runtime = Runtime::new().unwrap();
        let connection = runtime
            .block_on(systemd::serve(&root.join("run/dbus/system_bus_socket"), Arc::clone(&state)))
            .unwrap();
        let _guard = runtime.enter();
        containerd::serve(&root.join(socket), Arc::clone(&state));
        drop(_guard);
        let world = Self { state, folder, _bus: bus, _connection: connection, _runtime: runtime };
        world.image(HANDLER);
        // Made once: it takes seconds, and only its own test is about how.
        let processor = contrast_processor();
        let place = world.path("/var/lib/contrast/simulated/processor");
        fs::create_dir_all(&place).unwrap();
        for entry in fs::read_dir(processor).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), place.join(entry.file_name())).unwrap();
        }
        world
    }

    /// Makes the installer's image one of this version.
    pub(crate) fn image(&self, handler: &str) {
        let program = self.folder.path().join("image/program");
        let path = "/opt/edgeless/@@runtimeName@@/bin/contrast-simulated-runtime";
        let file = serde_json::json!({
            "url": format!("file://{}", program.display()), "path": path, "executable": true,
        });
        let text = serde_json::json!({ "handler": handler, "files": [file] }).to_string();
        write(&self.folder.path().join("image/contrast-node-install.json"), &text);
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("host").join(path.trim_start_matches('/'))
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// The arguments of a run.
    pub(crate) fn arguments(&self, command: &[&str]) -> Vec<String> {
        let folder = |name: &str| self.folder.path().join(name).display().to_string();
        let mut arguments: Vec<_> = command.iter().map(|word| (*word).to_owned()).collect();
        arguments.extend(["--config-dir".to_owned(), folder("image")]);
        arguments.extend(["--target-config-dir".to_owned(), folder("target")]);
        arguments.extend(["--host-mount".to_owned(), folder("host")]);
        arguments.extend(["--restart-limit".to_owned(), "1".to_owned()]);
        arguments
    }

    /// Runs the program; what it printed at its end.
    pub(crate) fn run(&self, command: &[&str]) -> Result<String, String> {
        let mut program = Command::new(env!("CARGO_BIN_EXE_node-installer"));
        // As in a pod, but there is no API server.
        let program = program.args(self.arguments(command)).env_clear().env("NODE_NAME", "node");
        result(program.output().unwrap())
    }

    pub(crate) fn install(&self) -> Result<String, String> {
        self.run(&["simulated"])
    }

    pub(crate) fn uninstall(&self) -> Result<String, String> {
        self.run(&["uninstall", "simulated"])
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.state.lock().unwrap().restarts
    }

    pub(crate) fn loaded(&self) -> Vec<String> {
        self.state.lock().unwrap().loaded.iter().cloned().collect()
    }

    /// Everything on the node but sockets, with its content and mode.
    pub(crate) fn tree(&self) -> Vec<(PathBuf, u32, Option<Vec<u8>>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("/etc"), self.path("/opt"), self.path("/var")];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                let content = metadata.is_file().then(|| fs::read(&path).unwrap());
                found.push((path, metadata.permissions().mode(), content));
            }
        }
        found.sort();
        found
    }
}

/// A bus, which ends with its test.
struct Bus(Child);

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn result(output: Output) -> Result<String, String> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A bus of our own, as a system has it.
fn bus(folder: &Path, socket: &Path) -> Bus {
    let configuration = format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
"#,
        socket.display()
    );
    let path = folder.join("bus.xml");
    fs::File::create(&path).unwrap().write_all(configuration.as_bytes()).unwrap();
    let mut command = Command::new("dbus-daemon");
    command.arg(format!("--config-file={}", path.display())).args(["--nofork", "--nopidfile"]);
    // It says that it would like to have more files open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let bus = Bus(command.spawn().expect("dbus-daemon can be started"));
    let end = Instant::now() + Duration::from_secs(20);
    while UnixStream::connect(socket).is_err() {
        assert!(Instant::now() < end, "the bus does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    bus
}

/// Keys that all tests share.
fn contrast_processor() -> PathBuf {
    use contrast_attestation::simulated::Processor;
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("processor");
    if Processor::open(&folder).is_err() {
        let _ = fs::remove_dir_all(&folder);
        Processor::init(&folder).unwrap();
    }
    folder
}
