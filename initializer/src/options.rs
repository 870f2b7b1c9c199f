//! Command line and environment of the program.

use std::{
    ffi::OsString,
    io::{IsTerminal as _, stderr},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Parser, Subcommand, builder::NonEmptyStringValueParser, value_parser};
use contrast_attestation::{
    AttesterKind,
    collateral::{Proxy, Sources},
};
use contrast_initializer::volume::Volume;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::files::WORKLOAD_SECRET;

/// The port of every Coordinator's mesh API.
const MESH_API_PORT: u16 = 7777;
/// The port of every Coordinator's ops API.
const OPS_API_PORT: u16 = 9102;
/// Where an encrypted volume is shown if nothing else is said.
const STATE: &str = "/state";

/// Fetches the certificate, the key and the secret of this pod from the Coordinator, writes them and ends.
///
/// Containers that need the files must start after this one. With an encrypted volume it stays, and keeps the volume open; with
/// `--renew` it stays, and replaces the certificate and its key in time.
#[derive(Parser, Debug)]
#[command(name = "initializer", version, subcommand_negates_reqs = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Host name of the Coordinator. The port is always 7777.
    #[arg(
        long,
        value_name = "HOST",
        env = "COORDINATOR_HOST",
        required_unless_present = "mesh_api_addr",
        value_parser = NonEmptyStringValueParser::new()
    )]
    coordinator_host: Option<String>,

    /// Host and port of the Coordinator's mesh API, in place of the host alone. For deployments on one
    /// machine, where several Coordinators cannot have the same port.
    #[arg(long, value_name = "HOST:PORT", env = "CONTRAST_MESH_API_ADDR", value_parser = NonEmptyStringValueParser::new())]
    mesh_api_addr: Option<String>,

    /// Directory for certificates, key and secret. Made if it does not exist.
    #[arg(long, global = true, value_name = "DIR", env = "CONTRAST_TLS_DIR", default_value = "/tls-config")]
    pub(crate) tls_dir: PathBuf,

    /// Where evidence comes from: auto, snp, tdx or simulated.
    #[arg(long, value_name = "KIND", env = "CONTRAST_ATTESTER", default_value_t = AttesterKind::Auto)]
    pub(crate) attester: AttesterKind,

    /// Bundle of what AMD publishes, made by `contrast collateral fetch`: the chip's certificate and the revocation list
    /// go out with the evidence, so that the Coordinator need not get them.
    #[arg(long, value_name = "FILE", env = "CONTRAST_COLLATERAL")]
    collateral: Option<PathBuf>,

    /// Server that is asked for the same. Without a bundle or a server, the pod asks nobody.
    #[arg(long, value_name = "URL", env = "CONTRAST_COLLATERAL_PROXY")]
    collateral_proxy: Option<Proxy>,

    /// Block device that is encrypted with the pod's secret and shown at /state. Empty: none.
    #[arg(long, value_name = "PATH", env = "CRYPTSETUP_DEVICE")]
    cryptsetup_device: Option<OsString>,

    /// Stay, and replace the certificate when half of its time is over or the Coordinator has another mesh CA.
    #[arg(long, env = "CONTRAST_RENEW_CERTIFICATES")]
    pub(crate) renew: bool,

    /// With --renew: the longest time between two looks at the Coordinator's mesh CA, in seconds; the shortest is half of it.
    #[arg(long, value_name = "SECONDS", env = "CONTRAST_RENEWAL_PAUSE", default_value_t = 60, value_parser = value_parser!(u64).range(1..))]
    renewal_pause: u64,

    /// With --renew: host and port of the Coordinator's ops API, which tells its mesh CA. Without it: the Coordinator's host, and
    /// port 9102.
    #[arg(long, value_name = "HOST:PORT", env = "CONTRAST_OPS_ADDR", value_parser = NonEmptyStringValueParser::new())]
    ops_addr: Option<String>,

    /// With --renew: where to tell the age of the certificate and the number of renewals, for Prometheus.
    #[arg(long, value_name = "ADDRESS:PORT", env = "CONTRAST_RENEWAL_METRICS_ADDR")]
    pub(crate) metrics_addr: Option<SocketAddr>,

    /// Open the pod's network, which its guest closes, before anything else. For pods without a service mesh. Any value but an
    /// empty one means yes.
    #[arg(long, value_name = "ANYTHING", env = "CONTRAST_DISABLE_SERVICE_MESH", num_args = 0..=1, default_missing_value = "true")]
    disable_service_mesh: Option<OsString>,

    /// The file that says that others need not wait for this container any more. Written by a container that stays.
    #[arg(long, global = true, value_name = "FILE", env = "CONTRAST_DONE_FILE", default_value = "/done")]
    pub(crate) done_file: PathBuf,

    /// Least severe log lines to print: error, warn, info, debug or trace.
    #[arg(long, global = true, value_name = "LEVEL", env = "CONTRAST_LOG_LEVEL", default_value = "info")]
    log_level: LevelFilter,
}

