//! Which crates a program is made of.

use std::{collections::BTreeSet, env, ffi::OsString, fs, io, path::PathBuf, process::Command};

use serde::Deserialize;

use crate::{
    command::{self, CommandError},
    program::Programs,
    recipe::Program,
};

/// A crate that is part of a program.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, an SPDX expression, if it states one.
    pub license: Option<String>,
    /// SHA-256 of its archive at the registry, in hexadecimal; crates of this project have none.
    pub checksum: Option<String>,
}

/// Why crates cannot be listed.
#[derive(thiserror::Error, Debug)]
pub enum CrateError {
    /// Cargo failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The lock file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The lock file has another form.
    #[error("Cargo.lock: {0}")]
    Lock(#[from] toml::de::Error),
    /// Cargo prints something else.
    #[error("`cargo tree` printed a line of another form: {0}")]
    Line(String),
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Crates of a program, itself included, sorted. What only runs while it is built is left out.
///
/// # Errors
/// If cargo cannot say.
pub fn crates(programs: &Programs, program: &Program) -> Result<Vec<Crate>, CrateError> {
    let path = programs.root.join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(|cause| CrateError::Io { path, cause })?;
    let lock: Lock = toml::from_str(&text)?;
    let mut tree = programs.cargo();
    tree.args(["tree", "--locked", "--package", &program.package, "--target", "x86_64-unknown-linux-gnu"]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--no-dedupe", "--format", "{p}\t{l}"]);
    let lines: BTreeSet<_> = command::output(&mut tree)?.lines().map(str::to_owned).collect();
    let read = |line: &String| -> Option<Crate> {
        let (package, license) = line.split_once('\t')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let locked = lock.package.iter().find(|locked| locked.name == name && locked.version == version)?;
        Some(Crate {
            name: name.to_owned(),
            version: version.to_owned(),
            // Some old crates write a slash for `OR`.
            license: (!license.is_empty()).then(|| license.replace('/', " OR ")),
            checksum: locked.checksum.clone(),
        })
    };
    let crates: Result<BTreeSet<_>, _> =
        lines.iter().map(|line| read(line).ok_or_else(|| CrateError::Line(line.clone()))).collect();
    Ok(crates?.into_iter().collect())
}

/// The compiler's version, whose standard library is part of every program.
///
/// # Errors
/// If there is no compiler.
pub fn compiler(programs: &Programs) -> Result<String, CommandError> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let text = command::output(Command::new(rustc).arg("--version").current_dir(&programs.root))?;
    Ok(text.split(' ').nth(1).unwrap_or_default().to_owned())
}
