//! Options of `contrast policy`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct PolicyOptions {
    #[command(subcommand)]
    pub(super) command: PolicyCommand,
}

#[derive(Subcommand, Debug)]
pub(super) enum PolicyCommand {
    /// Say which requests a policy allows, and why it denies the others. The exit code is 1 if one is denied.
    Check(CheckOptions),
    /// Say in plain words what policies allow.
    Explain(ExplainOptions),
    /// Say in plain words what another policy allows more, or less.
    Diff(DiffOptions),
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("of").required(true).args(["policy", "resources"]))]
pub(super) struct CheckOptions {
    /// The policy: its text, initialisation data (TOML), or resources with a policy.
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// Resource files, or folders of them, with the policies. Denials then name the line that an expectation comes from.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) resources: Vec<PathBuf>,
    /// The workload whose policy is meant, as Kind/name, where the resources have several.
    #[arg(long, value_name = "KIND/NAME")]
    pub(super) workload: Option<String>,
    /// The requests, in order: the JSON lines that an agent logs, or a list of test cases. `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) request: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(super) output_format: CheckFormat,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CheckFormat {
    /// For people.
    Text,
    /// One JSON object a request and line.
    Json,
}

#[derive(Args, Debug)]
pub(super) struct ExplainOptions {
    /// A policy: its text, initialisation data (TOML), or resources with policies. `-` is standard input, with resources.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The workload whose policy is meant, as Kind/name. Without it, all are explained.
    #[arg(long, value_name = "KIND/NAME")]
    pub(super) workload: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct DiffOptions {
    /// The policy before: its text, initialisation data (TOML), or resources with policies.
    #[arg(value_name = "BEFORE")]
    pub(super) before: PathBuf,
    /// The policy after.
    #[arg(value_name = "AFTER")]
    pub(super) after: PathBuf,
    /// The workload whose policy is meant, as Kind/name, where the files have several.
    #[arg(long, value_name = "KIND/NAME")]
    pub(super) workload: Option<String>,
}
