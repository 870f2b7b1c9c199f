//! The program `node-installer`: puts the runtime of confidential pods on a node, and takes it away again.

mod options;

use std::{
    io::{IsTerminal as _, stderr},
    process::ExitCode,
};

use clap::Parser as _;
use contrast_kubernetes::Access;
use contrast_node_installer::{
    containerd::become_in_root,
    install::{InstallError, install},
    node::Node,
    platform::Platform,
    uninstall::uninstall,
};
use options::{Command, NodeOptions, Options};

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match (&options.command, options.platform) {
        (Some(Command::InRoot { root, program, arguments }), _) => {
            Err(become_in_root(root, program, arguments).to_string())
        }
        (Some(Command::Uninstall { platform }), _) => run(&options.node, *platform, true),
        (None, Some(platform)) => run(&options.node, platform, false),
        (None, None) => Err("no platform is named; `node-installer --help` lists what there is".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("Error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &NodeOptions, platform: Platform, remove: bool) -> Result<(), String> {
    let colours = stderr().is_terminal();
    tracing_subscriber::fmt().with_max_level(options.log_level).with_ansi(colours).with_writer(stderr).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let settings = options.settings(platform);
    let done = runtime.block_on(async {
        let node = Node::new(options.node_name.as_deref(), client(options));
        if remove { uninstall(&settings, &node).await } else { install(&settings, &node).await }
    });
    let done = done.map_err(|error: InstallError| error.to_string())?;
    let what = if remove { "removed" } else { "installed" };
    tracing::info!("{done} is {what} on this node. Nothing that it runs is confidential: it is a simulation");
    Ok(())
}

/// Whom to tell how it goes.
fn client(options: &NodeOptions) -> Option<contrast_kubernetes::kube::Client> {
    options.node_name.as_ref()?;
    match Access::in_cluster() {
        Ok(access) => Some(access.client),
        Err(error) => {
            tracing::warn!("the state is not shown on the Node: {error}");
            None
        }
    }
}
