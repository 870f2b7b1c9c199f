//! A pod as containerd 2 describes it, and its policy as `generate` makes it.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use contrast_image::{Accounts, Config};
use contrast_policy::{
    Image, Naming, Policy, Settings, Workload,
    initdata::{ANNOTATION, Document},
};
use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Value, json};

use crate::node::{Called, Node};

const IMAGE: &str = "registry.example/app:1";
const UID: &str = "615bc0bf-8de7-41d7-ad29-7fb625d0ddcc";

/// A pod on a node.
pub(crate) struct Pod<'n> {
    pub(crate) node: &'n Node,
    pub(crate) sandbox: String,
    network: Child,
    document: Document,
}

/// A container that is made ready in a bundle.
pub(crate) struct Bundle {
    pub(crate) id: String,
    pub(crate) folder: PathBuf,
    pub(crate) config: Value,
}

fn digest() -> String {
    format!("sha256:{}", "1".repeat(64))
}

/// A container specification that does what a test asks for by its first argument.
pub(crate) fn spec(script: &str, logs: bool) -> (PodSpec, Settings) {
    let spec = json!({
        "automountServiceAccountToken": false,
        "containers": [{
            "name": "app", "image": IMAGE, "command": ["/bin/busybox", "sh", "-c", script],
            "readinessProbe": { "exec": { "command": ["/bin/busybox", "echo", "ready"] } },
            "env": [{ "name": "LEVEL", "value": "info" }],
        }],
    });
    (serde_json::from_value(spec).unwrap(), Settings { logs, ..Settings::of_simulation() })
}

