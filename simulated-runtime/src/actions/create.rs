//! Making containers.

use std::path::Path;

use contrast_policy::{Engine, request::Request};

use super::streams;
use crate::{
    Failure, PodPolicy,
    command_line::{Log, is_identifier},
    configuration::{Configuration, Role},
    denial::{self, Denial},
    incoming, mounts,
    network::Namespace,
    node::Node,
    pod::{Pod, PodError, SOCKET_FOLDER},
    report::{Level, report},
    requests,
    runc::Streams,
    signer,
};

/// Where containers see the folder with the socket.
const SHOWN: &str = "/run/contrast-simulator";

/// Asks for a container, and prepares what `runc` makes it of.
pub(super) fn create(node: &Node, log: &Log, id: &str, bundle: &Path) -> Result<Streams, Failure> {
    let configuration = Configuration::of_bundle(bundle)?;
    match configuration.role()? {
        (Role::Sandbox, sandbox) if sandbox == id => make_sandbox(node, log, id, bundle, &configuration),
        (Role::Sandbox, sandbox) => {
            Err(Failure::OtherSandbox { sandbox: sandbox.to_owned(), id: id.to_owned() })
        }
        (Role::Container, sandbox) => {
            let sandbox = sandbox.to_owned();
            make_container(node, id, &sandbox, bundle, configuration)
        }
    }
}

fn make_sandbox(
    node: &Node,
    log: &Log,
    id: &str,
    bundle: &Path,
    configuration: &Configuration,
) -> Result<Streams, Failure> {
    let policy = PodPolicy::of(configuration)?;
    let namespace = namespace(configuration)?;
    let mut pod = Pod::create(&node.state, id, &policy)?;
    match ask_for_sandbox(&mut pod, id, bundle, configuration, namespace.as_ref())
        .and_then(|streams| keep(node, &mut pod, id).map(|()| streams))
    {
        Ok(streams) => {
            if let Some(namespace) = &namespace
                && let Err(open) = incoming::close(namespace)
            {
                report(log, Level::Warning, &open.to_string());
            }
            Ok(streams)
        }
        Err(failure) => {
            signer::end(pod.folder());
            pod.remove();
            Err(failure)
        }
    }
}

/// The pod's network namespace; none if it has the node's.
fn namespace(configuration: &Configuration) -> Result<Option<Namespace>, Failure> {
    let Some(path) = configuration.network() else { return Ok(None) };
    let failed = |source| Failure::Network { path: path.to_owned(), source };
    let namespace = Namespace::open(path).map_err(failed)?;
    Ok(if namespace.is_of_node().map_err(failed)? { None } else { Some(namespace) })
}

/// What Kata's runtime asks for, in its order: the sandbox, its network, its files, its container.
fn ask_for_sandbox(
    pod: &mut Pod,
    id: &str,
    bundle: &Path,
    configuration: &Configuration,
    namespace: Option<&Namespace>,
) -> Result<Streams, Failure> {
    denial::ask(&mut pod.engine, &requests::create_sandbox(configuration.value(), id)?)?;
    if let Some(namespace) = namespace {
        let path = configuration.network().unwrap_or_default().to_owned();
        let network = namespace.read().map_err(|source| Failure::Network { path, source })?;
        ask_all(&mut pod.engine, &requests::interfaces(&network)?)?;
        denial::ask(&mut pod.engine, &requests::routes(&network)?)?;
        ask_all(&mut pod.engine, requests::neighbours(&network)?.as_slice())?;
    }
    ask_for_container(pod, id, bundle, configuration)
}

fn make_container(
    node: &Node,
    id: &str,
    sandbox: &str,
    bundle: &Path,
    mut configuration: Configuration,
) -> Result<Streams, Failure> {
    if !is_identifier(sandbox) {
        return Err(PodError::Unknown { id: id.to_owned(), folder: node.state.clone() }.into());
    }
    let mut pod = Pod::open(&node.state, sandbox)?;
    mounts::check(&configuration, node)?;
    let streams = ask_for_container(&mut pod, id, bundle, &configuration)?;
    keep(node, &mut pod, id)?;
    configuration.show(&pod.folder().join(SOCKET_FOLDER), SHOWN);
    configuration.write(bundle)?;
    Ok(streams)
}

fn ask_for_container(
    pod: &mut Pod,
    id: &str,
    bundle: &Path,
    configuration: &Configuration,
) -> Result<Streams, Failure> {
    let config = configuration.value();
    let created = requests::create_container(config, id, &bundle.to_string_lossy(), &mut pod.state)?;
    ask_all(&mut pod.engine, &requests::copies(config, &created)?)?;
    denial::ask(&mut pod.engine, &created)?;
    streams(pod, id, id)
}

/// Remembers the container, and sees to the signer.
fn keep(node: &Node, pod: &mut Pod, id: &str) -> Result<(), Failure> {
    signer::ensure(node, pod.folder(), &pod.state.host_data)?;
    pod.note(id)?;
    Ok(pod.save()?)
}

fn ask_all(engine: &mut Engine, requests: &[Request]) -> Result<(), Denial> {
    requests.iter().try_for_each(|request| denial::ask(engine, request))
}
