//! Command line and environment of the program.

use std::{env, path::PathBuf};

use clap::{Parser, Subcommand};

/// The sidecar of the service mesh: leads the pod's connections through Envoy, and becomes Envoy.
///
/// `contrast generate` puts it into pods whose annotations ask for it, and copies the annotations into the variables below.
#[derive(Parser, Debug)]
#[command(name = "service-mesh", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,

    /// Ports that take connections in another way than with mutual TLS: NAME#PORT#BOOL, with `##` between them.
    #[arg(long, value_name = "LIST", env = INGRESS, default_value = "", hide_default_value = true)]
    ingress: String,

    /// Peers, and where the application reaches them: NAME#127.x.y.z:PORT#HOST:PORT[#san=PEER], with `##` between them.
    #[arg(long, value_name = "LIST", env = EGRESS, default_value = "", hide_default_value = true)]
    egress: String,

    /// Port of Envoy's admin interface; 0 or nothing for none.
    #[arg(long, value_name = "PORT", env = ADMIN, default_value = "", hide_default_value = true)]
    admin_port: String,

    /// Directory with certificates and key, which the Initializer writes.
    #[arg(long, value_name = "DIR", env = "CONTRAST_TLS_DIR", default_value = "/tls-config")]
    pub(crate) tls_dir: PathBuf,

    /// Directory for Envoy's configuration and the file `ready`.
    #[arg(long, value_name = "DIR", env = "CONTRAST_SERVICE_MESH_DIR", default_value = "/")]
    pub(crate) config_dir: PathBuf,

    /// Options for Envoy, such as `-l debug`.
    #[arg(value_name = "ENVOY OPTIONS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) envoy: Vec<String>,
}

/// What to do instead.
#[derive(Subcommand, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Removes the rules that lead connections to the proxy.
    RemoveRules,
}

const INGRESS: &str = "CONTRAST_INGRESS_PROXY_CONFIG";
const EGRESS: &str = "CONTRAST_EGRESS_PROXY_CONFIG";
const ADMIN: &str = "CONTRAST_ADMIN_PORT";

impl Options {
    pub(crate) fn ingress(&self) -> String {
        or_of_before(&self.ingress, "EDG_INGRESS_PROXY_CONFIG")
    }

    pub(crate) fn egress(&self) -> String {
        or_of_before(&self.egress, "EDG_EGRESS_PROXY_CONFIG")
    }

    pub(crate) fn admin_port(&self) -> String {
        or_of_before(&self.admin_port, "EDG_ADMIN_PORT")
    }
}

/// What a sidecar says that somebody wrote by hand for releases before 1.0, where nothing else is said.
fn or_of_before(value: &str, name: &str) -> String {
    if value.is_empty() { env::var(name).unwrap_or_default() } else { value.to_owned() }
}
