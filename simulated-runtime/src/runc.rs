//! The real runtime.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::node::Node;

/// It cannot be started.
#[derive(thiserror::Error, Debug)]
#[error("cannot start {}: {source}", path.display())]
pub struct RuncError {
    path: PathBuf,
    source: io::Error,
}

/// What its process gets in place of what containerd gave this one.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Nothing that is written to the container gets there.
    pub(crate) no_input: bool,
    /// Nothing that the container writes gets out.
    pub(crate) no_output: bool,
    /// Something that was read already.
    pub(crate) input: Option<Stdio>,
}

/// Becomes `runc` with the same arguments. Comes back only if that fails.
pub(crate) fn become_runc(node: &Node, arguments: &[OsString], streams: Streams) -> RuncError {
    let mut command = Command::new(&node.runc);
    command.args(arguments);
    if streams.no_input {
        command.stdin(Stdio::null());
    }
    if let Some(input) = streams.input {
        command.stdin(input);
    }
    if streams.no_output {
        // Errors are in the file that containerd named.
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    RuncError { path: node.runc.clone(), source: command.exec() }
}
