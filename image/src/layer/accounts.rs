//! What layers say about `/etc/passwd` and `/etc/group` (OCI image specification, "Layer", for whiteouts).

use serde::{Deserialize, Serialize};

use super::{AccountsError, LayerFacts};
use crate::{
    tar::{Entry, Input, Kind, Reader, TarError},
    users::Accounts,
};

/// Something for each of the two files.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Files<T> {
    passwd: T,
    group: T,
}

/// What a layer, or some of the upper ones, make of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Trace {
    /// Nothing: layers below decide.
    #[default]
    Untouched,
    /// It is not there, whatever layers below have.
    Hidden,
    /// It is there.
    Text(#[serde(with = "hex::serde")] Vec<u8>),
    /// It is longer than any real one.
    TooLong,
    /// It, or the directory, is a link, or something else than a file.
    NoFile,
}

/// A thousand users need a tenth of it.
const MAX_FILE: u64 = 1 << 20;
const DIRECTORY: &[u8] = b"etc";
const PASSWD: &[u8] = b"passwd";
const GROUP: &[u8] = b"group";
const OPAQUE: &[u8] = b".wh..wh..opq";
const WHITEOUT: &[u8] = b".wh.";

impl Files<Trace> {
    pub(super) fn is_decided(&self) -> bool {
        ![&self.passwd, &self.group].contains(&&Trace::Untouched)
    }

    /// Adds what the next lower layer says.
    pub(super) fn add_below(&mut self, layer: LayerFacts) {
        let Some(Files { passwd, group }) = layer.accounts else { return };
        for (upper, lower) in [(&mut self.passwd, passwd), (&mut self.group, group)] {
            if *upper == Trace::Untouched {
                *upper = lower;
            }
        }
    }

    pub(super) fn accounts(self) -> Result<Accounts, AccountsError> {
        let text = |trace, file| match trace {
            Trace::Text(text) => Ok(Some(text)),
            Trace::Hidden | Trace::Untouched => Ok(None),
            Trace::TooLong => Err(AccountsError::TooLong { file }),
            Trace::NoFile => Err(AccountsError::NoFile { file }),
        };
        let (passwd, group) = (text(self.passwd, "/etc/passwd")?, text(self.group, "/etc/group")?);
        Ok(Accounts::parse(passwd.as_deref(), group.as_deref()))
    }
}

/// Goes through one layer.
#[derive(Default)]
pub(super) struct Scan(Files<Trace>);

impl Scan {
    /// Takes note of the next entry, and reads its content if it is one of the two files.
    pub(super) fn see<R: Input>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<(), TarError> {
        let Some(parts) = entry.parts() else { return Ok(()) };
        match *parts.as_slice() {
            // Hides what is below, but not what this layer has, whichever comes first.
            [OPAQUE] | [DIRECTORY, OPAQUE] => self.both(|trace| {
                if *trace == Trace::Untouched {
                    *trace = Trace::Hidden;
                }
            }),
            [DIRECTORY] => match &entry.kind {
                Kind::Directory => {}
                Kind::Symlink { .. } => self.both(|trace| *trace = Trace::NoFile),
                _ => self.both(|trace| *trace = Trace::Hidden),
            },
            // Takes away what stands there when it is unpacked.
            [name] if name.strip_prefix(WHITEOUT) == Some(DIRECTORY) => {
                self.both(|trace| *trace = Trace::Hidden);
            }
            [DIRECTORY, name] => {
                if let Some(trace) = name.strip_prefix(WHITEOUT).and_then(|name| self.file(name)) {
                    *trace = Trace::Hidden;
                } else if let Some(trace) = self.file(name) {
                    *trace = match &entry.kind {
                        Kind::File => reader.read_content(MAX_FILE)?.map_or(Trace::TooLong, Trace::Text),
                        _ => Trace::NoFile,
                    };
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Files<Trace> {
        self.0
    }

    fn both(&mut self, change: impl Fn(&mut Trace)) {
        change(&mut self.0.passwd);
        change(&mut self.0.group);
    }

    fn file(&mut self, name: &[u8]) -> Option<&mut Trace> {
        match name {
            PASSWD => Some(&mut self.0.passwd),
            GROUP => Some(&mut self.0.group),
            _ => None,
        }
    }
}
