//! Debian packages: fetched by apt, known by their digest, kept, unpacked.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use contrast_image::Digest;

use crate::{
    command::{self, CommandError},
    recipe::{PACKAGES, Pin},
    tree::{Tree, TreeError},
};

/// Packages and wheels by their digest, in a folder that outlives builds.
pub struct Store {
    folder: PathBuf,
}

/// Why a package cannot be had.
#[derive(thiserror::Error, Debug)]
pub enum PackageError {
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// What was unpacked cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store cannot be read or written.
    #[error("cannot use {}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// There is no place for the store.
    #[error("there is no home folder to keep packages in; name a folder in CONTRAST_PACKAGES")]
    NoHome,
    /// The mirror has a later version, or this machine asks another release of Debian.
    #[error(
        "apt cannot fetch {}; if Debian has replaced that version, take its present one with `cargo xtask images \
         --update` and commit what changed, or put the old package's file into {}: Debian's snapshot archive keeps \
         all of them\n{}",
        missing.join(", "), folder.display(), indented(said)
    )]
    NotServed {
        /// Packages with their versions.
        missing: Vec<String>,
        /// The store.
        folder: PathBuf,
        /// What apt said.
        said: String,
    },
    /// Something else was served under the same version.
    #[error(
        "{name} has the digest {found}, but the recipe says {expected}; do not use it unless you know why it is another file"
    )]
    Other {
        /// The package with its version.
        name: String,
        /// What came.
        found: Digest,
        /// What the recipe wants.
        expected: Digest,
    },
    /// Apt knows no such package.
    #[error("apt knows no package `{0}` for amd64; correct its name in {PACKAGES}")]
    Unknown(String),
}

