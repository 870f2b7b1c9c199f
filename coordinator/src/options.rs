//! Command line and environment of the program.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use contrast_attestation::{AttesterKind, collateral::Proxy};

use crate::initial_owners::InitialOwners;

/// Verifier and certificate authority of a confidential deployment.
#[derive(Parser, Debug)]
#[command(name = "coordinator", version, args_conflicts_with_subcommands = true)]
pub struct Options {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeOptions,
}

/// What the program can do instead of serving.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Looks into the store of a Coordinator that is not running.
    #[command(subcommand)]
    Store(StoreCommand),
}

/// What can be done with a store.
#[derive(Subcommand, Debug)]
pub enum StoreCommand {
    /// Opens a store read-only and says what is in it; with the seed, verifies and lists every event.
    Check(CheckOptions),
}

/// Options of `store check`.
#[derive(Args, Debug)]
pub struct CheckOptions {
    /// Directory of the store.
    #[arg(long, value_name = "DIR", env = "CONTRAST_STATE_DIR", default_value = "/mnt/state")]
    pub state_dir: PathBuf,
    /// File with the decrypted seed: 64 raw bytes, or 128 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    pub seed_file: Option<PathBuf>,
}

/// Options for serving.
#[derive(Args, Debug)]
pub struct ServeOptions {
    /// Directory of the sealed store.
    #[arg(long, value_name = "DIR", env = "CONTRAST_STATE_DIR", default_value = "/mnt/state")]
    pub state_dir: PathBuf,
    /// Block device to mount on that directory. If its first and last MiB are zero it is formatted with ext4 first; if it
    /// holds anything else than what was formatted that way, it is left alone, and the program ends.
    #[arg(long, value_name = "PATH", env = "CONTRAST_STATE_DEVICE")]
    pub state_device: Option<PathBuf>,
    /// Where the user API listens. `[::]`: at all addresses, also where there is only IPv4.
    #[arg(long, value_name = "ADDR", env = "CONTRAST_USER_API_ADDR", default_value = "[::]:1313")]
    pub user_api_addr: SocketAddr,
    /// Where the mesh API listens.
    #[arg(long, value_name = "ADDR", env = "CONTRAST_MESH_API_ADDR", default_value = "[::]:7777")]
    pub mesh_api_addr: SocketAddr,
    /// Where probes and metrics are served.
    #[arg(long, value_name = "ADDR", env = "CONTRAST_OPS_ADDR", default_value = "[::]:9102")]
    pub ops_addr: SocketAddr,
    /// Who may set the first manifest: SHA-256 of each key's SubjectPublicKeyInfo, in hexadecimal, separated by commas.
    /// Left out, anybody may.
    #[arg(long, value_name = "SHA256,...", env = "CONTRAST_INITIAL_OWNERS")]
    pub initial_owners: Option<InitialOwners>,
    /// What makes the Coordinator's own evidence: auto, snp, tdx or simulated.
    #[arg(long, value_name = "KIND", env = "CONTRAST_ATTESTER", default_value_t = AttesterKind::Auto)]
    pub attester: AttesterKind,
    /// Bundle of what AMD and Intel publish, made by `contrast collateral fetch`. They are then not asked.
    #[arg(long, value_name = "FILE", env = "CONTRAST_COLLATERAL")]
    pub collateral: Option<PathBuf>,
    /// Server that is asked for collateral instead of AMD and Intel.
    #[arg(long, value_name = "URL", env = "CONTRAST_COLLATERAL_PROXY")]
    pub collateral_proxy: Option<Proxy>,
    /// Hand the seed to attested peer Coordinators that the manifest names and a seed share owner agreed to. Each
    /// hand-over stays in the history. In the environment: true or false.
    #[arg(long, env = "CONTRAST_PEER_RECOVERY")]
    pub peer_recovery: bool,
    /// Open the pod's network, which its guest closes, before anything else. Any value but an empty one means yes.
    #[arg(long, value_name = "ANYTHING", env = "CONTRAST_OPEN_NETWORK", num_args = 0..=1, default_missing_value = "true")]
    pub open_network: Option<OsString>,
    /// Serve `/metrics`. Also switched on by any value of the environment variable CONTRAST_METRICS.
    #[arg(long)]
    pub metrics: bool,
    /// Least severe log lines to print: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", env = "CONTRAST_LOG_LEVEL", default_value = "info")]
    pub log_level: tracing_subscriber::filter::LevelFilter,
}
