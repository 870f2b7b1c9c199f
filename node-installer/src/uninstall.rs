//! Removing a runtime: first from containerd's configuration, then from containerd, and its files last. Wherever that ends, the
//! next run goes on, and a node never has a configuration that names files that are gone.

use tracing::info;

use crate::{
    configuration::Configuration,
    containerd::{Change, Containerd, ContainerdError},
    host::Host,
    install::{self, InstallError, Settings},
    node::Node,
    platform::{Handler, Platform},
    processor,
    target::TargetConfiguration,
    versions,
};

/// Removes the runtime of the image, if no pod uses it and nobody wants it, and all that shows it on the node.
///
/// # Errors
/// See [`InstallError`].
pub async fn uninstall(settings: &Settings, node: &Node) -> Result<Handler, InstallError> {
    let handler = Configuration::read(&settings.configuration, settings.platform)?.handler;
    let host = Host::new(&settings.host);
    let _lock = install::lock(&host)?;
    match steps(settings, &host, &handler, node).await {
        Ok(()) => {
            node.forget(&handler).await;
            Ok(handler)
        }
        Err(error) => {
            node.tell("ContrastRuntimeNotRemoved", &format!("{handler}: {error}")).await;
            Err(error)
        }
    }
}

async fn steps(settings: &Settings, host: &Host, handler: &Handler, node: &Node) -> Result<(), InstallError> {
    let target = TargetConfiguration::read(&settings.target)?;
    let containerd = install::find_containerd(settings, host, &target).await?;
    check(&containerd, handler).await?;
    let change = Change { wanted: None, unwanted: vec![handler.clone()] };
    if containerd.apply(&change).await? {
        info!("containerd does not know {handler} any more");
    }
    // A pod may have begun in between. Its files stay until it is gone.
    check(&containerd, handler).await?;
    versions::remove_files(&containerd, handler)?;
    let left = versions::installed(&containerd, handler.platform())?;
    if left.is_empty() {
        match handler.platform() {
            Platform::Simulated => {
                processor::remove(host)?;
                node.show_reference_value(None).await;
            }
        }
    }
    Ok(())
}

async fn check(containerd: &Containerd, handler: &Handler) -> Result<(), InstallError> {
    let sandboxes = containerd.cri.sandboxes().await.map_err(ContainerdError::from)?;
    let pods = versions::pods_of(handler, &sandboxes);
    if !pods.is_empty() {
        return Err(InstallError::InUse { handler: handler.clone(), pods });
    }
    match versions::installer_of(handler, &sandboxes) {
        Some(pod) => Err(InstallError::Wanted { handler: handler.clone(), pod }),
        None => Ok(()),
    }
}
