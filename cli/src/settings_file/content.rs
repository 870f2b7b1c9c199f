//! What a file says.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use toml::de::{DeTable, DeValue};

use super::{SettingsFileError, allowed};

/// The options of a file, by the command that they are for.
pub(super) struct Content<'t> {
    path: PathBuf,
    text: &'t str,
    entries: Vec<Entry<'t>>,
    /// Tables, with the place of their names.
    tables: Vec<(Vec<String>, usize)>,
}

/// One option.
pub(super) struct Entry<'t> {
    /// The command, as it is called; nothing for options of all commands.
    pub(super) command: Vec<String>,
    /// The option, without dashes.
    pub(super) name: String,
    /// Its values, as they stand on a command line: `None` for one without a value.
    pub(super) values: Vec<Option<String>>,
    value: DeValue<'t>,
    at: usize,
}

impl<'t> Content<'t> {
    /// Reads the text of the file at `path`.
    pub(super) fn read(path: &Path, text: &'t str) -> Result<Self, SettingsFileError> {
        let table = DeTable::parse(text).map_err(|error| SettingsFileError::NotToml {
            path: path.to_owned(),
            line: line(text, error.span().map_or(0, |span| span.start)),
            reason: error.message().to_owned(),
        })?;
        let mut content = Self { path: path.to_owned(), text, entries: Vec::new(), tables: Vec::new() };
        content.add(Vec::new(), table.into_inner());
        Ok(content)
    }

    fn add(&mut self, command: Vec<String>, table: DeTable<'t>) {
        for (name, value) in table {
            let (at, name) = (name.span().start, name.into_inner().into_owned());
            match value.into_inner() {
                DeValue::Table(inner) => {
                    let inner_command = [command.clone(), vec![name]].concat();
                    self.tables.push((inner_command.clone(), at));
                    self.add(inner_command, inner);
                }
                value => {
                    let values = values(&value);
                    self.entries.push(Entry { command: command.clone(), name, values, value, at });
                }
            }
        }
    }

    /// Whether all of it are options that commands have, may have from a file, and of their types.
    pub(super) fn check(&self, root: &Command) -> Result<(), SettingsFileError> {
        for (command, at) in &self.tables {
            self.command(root, command, *at)?;
        }
        for entry in &self.entries {
            let command = self.command(root, &entry.command, entry.at)?;
            let names: Vec<&str> = entry.command.iter().map(String::as_str).collect();
            let argument = entry.argument(command).ok_or_else(|| {
                let known = command.get_arguments().filter(|argument| !argument.is_hide_set());
                let known = known.filter_map(Arg::get_long).filter(|name| !BUILT_IN.contains(name));
                self.unknown("option", &entry.name, entry.at, known)
            })?;
            if let Some(reason) = allowed::refusal(&names, &entry.name) {
                return Err(SettingsFileError::Refused {
                    path: self.path.clone(),
                    line: self.line(entry.at),
                    command: names.join(" "),
                    name: entry.name.clone(),
                    reason,
                });
            }
            if let Some(wanted) = entry.wanted(argument) {
                let (path, line) = (self.path.clone(), self.line(entry.at));
                return Err(SettingsFileError::Type { path, line, name: entry.name.clone(), wanted });
            }
        }
        Ok(())
    }

    /// The options for commands that are called, those of all commands first.
    pub(super) fn of<'c>(&'c self, commands: &[&Command]) -> impl Iterator<Item = &'c Entry<'t>> {
        // The program itself has no table.
        let called: Vec<&str> = commands.iter().skip(1).map(|command| command.get_name()).collect();
        let called: Vec<String> = called.into_iter().map(str::to_owned).collect();
        self.entries.iter().filter(move |entry| called.starts_with(&entry.command))
    }

    fn command<'c>(
        &self,
        root: &'c Command,
        names: &[String],
        at: usize,
    ) -> Result<&'c Command, SettingsFileError> {
        names.iter().try_fold(root, |command, name| {
            command.find_subcommand(name).filter(|_| name != "help").ok_or_else(|| {
                let known = command.get_subcommands().map(Command::get_name).filter(|name| *name != "help");
                self.unknown("command", name, at, known)
            })
        })
    }

    fn unknown<'k>(
        &self,
        kind: &'static str,
        name: &str,
        at: usize,
        known: impl Iterator<Item = &'k str>,
    ) -> SettingsFileError {
        // As the command line decides about it.
        const ALIKE: f64 = 0.7;
        let alike = known.map(|known| (strsim::jaro(name, known), known)).filter(|(how, _)| *how > ALIKE);
        let nearest = alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known.to_owned());
        SettingsFileError::Unknown {
            path: self.path.clone(),
            line: self.line(at),
            kind,
            name: name.to_owned(),
            nearest,
        }
    }

    fn line(&self, at: usize) -> usize {
        line(self.text, at)
    }
}

/// Options that every program has, and that mean nothing in a file.
const BUILT_IN: [&str; 2] = ["help", "version"];

impl Entry<'_> {
    /// The option of a command that it names.
    pub(super) fn argument<'c>(&self, command: &'c Command) -> Option<&'c Arg> {
        let named = |argument: &&Arg| argument.get_long() == Some(self.name.as_str());
        command.get_arguments().find(named).filter(|_| !BUILT_IN.contains(&self.name.as_str()))
    }

    /// What the value has to be, if it is not.
    fn wanted(&self, argument: &Arg) -> Option<&'static str> {
        let is_list = matches!(argument.get_action(), ArgAction::Append)
            || argument.get_num_args().is_some_and(|count| count.max_values() > 1);
        let is_flag = !argument.get_action().takes_values();
        let is_plain = |value: &DeValue<'_>| value.is_str() || value.is_integer();
        match &self.value {
            _ if is_flag => (!self.value.is_bool()).then_some("true or false"),
            DeValue::Array(items) if is_list => {
                let plain = items.iter().all(|item| is_plain(item.get_ref()));
                (!plain).then_some("a list of texts or numbers")
            }
            DeValue::Boolean(_) if argument.get_num_args().is_some_and(|count| count.min_values() == 0) => {
                None
            }
            value if is_plain(value) => None,
            _ if is_list => Some("a text, a number, or a list of these"),
            _ => Some("a text or a number"),
        }
    }
}

fn values(value: &DeValue<'_>) -> Vec<Option<String>> {
    match value {
        DeValue::Boolean(true) => vec![None],
        DeValue::Array(items) => items.iter().flat_map(|item| values(item.get_ref())).collect(),
        DeValue::String(text) => vec![Some(text.clone().into_owned())],
        DeValue::Integer(number) => vec![Some(number.as_str().to_owned())],
        _ => Vec::new(),
    }
}

fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}
