//! The command line, read as `runc` reads it.
//!
//! `runc` takes options of both kinds, `--log FILE` and `--log=FILE`, with one dash or two, first its own and then those of the command; a
//! switch has its value after `=` alone. Where it would also take an option behind the container's identifier, the call is refused here, so
//! that nothing is ever read in two ways.
//!
//! Source: manual pages of `runc` 1.1 to 1.4; package `flag` of Go.

mod options;
#[cfg(test)]
mod tests;

use std::{ffi::OsString, path::PathBuf};

use options::{Options, Takes};

/// Longest argument that is read, in bytes.
const MAX_ARGUMENT: usize = 16 << 10;

/// A call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandLine {
    /// Where errors are told to containerd.
    pub log: Log,
    /// What is to be done.
    pub call: Call,
}

/// Where errors are told, beside the standard error output.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Log {
    /// The file.
    pub file: Option<PathBuf>,
    /// Whether each line is JSON.
    pub json: bool,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// Make a container.
    Create {
        /// Its identifier.
        id: String,
        /// The folder with its configuration.
        bundle: PathBuf,
    },
    /// Start the program of a container.
    Start {
        /// Identifier of the container.
        id: String,
    },
    /// Start a further process in a container.
    Exec {
        /// Identifier of the container.
        id: String,
        /// The file that describes the process.
        process: PathBuf,
        /// containerd's name of the process: that of the file for its number.
        exec_id: String,
    },
    /// Send a signal.
    Kill {
        /// Identifier of the container.
        id: String,
        /// Name or number of the signal.
        signal: String,
        /// To all its processes.
        all: bool,
    },
    /// Remove a container.
    Delete {
        /// Identifier of the container.
        id: String,
    },
    /// Change limits of a container.
    Update {
        /// Identifier of the container.
        id: String,
        /// The file with the limits; `-` is the standard input. Without it, they are options.
        resources: Option<PathBuf>,
    },
    /// Stop all processes of a container for a while.
    Pause {
        /// Identifier of the container.
        id: String,
    },
    /// Let them go on.
    Resume {
        /// Identifier of the container.
        id: String,
    },
    /// Measure what a container uses.
    Events {
        /// Identifier of the container.
        id: String,
    },
    /// What no agent is asked for: `runc` says what it is, or what there is.
    Plain,
    /// The hidden command of this program: sign evidence for a pod.
    Sign {
        /// The folder of the processor.
        processor: PathBuf,
        /// Host data, in hexadecimal digits.
        host_data: String,
    },
}

/// A call that is not understood.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum CommandLineError {
    /// It cannot be read.
    #[error("an argument is longer than {MAX_ARGUMENT} bytes or not UTF-8")]
    Argument,
    /// There is no such option.
    #[error("the option {option:?} of {command:?} is not known")]
    Option {
        /// Command, or `runc`.
        command: String,
        /// As it stands there.
        option: String,
    },
    /// The option is there without its value, twice, or with a value that it does not have.
    #[error("the option {option:?} of {command:?} needs one value, and comes once")]
    Value {
        /// Command, or `runc`.
        command: String,
        /// Its first name.
        option: &'static str,
    },
    /// There is no such command.
    #[error("the command {0:?} is not known")]
    Command(String),
    /// Nothing that an agent does.
    #[error("the command {0:?} is nothing that the agent of a pod does")]
    NotOfAgents(String),
    /// Something is missing or too much after the options.
    #[error("{command:?} is called with {expected} after its options, and nothing else")]
    Operands {
        /// The command.
        command: &'static str,
        /// What it needs.
        expected: &'static str,
    },
    /// An identifier that no container can have.
    #[error(
        "{0:?} is no identifier of a container: it has letters, digits, dots, dashes and underscores, and begins with one of the first two"
    )]
    Identifier(String),
    /// A further process that is not described by a file.
    #[error("a further process is described by a file: exec --process FILE")]
    NoProcess,
}

impl CommandLine {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// If they are not understood. `Log` is what was read of it before.
    pub fn read(arguments: &[OsString]) -> Result<Self, (CommandLineError, Log)> {
        let mut log = Log::default();
        match read(arguments, &mut log) {
            Ok(call) => Ok(Self { log, call }),
            Err(error) => Err((error, log)),
        }
    }
}

