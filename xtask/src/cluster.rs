//! `cargo xtask cluster`: a real Kubernetes with one node, for tests and for people.
//!
//! The node is processes in namespaces of their own, over this machine's files, which it can read and not change. What runs on it is in
//! `tests/cluster`. Everything that it keeps is in one folder.

mod certificates;
mod images;
mod loops;
mod node;
mod obstacle;
mod order;
mod place;
mod problem;
mod programs;
mod readiness;
mod safety;

use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use node::Node;
pub(crate) use obstacle::obstacle;
use order::Action;
pub(crate) use order::{Containerd, Order, Problem as OrderProblem};
use place::Place;
pub(crate) use problem::Problem;
use programs::Programs;

use crate::{failure::Failure, process, setup, workspace};

/// What a cluster needs to begin with, in MiB: images twice, and etcd's preallocated files.
const ROOM: u64 = 1_500;

/// Does what was asked.
///
/// # Errors
/// Each says what to do next. A command that is run gives its own exit code: there is no return from it.
pub(crate) fn run(order: Order) -> Result<(), Failure> {
    if let Some(obstacle) = obstacle() {
        return Err(Problem::Obstacle(obstacle).into());
    }
    let place = Place::new(order.folder, order.containerd)?;
    match order.action {
        Action::Up => up(&place, order.containerd),
        Action::Down => down(&place),
        Action::Restart => restart(&place, order.containerd),
        Action::Run(command) => {
            Err(become_command(running(&place)?.in_network(&place, &search_path()?, "env"), command))
        }
        Action::Node(command) => Err(become_command(running(&place)?.on_it("env"), command)),
        Action::Push { layout, name } => push(&place, &layout, &name),
    }
}

/// Provides all programs of a cluster, building those that no distribution has.
///
/// # Errors
/// When they cannot be had.
pub(crate) fn provide() -> Result<(), Failure> {
    setup::provide(setup::CLUSTER)?;
    Programs::provide().map(drop)
}

/// Ends the clusters of this work tree that tests have started.
///
/// # Errors
/// When something is left.
pub(crate) fn remove() -> Result<(), Failure> {
    [Containerd::Two, Containerd::OneSix]
        .into_iter()
        .try_for_each(|version| down(&Place::new(None, version)?))
}

fn up(place: &Place, containerd: Containerd) -> Result<(), Failure> {
    setup::provide(setup::CLUSTER)?;
    let programs = Programs::provide()?;
    let _lock = place.lock()?;
    let node = match Node::find(place) {
        Some(node) => {
            has(place, containerd)?;
            node
        }
        None => {
            // Of an attempt that was ended, or a node that died.
            clear(place)?;
            lay(place, &programs, containerd)?;
            println!("starting the node in {}", place.folder().display());
            Node::start(place, &programs.kube(), &programs.containerd(containerd)?)?
        }
    };
    readiness::wait(place, &node, &search_path()?)?;
    println!(
        "The cluster is up. Next, with the same options:\n  cargo xtask cluster run -- kubectl get pods --all-namespaces\n  \
         cargo xtask cluster down"
    );
    Ok(())
}

fn down(place: &Place) -> Result<(), Failure> {
    let _lock = place.lock()?;
    clear(place)?;
    println!("nothing is left of the cluster in {}", place.folder().display());
    Ok(())
}

/// Ends the node and starts it on its own disk.
fn restart(place: &Place, containerd: Containerd) -> Result<(), Failure> {
    let programs = Programs::provide()?;
    let _lock = place.lock()?;
    running(place)?;
    has(place, containerd)?;
    end(place)?;
    let node = Node::start(place, &programs.kube(), &programs.containerd(containerd)?)?;
    let path = search_path()?;
    readiness::forget(place, &node, &path)?;
    readiness::wait(place, &node, &path)
}

/// Its disk and its configuration are for this containerd.
fn has(place: &Place, containerd: Containerd) -> Result<(), Failure> {
    if workspace::read(&place.path("containerd-version"))? == containerd.name() {
        return Ok(());
    }
    Err(Problem::OtherContainerd { folder: place.folder().to_owned() }.into())
}

/// Ends everything that runs, and frees what the machine lent.
fn end(place: &Place) -> Result<(), Failure> {
    Node::end(place)?;
    loops::free(place)?;
    Node::remove_cgroups(place)
}

