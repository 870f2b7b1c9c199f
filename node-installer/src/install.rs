//! Installing a runtime: every step can be repeated, and nothing is in use before it is whole.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;
use tracing::info;

use crate::{
    configuration::{Configuration, ConfigurationError},
    containerd::{self, Change, Containerd, ContainerdError, LocateError},
    files::{self, FilesError},
    host::{Host, HostError},
    node::{Node, State},
    platform::{Handler, Platform},
    processor::{self, ProcessorError},
    systemd::{Systemd, SystemdError},
    target::{TargetConfiguration, TargetError},
    versions,
};

/// What is to be done where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The platform.
    pub platform: Platform,
    /// The folder of the image's configuration.
    pub configuration: PathBuf,
    /// The folder of what users say about their nodes.
    pub target: PathBuf,
    /// The node's root.
    pub host: PathBuf,
    /// How long containerd may take to come back.
    pub limit: Duration,
}

/// Why a runtime is not installed, or not removed.
#[derive(thiserror::Error, Debug)]
pub enum InstallError {
    /// The image's configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// What users say.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The node's files.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The runtime's files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The simulated processor.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    /// systemd.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
    /// containerd is not found.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// containerd does not have it.
    #[error(transparent)]
    Containerd(#[from] ContainerdError),
    /// The configuration has no program that can be a runtime.
    #[error("the configuration names no file {}, which containerd is to start; the image is not whole", .0.display())]
    NoProgram(PathBuf),
    /// Somebody uses it.
    #[error(
        "{handler} is in use on this node by {}: remove these pods first. Nothing was removed; Kubernetes tries again",
        few(pods)
    )]
    InUse {
        /// The runtime.
        handler: Handler,
        /// The pods.
        pods: Vec<String>,
    },
    /// Somebody wants it.
    #[error(
        "{pod} keeps {handler} on this node: delete the DaemonSet that installs it first (`kubectl delete -f runtime-simulated.yml`). Nothing was removed; Kubernetes tries again"
    )]
    Wanted {
        /// The runtime.
        handler: Handler,
        /// The DaemonSet's pod.
        pod: String,
    },
}

fn few(pods: &[String]) -> String {
    const FEW: usize = 5;
    let mut text: Vec<_> = pods.iter().take(FEW).cloned().collect();
    if let Some(more) = pods.len().checked_sub(FEW).filter(|more| *more > 0) {
        text.push(format!("{more} more"));
    }
    text.join(", ")
}

/// Where only one installer works at a time.
const LOCK: &str = "/run/contrast/node-installer/lock";

/// Installs the runtime of the image, and shows on the node how that went.
///
/// # Errors
/// See [`InstallError`]. What was there before still works.
pub async fn install(settings: &Settings, node: &Node) -> Result<Handler, InstallError> {
    let configuration = Configuration::read(&settings.configuration, settings.platform)?;
    let handler = configuration.handler.clone();
    let host = Host::new(&settings.host);
    let _lock = host.lock(LOCK.as_ref())?;
    node.show(&handler, State::Installing).await;
    match steps(settings, &host, &configuration, node).await {
        Ok(reference_value) => {
            if let Some(value) = reference_value {
                node.show_reference_value(Some(&value)).await;
            }
            node.show(&handler, State::Ready).await;
            Ok(handler)
        }
        Err(error) => {
            node.show(&handler, State::Failed).await;
            node.tell("ContrastRuntimeNotInstalled", &format!("{handler}: {error}")).await;
            Err(error)
        }
    }
}

async fn steps(
    settings: &Settings,
    host: &Host,
    configuration: &Configuration,
    node: &Node,
) -> Result<Option<Value>, InstallError> {
    let handler = &configuration.handler;
    let target = TargetConfiguration::read(&settings.target)?;
    let program = handler.folder().join("bin/contrast-simulated-runtime");
    if !configuration.files.iter().any(|file| file.path == program && file.executable) {
        return Err(InstallError::NoProgram(program));
    }
    for file in &configuration.files {
        if files::put(host, file).await? {
            info!("{} is in its place", file.path.display());
        }
    }
    let reference_value = match settings.platform {
        Platform::Simulated => Some(processor::provide(host)?.reference_values_json()),
    };
    let containerd = find_containerd(settings, host, &target).await?;
    let old = unused(&containerd, handler).await?;
    let change = Change { wanted: Some(handler.clone()), unwanted: old.clone() };
    if !containerd.apply(&change).await? {
        info!("containerd knows {handler} already");
    }
    for old in old {
        info!("{old} is not used any more, and removed");
        versions::remove_files(&containerd, &old)?;
        node.forget(&old).await;
    }
    Ok(reference_value)
}

/// Finds containerd on the node.
pub(crate) async fn find_containerd(
    settings: &Settings,
    host: &Host,
    target: &TargetConfiguration,
) -> Result<Containerd, InstallError> {
    let systemd = Systemd::connect(host).await?;
    Ok(containerd::locate(host.clone(), systemd, target, settings.limit).await?)
}

/// Takes the lock that installing and removing share.
pub(crate) fn lock(host: &Host) -> Result<crate::host::Lock, HostError> {
    host.lock(LOCK.as_ref())
}

/// Other versions that no pod has and no DaemonSet wants.
async fn unused(containerd: &Containerd, wanted: &Handler) -> Result<Vec<Handler>, InstallError> {
    let installed = versions::installed(containerd, wanted.platform())?;
    let mut old: Vec<_> = installed.into_iter().filter(|handler| handler != wanted).collect();
    if !old.is_empty() {
        let sandboxes = containerd.cri.sandboxes().await.map_err(ContainerdError::from)?;
        old.retain(|handler| {
            versions::pods_of(handler, &sandboxes).is_empty()
                && versions::installer_of(handler, &sandboxes).is_none()
        });
    }
    Ok(old)
}
