//! Debian packages: fetched by apt, unpacked by dpkg.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::{
    command::{self, CommandError},
    recipe::{PACKAGES, Pin},
    store::{Store, StoreError},
    tree::{Tree, TreeError},
};

/// Why a package cannot be had.
#[derive(thiserror::Error, Debug)]
pub enum PackageError {
    /// The store has no place for it, or it is another file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// What was unpacked cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The mirror has a later version, or this machine asks another release of Debian.
    #[error(
        "apt cannot fetch {}; if Debian has replaced that version, take its present one with `cargo xtask images \
         --update` and commit what changed, or put the old package's file into {}: Debian's snapshot archive keeps \
         all of them\n  {said}",
        missing.join(", "), folder.display()
    )]
    NotServed {
        /// Packages with their versions.
        missing: Vec<String>,
        /// The store.
        folder: PathBuf,
        /// What apt said of the last one.
        said: String,
    },
    /// Apt knows no such package.
    #[error("apt knows no package `{0}` for amd64; correct its name in the recipes, as they make {PACKAGES}")]
    Unknown(String),
}

/// Makes sure that all these packages are in the store.
///
/// # Errors
/// If one cannot be fetched, or has another digest.
pub fn fetch(store: &Store, packages: &BTreeMap<&str, &Pin>) -> Result<(), PackageError> {
    let mut absent = Vec::new();
    for (name, pin) in packages {
        if !store.has(name, pin.sha256)? {
            absent.push((format!("{name}={}", pin.version), pin.sha256));
        }
    }
    if absent.is_empty() {
        return Ok(());
    }
    let apt = Apt::new(store)?;
    let (mut missing, mut said) = (Vec::new(), String::new());
    for (package, digest) in absent {
        let room = store.room()?;
        let mut download = apt.command("apt-get");
        match command::output(download.arg("download").arg(&package).current_dir(room.path())) {
            Ok(_) => store.keep(&room, &package, digest)?,
            Err(CommandError::Failed { errors, .. }) => {
                missing.push(package);
                said = errors;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(PackageError::NotServed { missing, folder: store.folder().to_owned(), said })
}

/// What is in a package of the store.
///
/// # Errors
/// If it cannot be unpacked.
pub fn unpack(store: &Store, name: &str, pin: &Pin) -> Result<Tree, PackageError> {
    // Again, since it may have changed on the disk.
    store.has(name, pin.sha256)?;
    let room = store.room()?;
    let mut unpack = Command::new("dpkg-deb");
    command::output(unpack.arg("--extract").arg(store.place(pin.sha256)).arg(room.path()))?;
    Ok(Tree::of_folder(room.path())?)
}

/// Versions and digests of packages that apt offers now.
///
/// # Errors
/// If it offers one of them not at all.
pub fn offered(
    store: &Store,
    names: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, Pin>, PackageError> {
    let apt = Apt::new(store)?;
    names.into_iter().map(|name| apt.offered(&name).map(|pin| (name, pin))).collect()
}

/// Apt with lists of its own, which are up to date, so that nobody has to be root.
struct Apt {
    room: TempDir,
}

impl Apt {
    fn new(store: &Store) -> Result<Self, PackageError> {
        let apt = Self { room: store.room()? };
        let lists = apt.room.path().join("lists/partial");
        fs::create_dir_all(&lists).map_err(|cause| StoreError::Io { path: lists, cause })?;
        command::output(apt.command("apt-get").arg("update"))?;
        Ok(apt)
    }

    fn offered(&self, name: &str) -> Result<Pin, PackageError> {
        let unknown = || PackageError::Unknown(name.to_owned());
        let mut show = self.command("apt-cache");
        let text =
            match command::output(show.args(["show", "--no-all-versions"]).arg(format!("{name}:amd64"))) {
                Err(CommandError::Failed { .. }) => return Err(unknown()),
                other => other?,
            };
        // Debian policy, "Syntax of control files".
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        let digest = field("SHA256").and_then(|digits| format!("sha256:{digits}").parse().ok());
        let (version, sha256) = field("Version").zip(digest).ok_or_else(unknown)?;
        Ok(Pin { version: version.to_owned(), sha256 })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let room = self.room.path().display();
        for option in [
            format!("Dir::State::Lists={room}/lists"),
            format!("Dir::Cache={room}"),
            // Downloads would belong to another user, who may not write here.
            "APT::Sandbox::User=".to_owned(),
            // Without it, one list that cannot be had is only a warning.
            "APT::Update::Error-Mode=any".to_owned(),
        ] {
            command.arg("--option").arg(option);
        }
        command.arg("--quiet=2").env("LC_ALL", "C");
        command
    }
}
