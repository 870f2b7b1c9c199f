//! `contrast.toml` in the workspace: options of all commands, for those who do not want to write them every time.
//!
//! What is given on the command line comes first, then the environment, then this file. Somebody may verify in a folder that another
//! made: options that consent to something or weaken a check are not taken from it.

mod allowed;
mod content;

use std::{
    any::TypeId,
    borrow::Cow,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, CommandFactory, parser::ValueSource};

use crate::{
    arguments::Arguments,
    failure::Advice,
    workspace::{self, WorkspaceError},
};
use content::{Content, Entry};

/// Its name in the workspace.
const NAME: &str = "contrast.toml";
/// Longest that is read, in bytes.
const LONGEST: usize = 256 << 10;

/// The file cannot be followed.
#[derive(thiserror::Error, Debug)]
pub(crate) enum SettingsFileError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// It is no text.
    #[error("{} is not UTF-8", .0.display())]
    NotText(PathBuf),
    /// It is no TOML.
    #[error("{}:{line}: this is not TOML: {reason}", path.display())]
    NotToml { path: PathBuf, line: usize, reason: String },
    /// Something that no command has.
    #[error("{}:{line}: there is no {kind} `{name}`{}", path.display(), suggestion(nearest.as_deref()))]
    Unknown { path: PathBuf, line: usize, kind: &'static str, name: String, nearest: Option<String> },
    /// An option of another type.
    #[error("{}:{line}: `{name}` has to be {wanted}", path.display())]
    Type { path: PathBuf, line: usize, name: String, wanted: &'static str },
    /// An option that has to be given where it is meant.
    #[error("{}:{line}: `{name}` of `contrast {command}` is not taken from a file: {reason}", path.display())]
    Refused { path: PathBuf, line: usize, command: String, name: String, reason: &'static str },
}

impl Advice for SettingsFileError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::File(error) => return error.advice(),
            Self::NotText(_) => "save it as UTF-8".into(),
            Self::NotToml { .. } => "docs/settings-file.md has an example".into(),
            Self::Unknown { .. } => {
                "write options as `contrast COMMAND --help` lists them, without dashes, below `[COMMAND]`"
                    .into()
            }
            Self::Type { .. } => "correct the value".into(),
            Self::Refused { .. } => "remove it there, and give it on the command line if you mean it".into(),
        })
    }
}

/// Arguments with what the file adds to them, and the file if it added something.
pub(crate) struct Completed {
    /// All arguments.
    pub(crate) arguments: Vec<OsString>,
    /// A line that says what was taken from where.
    pub(crate) note: Option<String>,
}

/// Completes arguments from the file in their workspace. Whatever is wrong with the arguments themselves is for the reader of all of them.
pub(crate) fn complete(arguments: Vec<OsString>) -> Result<Completed, SettingsFileError> {
    let mut root = Arguments::command();
    root.build();
    let matches = root.clone().ignore_errors(true).try_get_matches_from(&arguments);
    let Ok(matches) = matches else { return Ok(Completed { arguments, note: None }) };
    let folder = matches.get_one::<PathBuf>("workspace_dir").cloned().unwrap_or_default();
    let path = folder.join(NAME);
    let text = match workspace::read_bounded(&path, LONGEST) {
        Ok(text) => String::from_utf8(text).map_err(|_| SettingsFileError::NotText(path.clone()))?,
        Err(WorkspaceError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Completed { arguments, note: None });
        }
        Err(error) => return Err(error.into()),
    };
    let content = Content::read(&path, &text)?;
    content.check(&root)?;
    let (commands, matches) = chosen(&root, &matches);
    let mut added = Vec::new();
    for entry in content.of(&commands) {
        if let Some(argument) = entry.argument(commands.last().copied().unwrap_or(&root)) {
            added.extend(entry.arguments(argument, matches, &commands, &folder));
        }
    }
    Ok(with(arguments, &added, &path))
}

/// The subcommands that are called, from the outside in, and what the innermost was given.
fn chosen<'c, 'm>(root: &'c Command, matches: &'m ArgMatches) -> (Vec<&'c Command>, &'m ArgMatches) {
    let (mut commands, mut matches) = (vec![root], matches);
    while let Some((name, inner)) = matches.subcommand() {
        let Some(command) = commands.last().and_then(|command| command.find_subcommand(name)) else { break };
        commands.push(command);
        matches = inner;
    }
    (commands, matches)
}

/// What is added stands before positional arguments that may look like options.
fn with(mut arguments: Vec<OsString>, added: &[String], path: &Path) -> Completed {
    let at = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let note = (!added.is_empty()).then(|| {
        let mut names: Vec<_> = added.iter().filter_map(|option| option.split('=').next()).collect();
        // Of a list, each item is an option.
        names.dedup();
        format!("From {}: {}", path.display(), names.join(", "))
    });
    arguments.splice(at..at, added.iter().map(OsString::from));
    Completed { arguments, note }
}

impl Entry<'_> {
    /// What the entry adds to the command line: nothing, if the option or one that excludes it is given already.
    fn arguments(
        &self,
        argument: &Arg,
        matches: &ArgMatches,
        commands: &[&Command],
        folder: &Path,
    ) -> Vec<String> {
        let is_given = |argument: &Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
        };
        let excludes = |command: &Command, one: &Arg, other: &Arg| {
            let one_of =
                command.get_groups().cloned().filter_map(|mut group| (!group.is_multiple()).then_some(group));
            let mut groups = one_of.map(|group| group.get_args().cloned().collect::<Vec<_>>());
            one.get_id() != other.get_id()
                && (command
                    .get_arg_conflicts_with(one)
                    .iter()
                    .any(|excluded| excluded.get_id() == other.get_id())
                    || groups.any(|group| group.contains(one.get_id()) && group.contains(other.get_id())))
        };
        // It is enough that one of the two says so.
        let is_excluded = commands.last().is_some_and(|command| {
            let mut given = command.get_arguments().filter(|other| is_given(other));
            given.any(|other| excludes(command, other, argument) || excludes(command, argument, other))
        });
        if is_given(argument) || is_excluded {
            return Vec::new();
        }
        let is_path = argument.get_value_parser().type_id() == TypeId::of::<PathBuf>();
        let values = self.values.iter().map(|value| match value {
            // Relative to the file, wherever the command is called.
            Some(value) if is_path && value != "-" => {
                format!("--{}={}", self.name, folder.join(value).display())
            }
            Some(value) => format!("--{}={value}", self.name),
            None => format!("--{}", self.name),
        });
        values.collect()
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
