//! containerd's own opinion of a configuration: `containerd config dump` reads it, with everything that it imports, as a start would.

use std::{
    env, fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tokio::time::timeout;

use super::document::Document;
use crate::host::Host;

/// containerd, as it runs on the node.
#[derive(Clone, Debug)]
pub struct Program {
    root: PathBuf,
    process: u32,
    /// The configuration that it was started with, if its command line says so.
    pub configuration: Option<PathBuf>,
}

/// Why a configuration is not taken.
#[derive(thiserror::Error, Debug)]
pub enum ProgramError {
    /// It cannot be asked.
    #[error("containerd's program cannot be started to look at the new configuration: {0}")]
    Start(io::Error),
    /// It does not end.
    #[error("containerd did not tell within {} s what it makes of the new configuration", PATIENCE.as_secs())]
    Endless,
    /// It refuses.
    #[error("containerd says: {0}")]
    Refused(String),
}

/// The command of this program that starts another one in the node's root.
pub const IN_ROOT: &str = "in-root";

const PATIENCE: Duration = Duration::from_secs(30);

impl Program {
    /// The program of a process on the node, if it is containerd.
    #[must_use]
    pub fn of_process(host: &Host, process: u32) -> Option<Self> {
        let folder = host.root().join("proc").join(process.to_string());
        let line = fs::read(folder.join("cmdline")).ok()?;
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let name = Path::new(words.first()?.as_ref()).file_name()?.to_str()?.to_owned();
        if name != "containerd" {
            return None;
        }
        Some(Self { root: host.root().to_owned(), process, configuration: configuration(&words) })
    }

    /// What containerd makes of a configuration (a path on the node); nothing if it does not print it in a form that is known.
    ///
    /// # Errors
    /// If it refuses.
    pub async fn dump(&self, configuration: &Path) -> Result<Option<Document>, ProgramError> {
        let me = env::current_exe().map_err(ProgramError::Start)?;
        let mut command = tokio::process::Command::new(me);
        command.arg(IN_ROOT).arg(&self.root).arg(format!("/proc/{}/exe", self.process));
        command.arg("--config").arg(configuration).args(["config", "dump"]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.map_err(|_| ProgramError::Endless)?;
        let output = output.map_err(ProgramError::Start)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            // The end says what is wrong.
            let tail: Vec<_> = said.chars().rev().take(600).collect();
            return Err(ProgramError::Refused(tail.into_iter().rev().collect()));
        }
        Ok(Document::parse(&output.stdout).ok())
    }
}

/// The value of `--config`, in each form that containerd takes.
fn configuration(words: &[std::borrow::Cow<'_, str>]) -> Option<PathBuf> {
    const NAMES: [&str; 4] = ["--config", "-config", "-c", "--c"];
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.split_once('=') {
            Some((name, value)) if NAMES.contains(&name) => return Some(value.into()),
            None if NAMES.contains(&word.as_ref()) => return words.next().map(|word| word.as_ref().into()),
            _ => {}
        }
    }
    None
}

/// Becomes another program, in another root folder. For [`Program::dump`], which starts this program for it.
///
/// # Errors
/// Always, if it returns.
pub fn become_in_root(root: &Path, program: &Path, arguments: &[std::ffi::OsString]) -> io::Error {
    let entered = rustix::process::chroot(root).and_then(|()| rustix::process::chdir("/"));
    match entered {
        Ok(()) => Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .exec(),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_of_a_command_line_is_found_in_every_form() {
        let of = |line: &str| configuration(&line.split(' ').map(Into::into).collect::<Vec<_>>());
        for line in [
            "containerd --config /x.toml",
            "containerd -c /x.toml -a /y",
            "containerd -l info --config=/x.toml",
        ] {
            assert_eq!(of(line).as_deref(), Some(Path::new("/x.toml")), "{line}");
        }
        for line in ["containerd", "containerd --address /x", "containerd --config"] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