/// Removes all that there is of a cluster, in whatever state it is.
fn clear(place: &Place) -> Result<(), Failure> {
    let folder = place.folder();
    let empty = !folder.exists() || workspace::list(folder)?.is_empty();
    if !empty && !place.path("containerd-version").exists() {
        return Err(Problem::Occupied { folder: folder.to_owned() }.into());
    }
    end(place)?;
    // The mark goes last, so that what an interrupted removal leaves is known as a cluster's.
    let mut remove = process::program("rm");
    remove.args(["-rf", "--one-file-system", "--"]);
    if !empty {
        let rest = workspace::list(folder)?.into_iter().filter(|path| !path.ends_with("containerd-version"));
        process::run(remove.args(rest))?;
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::writing(folder))?;
    }
    Ok(())
}

/// Lays the files of a new node.
fn lay(place: &Place, programs: &Programs, containerd: Containerd) -> Result<(), Failure> {
    let folder = place.folder();
    fs::create_dir_all(folder).map_err(Failure::writing(folder))?;
    // First, so that whatever comes after it is known as a cluster's.
    workspace::write(&place.path("containerd-version"), containerd.name())?;
    programs::enough_room(folder, ROOM)?;
    for name in ["upper", "work", "root", "log", "volumes", "files/etc/systemd"] {
        let path = place.path(name);
        fs::create_dir_all(&path).map_err(Failure::writing(&path))?;
    }
    let from = workspace::root().join("tests/cluster");
    copy(&from.join("files/etc"), &place.path("files"))?;
    copy(&from.join("scripts"), &place.path("files"))?;
    copy(&from.join("units"), &place.path("files/etc/systemd/system"))?;
    let configuration = from.join("containerd").join(format!("{}.toml", containerd.name()));
    copy(&configuration, &place.path("files/etc/containerd/config.toml"))?;
    images::make(&place.path("files/images"), programs)?;
    certificates::make(&place.path("pki"))
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    process::run(process::program("cp").arg("--recursive").args([from, to]))
}

fn running(place: &Place) -> Result<Node, Failure> {
    Node::find(place).ok_or_else(|| Problem::NotRunning { folder: place.folder().to_owned() }.into())
}

/// `PATH` with the cluster's programs before all others.
fn search_path() -> Result<String, Failure> {
    let mut folders: Vec<_> = Programs::built()?.map(|programs| programs.kube()).into_iter().collect();
    folders.extend(setup::folders_of_go_programs());
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    // An ordinary user's path often lacks them.
    folders.extend(["/usr/sbin".into(), "/sbin".into()]);
    let joined = env::join_paths(folders).unwrap_or_default();
    Ok(joined.to_string_lossy().into_owned())
}

/// In the caller's folder, with the caller's input.
fn become_command(mut entered: Command, command: Vec<OsString>) -> Failure {
    if let Ok(folder) = env::current_dir() {
        entered.current_dir(folder);
    }
    process::become_program(entered.args(command).stdin(Stdio::inherit()))
}

/// Brings an image to the node's registry, where containerd looks for all images: the registry in its name does not matter.
fn push(place: &Place, layout: &Path, name: &str) -> Result<(), Failure> {
    let node = running(place)?;
    let layout = std::path::absolute(layout).map_err(Failure::reading(layout))?;
    let mut command = node.in_network(place, &search_path()?, "skopeo");
    command.args(["copy", "--quiet", "--all", "--preserve-digests", "--dest-tls-verify=false"]);
    let from = if layout.is_dir() { "oci" } else { "oci-archive" };
    command
        .arg(format!("{from}:{}", layout.display()))
        .arg(format!("docker://10.97.0.1:5000/{}", in_registry(name)));
    process::run_quietly(&mut command)
}

/// An image's name without its registry and digest, with a tag: a registry gives it by its digest whatever tag it has.
fn in_registry(name: &str) -> String {
    let name = name.split('@').next().unwrap_or(name);
    let path = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest.to_owned(),
        Some(_) => name.to_owned(),
        None => format!("library/{name}"),
    };
    if path.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        path
    } else {
        format!("{path}:latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_found_under_its_name_whatever_its_registry() {
        assert_eq!(in_registry("registry.example/shop/web:1.4.2"), "shop/web:1.4.2");
        assert_eq!(in_registry("registry.example:5000/web@sha256:00"), "web:latest");
        assert_eq!(in_registry("ghcr.io/a/b:v1@sha256:00"), "a/b:v1");
        assert_eq!(in_registry("shop/web"), "shop/web:latest");
        assert_eq!(in_registry("busybox"), "library/busybox:latest");
    }
}
