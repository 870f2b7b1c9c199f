//! Command line and environment of the program.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, value_parser};
use contrast_node_installer::{install::Settings, platform::Platform};
use tracing_subscriber::filter::LevelFilter;

/// Puts the runtime of confidential pods on a node: its files, and its entry in containerd's configuration.
///
/// Runs in a privileged container that has the node's root folder. Every step can be repeated.
#[derive(Parser, Debug)]
#[command(name = "node-installer", version, subcommand_negates_reqs = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The platform: simulated (nothing is confidential).
    #[arg(value_name = "PLATFORM", required = true)]
    pub(crate) platform: Option<Platform>,
    #[command(flatten)]
    pub(crate) node: NodeOptions,
}

/// What else to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Takes the runtime away again, if no pod uses it.
    Uninstall {
        /// The platform.
        #[arg(value_name = "PLATFORM")]
        platform: Platform,
    },
    /// Starts a program of the node, in the node's root. For this program itself.
    #[command(name = contrast_node_installer::containerd::IN_ROOT, hide = true)]
    InRoot {
        root: PathBuf,
        program: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Which node, and where things are.
#[derive(Args, Debug)]
pub(crate) struct NodeOptions {
    /// Folder of the configuration, contrast-node-install.json, which says what is installed.
    #[arg(long, global = true, value_name = "DIR", env = "CONFIG_DIR", default_value = "/config")]
    config_dir: PathBuf,
    /// Folder with what is special about the nodes, a file for each value; need not be there.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "TARGET_CONFIG_DIR",
        default_value = "/target-config"
    )]
    target_config_dir: PathBuf,
    /// Where the node's root folder is mounted.
    #[arg(long, global = true, value_name = "DIR", env = "HOST_MOUNT", default_value = "/host")]
    host_mount: PathBuf,
    /// The node's name, on which the state is shown. Without it, nothing is shown.
    #[arg(long, global = true, value_name = "NAME", env = "NODE_NAME")]
    pub(crate) node_name: Option<String>,
    /// How long containerd may take to come back after a restart, in seconds. Then the configuration of before comes back.
    #[arg(long, global = true, value_name = "SECONDS", env = "CONTRAST_RESTART_LIMIT", default_value_t = 120, value_parser = value_parser!(u64).range(1..=3600))]
    restart_limit: u64,
    /// Least severe log lines to print: error, warn, info, debug or trace.
    #[arg(long, global = true, value_name = "LEVEL", env = "CONTRAST_LOG_LEVEL", default_value = "info")]
    pub(crate) log_level: LevelFilter,
}

impl NodeOptions {
    pub(crate) fn settings(&self, platform: Platform) -> Settings {
        Settings {
            platform,
            configuration: self.config_dir.clone(),
            target: self.target_config_dir.clone(),
            host: self.host_mount.clone(),
            limit: Duration::from_secs(self.restart_limit),
        }
    }
}
