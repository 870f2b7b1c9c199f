//! Programs of Python packages, each in a folder of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{failure::Failure, process, workspace};

/// Tests look for the program in `bin` of this folder.
pub(super) fn folder(package: &str, version: &str) -> Result<PathBuf, Failure> {
    Ok(workspace::target()?.join("python").join(format!("{package}-{version}")))
}

/// Installs a package where [`folder`] says.
pub(super) fn install(package: &str, version: &str) -> Result<(), Failure> {
    println!("installing {package} {version}");
    install_into(&folder(package, version)?, package, version)
}

/// Installs a package into a folder of its own. Whatever an interrupted attempt left there is removed.
pub(super) fn install_into(folder: &Path, package: &str, version: &str) -> Result<(), Failure> {
    process::run(python().args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = process::program(folder.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    process::run(pip.arg(format!("{package}=={version}")))
}

/// Debian's Python has only half of the module; `ensurepip` is what is missing.
pub(super) fn has_venv() -> bool {
    let mut command = python();
    command.args(["-c", "import ensurepip, venv"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn python() -> Command {
    process::program("python3")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_two_versions_do_not_share_a_folder() {
        let folder = |version| folder("sev-snp-measure", version).ok();
        assert!(folder("0.0.13").is_some_and(|path| path.ends_with("python/sev-snp-measure-0.0.13")));
        assert_ne!(folder("0.0.13"), folder("0.0.12"));
    }
}
