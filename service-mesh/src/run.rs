//! What the sidecar does from its start until it is Envoy.

use std::{
    fs,
    io::{self, ErrorKind},
    net::{Ipv6Addr, SocketAddr, SocketAddrV4, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use contrast_service_mesh::{
    AdminPortError, Egress, EgressError, INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT, IngressError, admin_port,
    bootstrap::{Mesh, bootstrap},
    default_deny, egress, ingress,
    rules::{self, RulesError},
    secrets::{CHAIN_FILE, KEY_FILE, MESH_CA_FILE, secrets},
    tool::ToolError,
};
use serde_json::Value;

use crate::options::{Action, Options};

/// Envoy, by its name in `PATH`.
const ENVOY: &str = "envoy";
/// Envoy's configuration. JSON is YAML, too.
const CONFIG_FILE: &str = "envoy-config.yml";
/// Says that the rules stand.
const READY_FILE: &str = "ready";

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The list of ports.
    #[error("the list of ports (annotation servicemesh-ingress) cannot be read: {0}")]
    Ingress(#[from] IngressError),
    /// The list of peers.
    #[error("the list of peers (annotation servicemesh-egress) cannot be read: {0}")]
    Egress(#[from] EgressError),
    /// The port of the admin interface.
    #[error("the port of the admin interface (annotation servicemesh-admin-interface-port): {0}")]
    Admin(#[from] AdminPortError),
    /// No certificate.
    #[error(
        "there is no {}; the Initializer has to run before this container, and both have to mount the same volume there",
        path.display()
    )]
    NoCertificate {
        /// The file that is missing.
        path: PathBuf,
    },
    /// A port of the proxy that somebody else has.
    #[error("{address} cannot be listened at: {cause}; the application has to use another port there")]
    Port {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The configuration.
    #[error("cannot write {}: {cause}; mount a writable volume there, or name another folder by CONTRAST_SERVICE_MESH_DIR", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The packet filter.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The rule of the guest.
    #[error(
        "the guest's rule against incoming connections cannot be removed, so that nobody reaches this pod: {0}"
    )]
    DefaultDeny(#[source] ToolError),
    /// Envoy.
    #[error("cannot start `{ENVOY}`: {0}; it has to be in a folder of PATH")]
    Envoy(#[source] io::Error),
}

/// Prepares everything, and becomes Envoy. Comes back only if something is wrong, or if it was to remove the rules.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.action == Some(Action::RemoveRules) {
        return Ok(rules::remove()?);
    }
    say(&format!("service-mesh {}", env!("CARGO_PKG_VERSION")));
    let (ports, peers) = (ingress(&options.ingress())?, egress(&options.egress())?);
    let admin_port = admin_port(&options.admin_port())?;
    check_certificates(&options.tls_dir)?;
    let ipv6 = has_ipv6();
    check_ports(&peers, admin_port)?;

    let folder = &options.config_dir;
    for (name, secret) in secrets(&options.tls_dir) {
        write(&folder.join(name), &secret)?;
    }
    let config = folder.join(CONFIG_FILE);
    write(&config, &bootstrap(&Mesh { egress: &peers, admin_port, ipv6, secrets: folder }))?;

    let backend = rules::set(&ports)?;
    // Only now: until here nobody came in, from here on everybody comes by the rules.
    let removed = default_deny::remove().map_err(Failure::DefaultDeny)?;
    say(&format!(
        "rules stand ({backend:?}); {} peers, {} ports with rules of their own; {}",
        peers.len(),
        ports.len(),
        if removed == 0 { "the network was open before" } else { "the network is open now" },
    ));
    fs::write(folder.join(READY_FILE), "")
        .map_err(|cause| Failure::Write { path: folder.join(READY_FILE), cause })?;
    Err(Failure::Envoy(Command::new(ENVOY).arg("-c").arg(config).args(&options.envoy).exec()))
}

fn check_certificates(folder: &Path) -> Result<(), Failure> {
    let mut files = [CHAIN_FILE, KEY_FILE, MESH_CA_FILE].iter().map(|name| folder.join(name));
    files.find(|path| !path.is_file()).map_or(Ok(()), |path| Err(Failure::NoCertificate { path }))
}

/// Envoy would say it as well, but after the network is open, and among much else.
fn check_ports(peers: &[Egress], admin_port: Option<u16>) -> Result<(), Failure> {
    let any = |port: u16| SocketAddr::from(([0, 0, 0, 0], port));
    let own = [INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT].into_iter().chain(admin_port).map(any);
    let listen = |peer: &Egress| SocketAddr::from(SocketAddrV4::new(*peer.listen.ip(), peer.listen.port()));
    // All at the same time: two of them may want the same one.
    let bind = |address| TcpListener::bind(address).map_err(|cause| Failure::Port { address, cause });
    let all: Result<Vec<_>, _> = own.chain(peers.iter().map(listen)).map(bind).collect();
    all.map(drop)
}

/// Whether sockets can have IPv6 addresses.
fn has_ipv6() -> bool {
    !matches!(TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)), Err(error) if error.kind() != ErrorKind::AddrInUse)
}

fn write(path: &Path, document: &Value) -> Result<(), Failure> {
    fs::write(path, document.to_string()).map_err(|cause| Failure::Write { path: path.to_owned(), cause })
}

fn say(text: &str) {
    eprintln!("{text}");
}