fn read(arguments: &[OsString], log: &mut Log) -> Result<Call, CommandLineError> {
    let texts: Option<Vec<&str>> = arguments
        .iter()
        .map(|argument| argument.to_str().filter(|argument| argument.len() <= MAX_ARGUMENT))
        .collect();
    let texts = texts.ok_or(CommandLineError::Argument)?;
    if let ["sign", processor, host_data] = texts.as_slice() {
        return Ok(Call::Sign { processor: (*processor).into(), host_data: (*host_data).to_owned() });
    }
    let global = Options::read("runc", &texts, options::GLOBAL)?;
    log.file = global.value("log").filter(|file| !file.is_empty()).map(PathBuf::from);
    log.json = global.value("log-format") == Some("json");
    if global.is_set("help") || global.is_set("version") {
        return Ok(Call::Plain);
    }
    let Some((command, rest)) = global.operands.split_first() else { return Ok(Call::Plain) };
    call(command, rest)
}

fn call(command: &str, rest: &[&str]) -> Result<Call, CommandLineError> {
    let known = |command: &'static str, takes: &[Takes]| Options::read(command, rest, takes);
    match command {
        "create" => {
            let options = known("create", options::CREATE)?;
            options.or_plain(|options| {
                let bundle = options.value("bundle").filter(|bundle| !bundle.is_empty()).unwrap_or(".");
                Ok(Call::Create { id: only_id("create", options)?, bundle: bundle.into() })
            })
        }
        "exec" => known("exec", options::EXEC)?.or_plain(|options| {
            let process = options.value("process").ok_or(CommandLineError::NoProcess)?;
            let pid_file = PathBuf::from(options.value("pid-file").unwrap_or_default());
            let name = pid_file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            Ok(Call::Exec {
                id: only_id("exec", options)?,
                process: process.into(),
                exec_id: name.to_owned(),
            })
        }),
        "kill" => known("kill", options::KILL)?.or_plain(|options| {
            let operands = || CommandLineError::Operands {
                command: "kill",
                expected: "the identifier of a container and at most a signal",
            };
            let (id, signal) = match options.operands.as_slice() {
                [id] => (id, "SIGTERM"),
                [id, signal] if !signal.starts_with('-') => (id, *signal),
                _ => return Err(operands()),
            };
            Ok(Call::Kill { id: identifier(id)?, signal: signal.to_owned(), all: options.is_set("all") })
        }),
        "delete" => known("delete", options::DELETE)?
            .or_plain(|options| Ok(Call::Delete { id: only_id("delete", options)? })),
        "update" => known("update", options::UPDATE)?.or_plain(|options| {
            let resources = options.value("resources").map(PathBuf::from);
            Ok(Call::Update { id: only_id("update", options)?, resources })
        }),
        "start" => known("start", options::NONE)?
            .or_plain(|options| Ok(Call::Start { id: only_id("start", options)? })),
        "pause" => known("pause", options::NONE)?
            .or_plain(|options| Ok(Call::Pause { id: only_id("pause", options)? })),
        "resume" => known("resume", options::NONE)?
            .or_plain(|options| Ok(Call::Resume { id: only_id("resume", options)? })),
        "events" => known("events", options::EVENTS)?
            .or_plain(|options| Ok(Call::Events { id: only_id("events", options)? })),
        "state" | "list" | "ps" | "features" | "spec" | "help" | "h" => Ok(Call::Plain),
        "run" | "checkpoint" | "restore" => Err(CommandLineError::NotOfAgents(command.to_owned())),
        other => Err(CommandLineError::Command(other.to_owned())),
    }
}

fn only_id(command: &'static str, options: &Options<'_>) -> Result<String, CommandLineError> {
    match options.operands.as_slice() {
        [id] => identifier(id),
        _ => Err(CommandLineError::Operands { command, expected: "the identifier of a container" }),
    }
}

/// As the agent takes identifiers, and so that they are names of folders.
fn identifier(text: &str) -> Result<String, CommandLineError> {
    if is_identifier(text) { Ok(text.to_owned()) } else { Err(CommandLineError::Identifier(text.to_owned())) }
}

/// Whether a text is an identifier as the agent takes it. It is the name of a file then, too.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (2..=128).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(is_inner)
}
