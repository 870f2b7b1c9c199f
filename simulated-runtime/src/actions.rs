//! What each call does.

mod container;
mod create;

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Seek as _, Write as _},
    path::Path,
    process::{ExitCode, Stdio},
};

use contrast_policy::request::Kind;
use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::Value;

use crate::{
    Failure,
    command_line::{Call, CommandLine, Log},
    configuration, denial,
    node::Node,
    pod::Pod,
    report::{Level, report},
    requests,
    runc::{Streams, become_runc},
    signer,
};

/// Does what the arguments say, and becomes `runc` at the end if that is allowed. Otherwise the reason is told to containerd.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let (failure, log) = match CommandLine::read(&arguments) {
        Ok(CommandLine { call: Call::Sign { processor, host_data }, .. }) => {
            return signer::serve(&processor, &host_data);
        }
        Ok(CommandLine { log, call }) => match act(&arguments, &log, call) {
            Ok(never) => match never {},
            Err(failure) => (failure, log),
        },
        Err((error, log)) => (error.into(), log),
    };
    report(&log, Level::Error, &failure.to_string());
    ExitCode::FAILURE
}

/// Nothing comes back from a call that is allowed: the program is `runc` then.
enum Never {}

fn act(arguments: &[OsString], log: &Log, call: Call) -> Result<Never, Failure> {
    let node = Node::find()?;
    let streams = match call {
        Call::Create { id, bundle } => create::create(&node, log, &id, &bundle)?,
        Call::Start { id } => container::ask_about(&node, &id, Kind::StartContainer)?,
        Call::Exec { id, process, exec_id } => exec(&node, &id, &process, &exec_id)?,
        Call::Kill { id, signal, all } => container::kill(&node, &id, &signal, all)?,
        Call::Delete { id } => container::delete(&node, &id)?,
        Call::Update { id, resources } => update(&node, &id, resources.as_deref())?,
        Call::Pause { id } => container::ask_about(&node, &id, Kind::PauseContainer)?,
        Call::Resume { id } => container::ask_about(&node, &id, Kind::ResumeContainer)?,
        Call::Events { id } => container::ask_about(&node, &id, Kind::StatsContainer)?,
        Call::Plain | Call::Sign { .. } => Streams::default(),
    };
    Err(become_runc(&node, arguments, streams).into())
}

/// The pod of a container, whose signer is there if it can be.
fn pod_of(node: &Node, id: &str) -> Result<Pod, Failure> {
    let pod = Pod::of_container(&node.state, id)?;
    // Without it, the pod gets no evidence, and says so.
    let _ = signer::ensure(node, pod.folder(), &pod.state.host_data);
    Ok(pod)
}

fn exec(node: &Node, id: &str, process: &Path, exec_id: &str) -> Result<Streams, Failure> {
    let mut pod = pod_of(node, id)?;
    let process = configuration::process(process)?;
    denial::ask(&mut pod.engine, &requests::exec_process(&process, id, exec_id)?)?;
    let streams = streams(&mut pod, id, exec_id)?;
    pod.save()?;
    Ok(streams)
}

/// What the policy lets go in and out. An agent asks at each piece; here it is decided once, before the process starts.
fn streams(pod: &mut Pod, id: &str, exec_id: &str) -> Result<Streams, Failure> {
    let mut is_allowed = |kind: Kind| {
        let members = serde_json::json!({ "container_id": id, "exec_id": exec_id });
        let request = contrast_policy::request::Request::read(kind, &members)?;
        Ok::<_, Failure>(pod.engine.evaluate(&request).verdict.is_allowed())
    };
    Ok(Streams {
        no_input: !is_allowed(Kind::WriteStream)?,
        no_output: !is_allowed(Kind::ReadStream)?,
        input: None,
    })
}

fn update(node: &Node, id: &str, resources: Option<&Path>) -> Result<Streams, Failure> {
    let mut pod = pod_of(node, id)?;
    let mut streams = Streams::default();
    let limits = match resources {
        None => Value::Null,
        Some(path) if path == Path::new("-") => {
            let path = Path::new("the standard input");
            let read = configuration::bounded(io::stdin()).map_err(Failure::Input)?;
            let bytes = read.ok_or_else(|| Failure::Input(io::ErrorKind::FileTooLarge.into()))?;
            streams.input = Some(again(&bytes).map_err(Failure::Input)?);
            configuration::object(path, &bytes)?
        }
        Some(path) => configuration::object(path, &configuration::read(path)?)?,
    };
    denial::ask(&mut pod.engine, &requests::update_container(&limits, id)?)?;
    pod.save()?;
    Ok(streams)
}

/// Bytes that were read, to be read again.
fn again(bytes: &[u8]) -> io::Result<Stdio> {
    let mut file = File::from(memfd_create("limits", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}
