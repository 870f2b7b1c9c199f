//! What containerd is told about a runtime.

use toml::{Table, Value};

use crate::platform::{Handler, Platform};

/// A runtime, as containerd's configuration has it.
#[derive(Clone, PartialEq, Debug)]
pub struct Runtime {
    /// Its name.
    pub handler: Handler,
    /// Its table.
    pub table: Table,
}

impl Runtime {
    /// What containerd has to know. How control groups are made has to be the same for all runtimes of a node, since kubelet
    /// decides it: `systemd_cgroup` is what the node's own runtime has, if it says anything.
    #[must_use]
    pub fn new(handler: &Handler, systemd_cgroup: Option<bool>) -> Self {
        match handler.platform() {
            Platform::Simulated => {
                let program = handler.folder().join("bin/contrast-simulated-runtime");
                let mut options = Table::new();
                options.insert("BinaryName".to_owned(), program.to_string_lossy().into_owned().into());
                if let Some(systemd) = systemd_cgroup {
                    options.insert("SystemdCgroup".to_owned(), systemd.into());
                }
                let mut table = Table::new();
                table.insert("runtime_type".to_owned(), "io.containerd.runc.v2".into());
                let annotations = Value::Array(vec!["io.katacontainers.*".into()]);
                table.insert("pod_annotations".to_owned(), annotations);
                table.insert("privileged_without_host_devices".to_owned(), true.into());
                table.insert("options".to_owned(), options.into());
                Self { handler: handler.clone(), table }
            }
        }
    }
}