/// What to do instead of fetching.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Shows what is on an encrypted block device in a folder, and stays until it is ended.
    ///
    /// The device is encrypted with the pod's secret, which the Initializer has fetched before. A device that holds nothing is
    /// formatted; one that holds something else is left alone.
    Cryptsetup {
        /// The block device.
        #[arg(short, long, value_name = "PATH")]
        device_path: PathBuf,
        /// The folder. Made if it does not exist.
        #[arg(short, long, value_name = "DIR")]
        mount_point: PathBuf,
    },
    /// Succeeds if this container has done what others wait for (the file /done is there), and while the pod's certificate is
    /// valid. Says how old it is. For probes.
    Ready,
}

impl Options {
    /// The encrypted volume that is asked for besides the files, if one is.
    pub(crate) fn volume(&self) -> Option<Volume> {
        let device = self.cryptsetup_device.as_ref().filter(|path| !path.is_empty())?;
        Some(self.volume_at(device.as_ref(), STATE.as_ref()))
    }

    /// An encrypted volume of this pod.
    pub(crate) fn volume_at(&self, device: &Path, mount_point: &Path) -> Volume {
        let key = self.tls_dir.join(WORKLOAD_SECRET);
        Volume { device: device.to_owned(), mount_point: mount_point.to_owned(), key }
    }

    /// Where the mesh API is, `host:port`.
    pub(crate) fn mesh_api(&self) -> String {
        self.mesh_api_addr.clone().unwrap_or_else(|| self.coordinator_at(MESH_API_PORT))
    }

    /// Where the ops API is, `host:port`.
    pub(crate) fn ops_api(&self) -> String {
        self.ops_addr.clone().unwrap_or_else(|| self.coordinator_at(OPS_API_PORT))
    }

    fn coordinator_at(&self, port: u16) -> String {
        let host = self.coordinator_host.as_deref().unwrap_or_default();
        // An IPv6 address without brackets cannot carry a port.
        if host.contains(':') && !host.starts_with('[') {
            return format!("[{host}]:{port}");
        }
        format!("{host}:{port}")
    }

    /// The longest time between two looks at the Coordinator's mesh CA.
    pub(crate) fn renewal_pause(&self) -> Duration {
        Duration::from_secs(self.renewal_pause)
    }

    /// Whether the pod's network is to be opened here.
    pub(crate) fn opens_network(&self) -> bool {
        self.disable_service_mesh.as_ref().is_some_and(|value| !value.is_empty())
    }

    /// Where to get what endorses the evidence; `None` if that was not said. AMD answers an address once in ten seconds, so
    /// the pods of a cluster do not ask it by themselves.
    pub(crate) fn endorsements(&self) -> Option<Sources> {
        let sources = Sources {
            bundle: self.collateral.clone(),
            proxy: self.collateral_proxy.clone(),
            ..Sources::default()
        };
        (sources != Sources::default()).then_some(sources)
    }

