//! Programs of this project: built by cargo so that neither the folder nor the machine shows in their bytes.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{self, CommandError},
    recipe::Program,
    tree::{Entry, TreeError},
};

/// Where programs come from.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The root of the repository.
    pub root: PathBuf,
    /// Which are taken.
    pub origin: Origin,
}

/// Which programs are taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Such as are built now, with this profile of cargo.
    Built {
        /// `release`, `dev` or another.
        profile: String,
    },
    /// Such as were built before, in this folder.
    Folder(PathBuf),
}

/// Why a program cannot be had.
#[derive(thiserror::Error, Debug)]
pub enum ProgramError {
    /// Cargo or git failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The program cannot be read.
    #[error(transparent)]
    Read(#[from] TreeError),
    /// There is no home folder.
    #[error("this machine does not say where cargo keeps crates ({0}); set CARGO_HOME")]
    NoCargoHome(io::Error),
}

/// Where programs run.
const TARGET: &str = "x86_64-unknown-linux-gnu";

impl Programs {
    /// The file of a program, as the image has it.
    ///
    /// # Errors
    /// If it does not build, or is not where it should be.
    pub fn get(&self, program: &Program) -> Result<Entry, ProgramError> {
        Ok(Entry::of_path(&self.build(program, &[])?)?)
    }

    /// Builds a program, with this in the environment of the compiler, and says where it is.
    ///
    /// # Errors
    /// If it does not build.
    pub fn build(&self, program: &Program, environment: &[(&str, &str)]) -> Result<PathBuf, ProgramError> {
        let profile = match &self.origin {
            Origin::Folder(folder) => return Ok(folder.join(&program.name)),
            Origin::Built { profile } => profile,
        };
        // A folder of its own: with other paths in them, crates are other crates.
        let target = self.root.join("target/programs");
        let mut cargo = self.cargo();
        cargo.args(["build", "--locked", "--package", &program.package, "--bin", &program.name]);
        cargo.args(["--profile", profile]).arg("--target-dir").arg(&target);
        let mut flags = self.rust_flags()?;
        if program.statically {
            // With a target that is named, flags are for the program alone: what runs while it is built stays as it is.
            cargo.args(["--target", TARGET]);
            flags.push_str("\x1f-Ctarget-feature=+crt-static");
        }
        cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags);
        cargo.env("CFLAGS", self.c_flags()?).env("CARGO_INCREMENTAL", "0");
        command::show(cargo.envs(environment.iter().copied()))?;
        // The one profile whose folder has another name.
        let folder = if profile == "dev" { "debug" } else { profile };
        let target = if program.statically { target.join(TARGET) } else { target };
        Ok(target.join(folder).join(&program.name))
    }

    /// Cargo, in the repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        cargo.current_dir(&self.root);
        cargo
    }

    /// Without the folders of this machine in messages and debug information.
    fn rust_flags(&self) -> Result<String, ProgramError> {
        let flags = self.folders()?.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
        Ok(flags.join("\x1f"))
    }

    fn c_flags(&self) -> Result<String, ProgramError> {
        let flags = self.folders()?.map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display()));
        Ok(flags.join(" "))
    }

    /// Folders of this machine, and what stands for them. Of several that fit, the compiler takes the last.
    fn folders(&self) -> Result<[(PathBuf, &'static str); 3], ProgramError> {
        let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
        let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home);
        let cargo = cargo.ok_or_else(|| ProgramError::NoCargoHome(io::ErrorKind::NotFound.into()))?;
        let root = self.root.clone();
        let target = self.root.join("target/programs");
        Ok([(cargo, "/cargo"), (root, "/contrast"), (target, "/target")])
    }
}