impl Store {
    /// The store that `CONTRAST_PACKAGES` names, else one below the user's caches.
    ///
    /// # Errors
    /// If the user has no home folder.
    pub fn of_user() -> Result<Self, PackageError> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = || absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        let folder = absolute("CONTRAST_PACKAGES").or_else(|| Some(caches()?.join("contrast-packages")));
        Ok(Self { folder: folder.ok_or(PackageError::NoHome)? })
    }

    /// A store in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where a file with this digest is or would be: anybody may put it there.
    #[must_use]
    pub fn place(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("sha256-{}", digest.hex()))
    }

    /// The file with this digest, if it is here.
    ///
    /// # Errors
    /// If it cannot be read, or has another digest than its name says.
    pub(crate) fn get(&self, name: &str, digest: Digest) -> Result<Option<PathBuf>, PackageError> {
        let path = self.place(digest);
        match fs::read(&path) {
            Ok(bytes) => check(name, &bytes, digest).map(|()| Some(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(PackageError::Io { path, cause }),
        }
    }

    /// Keeps the files of a folder that have one of these digests, and says of which it has none.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub(crate) fn keep_wanted(
        &self,
        from: &Path,
        wanted: &[Digest],
    ) -> Result<Vec<(PathBuf, Digest)>, PackageError> {
        let mut others = Vec::new();
        for entry in fs::read_dir(from).map_err(using(from))? {
            let path = entry.map_err(using(from))?.path();
            let bytes = fs::read(&path).map_err(using(&path))?;
            let digest = Digest::of(&bytes);
            if wanted.contains(&digest) {
                // Complete or not at all: it is on the same file system.
                fs::rename(&path, self.place(digest)).map_err(using(&path))?;
            } else {
                others.push((path, digest));
            }
        }
        Ok(others)
    }

    /// A new folder that goes with its owner, on the same file system.
    pub(crate) fn room(&self) -> Result<tempfile::TempDir, PackageError> {
        fs::create_dir_all(&self.folder).map_err(using(&self.folder))?;
        tempfile::tempdir_in(&self.folder).map_err(using(&self.folder))
    }

    /// Makes sure that all these packages are here.
    ///
    /// # Errors
    /// If one cannot be fetched, or has another digest.
    pub fn fetch(&self, packages: &BTreeMap<&str, &Pin>) -> Result<(), PackageError> {
        let mut missing = Vec::new();
        for (name, pin) in packages {
            if self.get(name, pin.sha256)?.is_none() {
                missing.push((*name, *pin));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let apt = self.apt()?;
        let room = self.room()?;
        let exact = |(name, pin): &(&str, &Pin)| format!("{name}={}", pin.version);
        let download = |package: String| {
            command::output(apt.command("apt-get").arg("download").arg(package).current_dir(room.path()))
        };
        let mut refused = (Vec::new(), String::new());
        for package in &missing {
            match download(exact(package)) {
                Ok(_) => {}
                Err(CommandError::Failed { errors, .. }) => {
                    refused.0.push(exact(package));
                    refused.1 = errors;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let wanted: Vec<_> = missing.iter().map(|(_, pin)| pin.sha256).collect();
        let others = self.keep_wanted(room.path(), &wanted)?;
        if !refused.0.is_empty() {
            return Err(PackageError::NotServed {
                missing: refused.0,
                folder: self.folder.clone(),
                said: refused.1,
            });
        }
        let lacking = missing.iter().find(|(_, pin)| !self.place(pin.sha256).exists());
        match (lacking, others.first()) {
            (Some(package), Some((_, found))) => {
                Err(PackageError::Other { name: exact(package), found: *found, expected: package.1.sha256 })
            }
            _ => Ok(()),
        }
    }

    /// What is in a package that is here.
    ///
    /// # Errors
    /// If it cannot be unpacked.
    pub fn unpack(&self, name: &str, pin: &Pin) -> Result<Tree, PackageError> {
        let room = self.room()?;
        // Again, since it may have changed on the disk.
        self.get(name, pin.sha256)?;
        command::output(
            Command::new("dpkg-deb").arg("--extract").arg(self.place(pin.sha256)).arg(room.path()),
        )?;
        Ok(Tree::of_folder(room.path())?)
    }

    /// Version and digest of a package that apt offers now.
    ///
    /// # Errors
    /// If it offers none.
    pub fn offered(
        &self,
        names: impl IntoIterator<Item = String>,
    ) -> Result<BTreeMap<String, Pin>, PackageError> {
        let apt = self.apt()?;
        let pin = |name: String| {
            let show = ["show", "--no-all-versions", &format!("{name}:amd64")].map(str::to_owned);
            let text = match command::output(apt.command("apt-cache").args(show)) {
                Err(CommandError::Failed { .. }) => return Err(PackageError::Unknown(name)),
                other => other?,
            };
            let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            let digest = field("SHA256").and_then(|digits| format!("sha256:{digits}").parse().ok());
            let pin = field("Version")
                .zip(digest)
                .map(|(version, sha256)| Pin { version: version.to_owned(), sha256 });
            pin.map(|pin| (name.clone(), pin)).ok_or(PackageError::Unknown(name))
        };
        names.into_iter().map(pin).collect()
    }

    /// Apt with lists of its own that are up to date, so that nobody has to be root.
    fn apt(&self) -> Result<Apt, PackageError> {
        let room = self.room()?;
        let lists = room.path().join("lists/partial");
        fs::create_dir_all(&lists).map_err(using(&lists))?;
        let apt = Apt { room };
        command::output(apt.command("apt-get").arg("update"))?;
        Ok(apt)
    }
}

struct Apt {
    room: tempfile::TempDir,
}

impl Apt {
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

fn check(name: &str, bytes: &[u8], expected: Digest) -> Result<(), PackageError> {
    let found = Digest::of(bytes);
    if found == expected {
        return Ok(());
    }
    Err(PackageError::Other { name: name.to_owned(), found, expected })
}

fn using(path: &Path) -> impl FnOnce(io::Error) -> PackageError {
    let path = path.to_owned();
    move |cause| PackageError::Io { path, cause }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