/// The policy of a pod, as it is delivered.
pub(crate) fn document((spec, settings): &(PodSpec, Settings)) -> Document {
    let image = Image {
        name: format!("{IMAGE}@{}", digest()),
        digest: digest(),
        config: Config::default(),
        accounts: Some(Accounts::default()),
        layers: Vec::new(),
    };
    let workload = Workload {
        naming: Naming::Exact("pod"),
        namespace: Some("default"),
        metadata: &Default::default(),
        spec,
        claim_templates: &[],
        images: &BTreeMap::from([(IMAGE.to_owned(), image)]),
        pause: None,
        config_maps: &BTreeMap::new(),
        secrets: &BTreeMap::new(),
    };
    Document::of_policy(&Policy::generate(&workload, settings).unwrap())
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// An identifier that no other container has.
pub(crate) fn new_id() -> String {
    format!("{:016x}{:048x}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl<'n> Pod<'n> {
    /// A pod whose container runs a script. It has a network namespace, and no container yet.
    pub(crate) fn new(node: &'n Node, script: &str, logs: bool) -> Self {
        Self::of(node, document(&spec(script, logs)))
    }

    pub(crate) fn of(node: &'n Node, document: Document) -> Self {
        let script = "ip link set lo up && ip link add eth0 type veth peer name peer0 && ip link set eth0 up && \
                      ip address add 10.244.0.7/24 dev eth0 && echo made && read end";
        let mut network = Command::new("unshare")
            .args(["--net", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(network.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "made\n", "a network namespace takes CAP_SYS_ADMIN and CAP_NET_ADMIN");
        Self { node, sandbox: new_id(), network, document }
    }

    pub(crate) fn host_data(&self) -> [u8; 32] {
        self.document.digest()
    }

    /// The network namespace.
    pub(crate) fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.network.id())
    }

    /// The sandbox's bundle.
    pub(crate) fn sandbox_bundle(&self) -> Bundle {
        let mut config = config(&self.sandbox, "sandbox", &["/pause"]);
        config["hostname"] = json!("pod");
        config["process"]["user"] = json!({ "uid": 65535, "gid": 65535, "additionalGids": [65535] });
        config["process"]["noNewPrivileges"] = json!(true);
        config["root"]["readonly"] = json!(true);
        config["annotations"][ANNOTATION] = json!(self.document.annotation());
        config["linux"]["namespaces"][4]["path"] = json!(self.namespace());
        let bundle = self.bundle(self.sandbox.clone(), config);
        for name in ["hosts", "hostname", "resolv.conf", "termination-log"] {
            fs::write(self.file(name), name).unwrap();
        }
        fs::create_dir_all(self.file("shm")).unwrap();
        let mounts = bundle.config["mounts"].as_array().unwrap().clone();
        let mut bundle = bundle;
        bundle.config["mounts"] = mounts
            .into_iter()
            .chain([
                bind("/dev/shm", &self.file("shm"), &["rbind", "ro", "nosuid", "nodev", "noexec"]),
                bind(
                    "/etc/resolv.conf",
                    &self.file("resolv.conf"),
                    &["rbind", "ro", "nosuid", "nodev", "noexec"],
                ),
            ])
            .collect();
        bundle.write();
        bundle
    }

    /// A file of the pod on the node.
    fn file(&self, name: &str) -> PathBuf {
        self.node.path("bundles").join(&self.sandbox).join(name)
    }

    /// The bundle of its container, for this script.
    pub(crate) fn container_bundle(&self, script: &str) -> Bundle {
        let id = new_id();
        let mut config = config(&self.sandbox, "container", &["/bin/busybox", "sh", "-c", script]);
        config["annotations"]["io.kubernetes.cri.container-name"] = json!("app");
        config["annotations"]["io.kubernetes.cri.image-name"] = json!(format!("{IMAGE}@{}", digest()));
        config["annotations"][ANNOTATION] = json!(self.document.annotation());
        let pid = self.node.state_of(&self.sandbox)["pid"].as_u64().unwrap_or(1);
        for (index, kind) in [(1, "ipc"), (2, "uts"), (4, "net")] {
            config["linux"]["namespaces"][index]["path"] = json!(format!("/proc/{pid}/ns/{kind}"));
        }
        let cgroup = json!({
            "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
            "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
        });
        let options = ["rbind", "rprivate", "rw"];
        let own = [
            ("/etc/hosts", "hosts"),
            ("/dev/termination-log", "termination-log"),
            ("/etc/hostname", "hostname"),
            ("/etc/resolv.conf", "resolv.conf"),
            ("/dev/shm", "shm"),
        ];
        let own = own.map(|(place, name)| bind(place, &self.file(name), &options));
        let mounts = config["mounts"].as_array().unwrap().clone();
        config["mounts"] = mounts.into_iter().chain([cgroup]).chain(own).collect();
        let bundle = self.bundle(id, config);
        bundle.write();
        bundle
    }

    fn bundle(&self, id: String, config: Value) -> Bundle {
        let folder = self.node.path("bundles").join(&id);
        let root = folder.join("rootfs");
        for name in ["bin", "proc", "dev", "sys", "etc", "run"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::copy("/usr/bin/busybox", root.join("bin/busybox")).expect("busybox-static is installed");
        let pause = root.join("pause");
        fs::write(
            &pause,
            "#!/bin/busybox sh\ntrap 'exit 0' TERM\nwhile :; do /bin/busybox sleep 1000 & wait; done\n",
        )
        .unwrap();
        fs::set_permissions(&pause, fs::Permissions::from_mode(0o755)).unwrap();
        Bundle { id, folder, config }
    }

    /// Makes and starts the sandbox.
    pub(crate) fn start(&self) {
        self.sandbox_bundle().run(self.node);
    }

    /// Starts, and then a container.
    pub(crate) fn run(&self, script: &str) -> Bundle {
        self.start();
        let bundle = self.container_bundle(script);
        bundle.run(self.node);
        bundle
    }
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        drop(self.network.stdin.take());
        self.network.wait().unwrap();
    }
}

impl Bundle {
    pub(crate) fn write(&self) {
        fs::write(self.folder.join("config.json"), self.config.to_string()).unwrap();
    }

    /// The call that makes it.
    pub(crate) fn create(&self, node: &Node) -> Called {
        let log = self.folder.join("log.json");
        let output = fs::File::create(self.folder.join("output")).unwrap();
        let mut command = node.command(&log, &["create", "--bundle"]);
        command.arg(&self.folder).arg("--pid-file").arg(self.folder.join("init.pid")).arg(&self.id);
        let status = command.stdout(output.try_clone().unwrap()).stderr(output).status().unwrap();
        Called { is_done: status.success(), error: crate::node::last_error(&log), output: String::new() }
    }

    pub(crate) fn run(&self, node: &Node) {
        let called = self.create(node);
        assert!(called.is_done, "{}", called.error);
        let called = node.call(&["start", &self.id]);
        assert!(called.is_done, "{}", called.error);
    }

    /// What its processes have written.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.folder.join("output")).unwrap()
    }

    /// A further process of it.
    pub(crate) fn exec(&self, node: &Node, arguments: &[&str]) -> Called {
        let mut process = self.config["process"].clone();
        process["args"] = json!(arguments);
        let file = self.folder.join("process.json");
        fs::write(&file, process.to_string()).unwrap();
        let pid_file = self.folder.join("exec-1.pid");
        node.call(&[
            "exec",
            "--process",
            file.to_str().unwrap(),
            "--pid-file",
            pid_file.to_str().unwrap(),
            &self.id,
        ])
    }

    /// Whether its program came to an end, soon.
    pub(crate) fn wait_until_stopped(&self, node: &Node) {
        while node.state_of(&self.id)["status"] != "stopped" {
            std::thread::yield_now();
        }
    }
}

fn bind(place: &str, source: &Path, options: &[&str]) -> Value {
    json!({ "destination": place, "type": "bind", "source": source, "options": options })
}

fn config(sandbox: &str, kind: &str, args: &[&str]) -> Value {
    let capabilities = "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE \
                        SYS_CHROOT KILL AUDIT_WRITE";
    let capabilities: Vec<_> = capabilities.split_whitespace().map(|name| format!("CAP_{name}")).collect();
    let mut env = vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
    if kind == "container" {
        env.extend(["HOSTNAME=pod", "LEVEL=info", "KUBERNETES_SERVICE_HOST=10.96.0.1"]);
    }
    json!({
        "ociVersion": "1.0.2-dev",
        "process": {
            "args": args, "cwd": "/", "env": env, "user": { "uid": 0, "gid": 0, "additionalGids": [0] },
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "oomScoreAdj": 1000,
        },
        "root": { "path": "rootfs" },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"] },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
              "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
              "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] },
        ],
        "annotations": {
            "io.kubernetes.cri.container-type": kind, "io.kubernetes.cri.sandbox-id": sandbox,
            "io.kubernetes.cri.sandbox-name": "pod", "io.kubernetes.cri.sandbox-namespace": "default",
            "io.kubernetes.cri.sandbox-uid": UID,
        },
        "linux": {
            "cgroupsPath": format!("/contrast-test-{}/{sandbox}", std::process::id()),
            "namespaces": [
                { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }, { "type": "network" },
            ],
            "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
                "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}