    /// Logs go to standard error from here on.
    pub(crate) fn start_logging(&self) {
        tracing_subscriber::fmt()
            .with_writer(stderr)
            .with_ansi(stderr().is_terminal())
            .with_target(false)
            .with_env_filter(own_crates(self.log_level))
            .init();
    }
}

/// What this project's crates say at this level; libraries below stay silent.
fn own_crates(level: LevelFilter) -> EnvFilter {
    EnvFilter::new(format!(
        "off,initializer={level},contrast_initializer={level},contrast_attestation={level}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh_api(arguments: &[&str]) -> String {
        Options::try_parse_from([&["initializer"], arguments].concat()).unwrap().mesh_api()
    }

    #[test]
    fn the_port_is_that_of_the_mesh_api_whatever_the_host() {
        assert_eq!(mesh_api(&["--coordinator-host", "coordinator"]), "coordinator:7777");
        assert_eq!(mesh_api(&["--coordinator-host", "10.0.0.1"]), "10.0.0.1:7777");
        assert_eq!(mesh_api(&["--coordinator-host", "fd00::1"]), "[fd00::1]:7777");
        assert_eq!(mesh_api(&["--coordinator-host", "[fd00::1]"]), "[fd00::1]:7777");
    }

    #[test]
    fn nobody_is_asked_for_endorsements_unless_told_to() {
        let endorsements = |arguments: &[&str]| {
            let arguments = [&["initializer", "--coordinator-host", "coordinator"], arguments].concat();
            Options::try_parse_from(arguments).unwrap().endorsements()
        };
        assert_eq!(endorsements(&[]), None);
        let bundle = endorsements(&["--collateral", "bundle.json"]).unwrap();
        assert_eq!((bundle.bundle, bundle.proxy), (Some("bundle.json".into()), None));
        let proxy = endorsements(&["--collateral-proxy", "http://127.0.0.1:8080"]).unwrap();
        assert!(proxy.proxy.is_some());
    }

    #[test]
    fn an_encrypted_volume_is_opened_with_the_secret_that_was_fetched() {
        let options = |arguments: &[&str]| Options::try_parse_from([&["initializer"], arguments].concat());
        let fetching = ["--coordinator-host", "coordinator", "--cryptsetup-device"];
        let volume = options(&[&fetching[..], &["/dev/csi0"]].concat()).unwrap().volume().unwrap();
        assert_eq!((volume.device, volume.mount_point), ("/dev/csi0".into(), "/state".into()));
        assert_eq!(volume.key, Path::new("/tls-config/workload-secret-seed"));
        assert!(options(&[&fetching[..], &[""]].concat()).unwrap().volume().is_none());

        let alone = ["cryptsetup", "-d", "/dev/x", "-m", "/data", "--tls-dir", "/keys"];
        let alone = options(&alone).unwrap();
        let Some(Command::Cryptsetup { device_path, mount_point }) = &alone.command else { panic!() };
        let volume = alone.volume_at(device_path, mount_point);
        assert_eq!((volume.device, volume.mount_point), ("/dev/x".into(), "/data".into()));
        assert_eq!(volume.key, Path::new("/keys/workload-secret-seed"));
        assert!(options(&["cryptsetup", "-d", "/dev/x"]).is_err());
    }

    #[test]
    fn libraries_below_stay_silent() {
        let filter = own_crates(LevelFilter::TRACE).to_string();
        assert!(filter.contains("initializer=trace") && filter.contains("off"), "{filter}");
        assert!(!filter.contains("rustls") && !filter.contains("h2"), "{filter}");
    }

    #[test]
    fn a_full_address_takes_the_place_of_the_host() {
        let arguments = ["--coordinator-host", "coordinator", "--mesh-api-addr", "127.0.0.1:4711"];
        assert_eq!(mesh_api(&arguments), "127.0.0.1:4711");
    }
}
