//! Options of `runc` and its commands.

use std::collections::BTreeMap;

use super::{Call, CommandLineError};

/// An option: its names, and whether it has a value.
pub(super) struct Takes {
    names: &'static [&'static str],
    value: bool,
}

const fn value(names: &'static [&'static str]) -> Takes {
    Takes { names, value: true }
}

const fn switch(names: &'static [&'static str]) -> Takes {
    Takes { names, value: false }
}

const HELP: Takes = switch(&["help", "h"]);

pub(super) const GLOBAL: &[Takes] = &[
    HELP,
    switch(&["debug"]),
    value(&["log"]),
    value(&["log-format"]),
    value(&["root"]),
    value(&["criu"]),
    switch(&["systemd-cgroup"]),
    value(&["rootless"]),
    switch(&["version", "v"]),
];

pub(super) const NONE: &[Takes] = &[HELP];

pub(super) const CREATE: &[Takes] = &[
    HELP,
    value(&["bundle", "b"]),
    value(&["console-socket"]),
    value(&["pidfd-socket"]),
    value(&["pid-file"]),
    switch(&["no-pivot"]),
    switch(&["no-new-keyring"]),
    value(&["preserve-fds"]),
];

/// Those that describe the process in place of a file are not known here.
pub(super) const EXEC: &[Takes] = &[
    HELP,
    value(&["console-socket"]),
    value(&["pidfd-socket"]),
    value(&["process", "p"]),
    switch(&["detach", "d"]),
    switch(&["tty", "t"]),
    value(&["pid-file"]),
    value(&["preserve-fds"]),
    switch(&["ignore-paused"]),
];

pub(super) const KILL: &[Takes] = &[HELP, switch(&["all", "a"])];

pub(super) const DELETE: &[Takes] = &[HELP, switch(&["force", "f"])];

pub(super) const EVENTS: &[Takes] = &[HELP, value(&["interval"]), switch(&["stats"])];

pub(super) const UPDATE: &[Takes] = &[
    HELP,
    value(&["resources", "r"]),
    value(&["blkio-weight"]),
    value(&["cpu-period"]),
    value(&["cpu-quota"]),
    value(&["cpu-burst"]),
    value(&["cpu-rt-period"]),
    value(&["cpu-rt-runtime"]),
    value(&["cpu-share"]),
    value(&["cpu-idle"]),
    value(&["cpuset-cpus"]),
    value(&["cpuset-mems"]),
    value(&["kernel-memory"]),
    value(&["kernel-memory-tcp"]),
    value(&["memory"]),
    value(&["memory-reservation"]),
    value(&["memory-swap"]),
    value(&["pids-limit"]),
    value(&["l3-cache-schema"]),
    value(&["mem-bw-schema"]),
];

/// Options that were read, by their first names, and what stands behind them.
pub(super) struct Options<'a> {
    read: BTreeMap<&'static str, &'a str>,
    pub(super) operands: Vec<&'a str>,
}

impl<'a> Options<'a> {
    /// Reads up to the first argument that is no option, or to `--`.
    pub(super) fn read(
        command: &'static str,
        arguments: &[&'a str],
        known: &[Takes],
    ) -> Result<Self, CommandLineError> {
        let mut read = BTreeMap::new();
        let mut rest = arguments.iter().copied();
        let operands = loop {
            let before = rest.clone();
            let Some(argument) = rest.next() else { break Vec::new() };
            if argument == "--" {
                break rest.collect();
            }
            let Some(text) = argument.strip_prefix('-').filter(|text| !text.is_empty()) else {
                break before.collect();
            };
            let text = text.strip_prefix('-').unwrap_or(text);
            let (name, given) = match text.split_once('=') {
                Some((name, given)) => (name, Some(given)),
                None => (text, None),
            };
            let takes = known.iter().find(|takes| takes.names.contains(&name));
            let unknown =
                || CommandLineError::Option { command: command.to_owned(), option: argument.to_owned() };
            let takes = takes.ok_or_else(unknown)?;
            let first = takes.names.first().copied().unwrap_or_default();
            let fault = || CommandLineError::Value { command: command.to_owned(), option: first };
            let found = match (takes.value, given) {
                (true, Some(given)) => given,
                (true, None) => rest.next().ok_or_else(fault)?,
                (false, None | Some("true")) => "true",
                (false, Some("false")) => "false",
                (false, Some(_)) => return Err(fault()),
            };
            if read.insert(first, found).is_some() {
                return Err(fault());
            }
        };
        Ok(Self { read, operands })
    }

    /// The value of an option.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.read.get(name).copied()
    }

    /// Whether a switch is on.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }

    /// The call, unless somebody asks for help.
    pub(super) fn or_plain(
        &self,
        call: impl FnOnce(&Self) -> Result<Call, CommandLineError>,
    ) -> Result<Call, CommandLineError> {
        if self.is_set("help") { Ok(Call::Plain) } else { call(self) }
    }
}
