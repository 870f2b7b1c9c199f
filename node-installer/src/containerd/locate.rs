//! Finds containerd: users say where, or the distribution is known by its units.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use toml::Value;

use super::{ConfigurationSource, Containerd, Files, FilesError, Program, document::Document};
use crate::{
    cri::Cri,
    host::{Host, HostError},
    systemd::{Systemd, SystemdError, Unit},
    target::TargetConfiguration,
};

/// Why containerd is not found.
#[derive(thiserror::Error, Debug)]
pub enum LocateError {
    /// The node's files.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Its configuration.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// systemd.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
    /// No unit runs it.
    #[error("none of these units runs on the node: {}; name the unit that runs containerd in the ConfigMap contrast-node-installer-target-config, as `systemd-unit-name`", .0.join(", "))]
    NoUnit(Vec<String>),
}

/// A distribution of Kubernetes, as far as containerd is concerned.
struct Distribution {
    units: &'static [&'static str],
    folder: &'static str,
    socket: &'static str,
    /// Is the configuration written anew at each start?
    templates: bool,
}

/// The special ones first: their nodes may have an ordinary containerd as well, which kubelet does not use.
const DISTRIBUTIONS: [Distribution; 3] = [
    Distribution {
        units: &["k3s.service", "k3s-agent.service"],
        folder: "/var/lib/rancher/k3s/agent/etc/containerd",
        socket: "/run/k3s/containerd/containerd.sock",
        templates: true,
    },
    Distribution {
        units: &["rke2-server.service", "rke2-agent.service"],
        folder: "/var/lib/rancher/rke2/agent/etc/containerd",
        socket: "/run/k3s/containerd/containerd.sock",
        templates: true,
    },
    Distribution {
        units: &["containerd.service"],
        folder: "/etc/containerd",
        socket: "/run/containerd/containerd.sock",
        templates: false,
    },
];

/// Finds containerd on the node.
///
/// # Errors
/// If no unit runs it, or its configuration cannot be read.
pub async fn locate(
    host: Host,
    systemd: Systemd,
    target: &TargetConfiguration,
    limit: Duration,
) -> Result<Containerd, LocateError> {
    let known = DISTRIBUTIONS.iter().flat_map(|distribution| distribution.units);
    let names = if target.units.is_empty() {
        known.map(|name| (*name).to_owned()).collect()
    } else {
        target.units.clone()
    };
    let unit = running(&systemd, &names).await?.ok_or(LocateError::NoUnit(names))?;
    let distribution =
        DISTRIBUTIONS.iter().find(|distribution| distribution.units.contains(&unit.name.as_str()));
    let usual = distribution.map_or("/run/containerd/containerd.sock", |distribution| distribution.socket);
    let at = |path: &str| host.place(Path::new(path.trim_start_matches("unix://")));
    let main_process = unit.main_process.and_then(|process| Program::of_process(&host, process));
    let listening = Cri::at(at(usual)?.here).process().await;
    let listening = || listening.and_then(|process| Program::of_process(&host, process));
    let program = main_process.or_else(listening);

    let source = match (&target.containerd_config, distribution) {
        (Some(path), _) => source_at(path),
        (None, Some(Distribution { templates: true, folder, .. })) => template_in(&host, Path::new(folder))?,
        (None, _) => {
            let started_with = program.as_ref().and_then(|program| program.configuration.clone());
            let usual = || PathBuf::from("/etc/containerd/config.toml");
            ConfigurationSource::File(Path::new("/").join(started_with.unwrap_or_else(usual)))
        }
    };
    let files = Files::read(&host, source.main())?;
    let cri = Cri::at(at(files.socket().unwrap_or(usual))?.here);
    Ok(Containerd { unit: unit.name, cri, source, program, limit, host, systemd })
}

async fn running(systemd: &Systemd, names: &[String]) -> Result<Option<Unit>, SystemdError> {
    let mut starting = None;
    for name in names {
        match systemd.unit(name).await? {
            Some(unit) if unit.runs() => return Ok(Some(unit)),
            // Somebody restarts it right now.
            Some(unit) if unit.state == "activating" && starting.is_none() => starting = Some(unit),
            _ => {}
        }
    }
    Ok(starting)
}

fn source_at(path: &Path) -> ConfigurationSource {
    if path.extension().is_none_or(|extension| extension != "tmpl") {
        return ConfigurationSource::File(path.to_owned());
    }
    // Templates of either version are written to the one file.
    let rendered = path.with_file_name("config.toml");
    ConfigurationSource::Template { template: path.to_owned(), rendered }
}

/// The template that the distribution looks for: it has one for each version of the configuration.
fn template_in(host: &Host, folder: &Path) -> Result<ConfigurationSource, HostError> {
    let rendered = folder.join("config.toml");
    let bytes = host.read(&rendered)?.unwrap_or_default();
    let version = Document::parse(&bytes).ok().and_then(|document| document.version().cloned());
    let is_new = version.as_ref().and_then(Value::as_integer).is_some_and(|version| version >= 3);
    let name = if is_new { "config-v3.toml.tmpl" } else { "config.toml.tmpl" };
    Ok(ConfigurationSource::Template { template: folder.join(name), rendered })
}
