//! One file of containerd's configuration: what it says, and the smallest change of its text.
//!
//! A runtime is a block of lines at the end, between two comments, so that nothing else in the file changes and taking the block away
//! leaves the very bytes of before. Where a file has a form to which no block can be added (a table in one line), or where
//! another program has written it anew without our comments, the runtime's table alone is changed.

pub(super) mod block;

use toml::{Table, Value};
use toml_edit::{DocumentMut, InlineTable, Item};

use super::runtime::Runtime;

/// A file of containerd's configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    text: String,
    value: Table,
}

/// Why a file is left alone.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum DocumentError {
    /// Other bytes than text.
    #[error("it is no text")]
    NotText,
    /// No TOML.
    #[error("it is no TOML: {0}")]
    Syntax(String),
    /// A form of configuration before the first that Kubernetes' present versions work with.
    #[error(
        "it has no `version`, and so the form of containerd 1.2; `containerd config migrate` prints it in the present form"
    )]
    Old,
    /// A form that this program does not know.
    #[error("it has version {0}, and this program knows 2, 3 and 4; take a newer release")]
    Version(String),
    /// Something is not the table that it has to be.
    #[error("`{0}` is not a table")]
    Shape(String),
    /// Kubernetes cannot use this containerd.
    #[error(
        "it disables containerd's part for Kubernetes (`disabled_plugins`), so kubelet does not use this containerd"
    )]
    Disabled,
    /// The change would change something else, too.
    #[error(
        "it has a form that cannot be changed without changing something else; add the runtime by hand, as docs/nodes.md shows"
    )]
    Unchangeable,
}

/// The part of containerd that runs pods, in version 2.
const CRI_2: &str = "io.containerd.grpc.v1.cri";
/// The same in versions 3 and 4, which ignore a runtime under the other name.
const CRI_3: &str = "io.containerd.cri.v1.runtime";

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is no TOML.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DocumentError::NotText)?;
        let value = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().map(|span| text.get(..span.start).unwrap_or_default());
            let line = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
            let line = line.unwrap_or_default();
            DocumentError::Syntax(format!("{line}{}", error.message()))
        })?;
        Ok(Self { text: text.to_owned(), value })
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The version that it says, if it does.
    #[must_use]
    pub fn version(&self) -> Option<&Value> {
        self.value.get("version")
    }

    /// Does it say nothing at all, but comments?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// Does it speak of any part of containerd?
    #[must_use]
    pub fn has_plugins(&self) -> bool {
        self.value.contains_key("plugins")
    }

    /// The names of files that it imports, as they stand there.
    #[must_use]
    pub fn imports(&self) -> Vec<&str> {
        let list = self.value.get("imports").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Where containerd listens, if it says so.
    #[must_use]
    pub fn socket(&self) -> Option<&str> {
        self.value.get("grpc")?.get("address")?.as_str()
    }

    /// Does it speak of the part that runs pods?
    #[must_use]
    pub fn has_cri(&self, default: Option<&Value>) -> bool {
        self.key(default).is_ok_and(|key| self.cri(key).is_some())
    }

    /// Whether the node's own runtime leaves control groups to systemd, if it says so.
    #[must_use]
    pub fn systemd_cgroup(&self) -> Option<bool> {
        let containerd = [CRI_3, CRI_2].into_iter().find_map(|key| self.cri(key)?.get("containerd"))?;
        let default = containerd.get("default_runtime_name").and_then(Value::as_str).unwrap_or("runc");
        let runtimes = containerd.get("runtimes")?;
        let of = |name| runtimes.get(name)?.get("options")?.get("SystemdCgroup")?.as_bool();
        of(default).or_else(|| of("runc"))
    }

    /// The names of all runtimes.
    #[must_use]
    pub fn runtimes(&self) -> Vec<&str> {
        let tables = [CRI_3, CRI_2]
            .into_iter()
            .filter_map(|key| self.cri(key)?.get("containerd")?.get("runtimes")?.as_table());
        tables.flat_map(|table| table.keys().map(String::as_str)).collect()
    }

    /// What it says of a runtime.
    #[must_use]
    pub fn runtime(&self, name: &str) -> Option<&Value> {
        [CRI_3, CRI_2]
            .into_iter()
            .find_map(|key| self.cri(key)?.get("containerd")?.get("runtimes")?.get(name))
    }

    /// The text with a runtime. `default` is the version of a file that does not say it: the one that imports it, or containerd's own.
    ///
    /// # Errors
    /// If it cannot be added without changing anything else.
    pub fn with(&self, runtime: &Runtime, default: Option<&Value>) -> Result<Self, DocumentError> {
        let key = self.key(default)?;
        let disabled = self.value.get("disabled_plugins").and_then(Value::as_array);
        let is_cri = |name: &Value| name.as_str().is_some_and(|name| ["cri", CRI_2, CRI_3].contains(&name));
        if disabled.into_iter().flatten().any(is_cri) {
            return Err(DocumentError::Disabled);
        }
        let name = runtime.handler.name();
        let wanted = Value::Table(runtime.table.clone());
        let here = self.cri(key).and_then(|cri| cri.get("containerd")?.get("runtimes")?.get(name));
        if here == Some(&wanted) {
            return Ok(self.clone());
        }
        let bare = self.without(name)?;
        let path = path_of(key, name);
        let mut expected = bare.value.clone();
        insert(&mut expected, &path, wanted)?;
        // A file without any version and without anything else is given one. Among tables it would belong to the last one.
        let version = match (bare.version(), default) {
            (None, Some(version)) if bare.is_empty() => {
                expected.insert("version".to_owned(), version.clone());
                Some(version)
            }
            _ => None,
        };
        let lines = block::lines(&path, &runtime.table, version);
        let added = block::append(&bare.text, name, &lines);
        Self::expecting(&added, &expected)
            .or_else(|| {
                Self::expecting(&bare.edited(|document| put(document, &path, &runtime.table))?, &expected)
            })
            .ok_or(DocumentError::Unchangeable)
    }

    /// The text without a runtime, wherever it stands.
    ///
    /// # Errors
    /// If it cannot be removed without changing anything else.
    pub fn without(&self, name: &str) -> Result<Self, DocumentError> {
        let mut bare = self.clone();
        if let Some(cut) = block::cut(&self.text, name) {
            let mut expected = self.value.clone();
            remove(&mut expected, name);
            let cut = Self::parse(cut.as_bytes()).ok();
            // A version that came with the block goes with it.
            if cut.as_ref().is_some_and(Self::is_empty) {
                expected.remove("version");
            }
            let same = |cut: &Self| without_empty(&cut.value) == without_empty(&expected);
            // Comments that look like ours may mean nothing.
            bare = cut.filter(same).unwrap_or(bare);
        }
        if bare.runtime(name).is_none() {
            return Ok(bare);
        }
        let mut expected = bare.value.clone();
        remove(&mut expected, name);
        let edited = bare.edited(|document| {
            for key in [CRI_2, CRI_3] {
                let path = ["plugins", key, "containerd", "runtimes"];
                let parents = path
                    .into_iter()
                    .try_fold(document.as_item_mut(), |item, key| item.as_table_like_mut()?.get_mut(key));
                if let Some(runtimes) = parents.and_then(Item::as_table_like_mut) {
                    runtimes.remove(name);
                }
            }
            Some(())
        });
        let edited = edited.and_then(|text| Self::parse(text.as_bytes()).ok());
        let same = |edited: &Self| without_empty(&edited.value) == without_empty(&expected);
        edited.filter(same).ok_or(DocumentError::Unchangeable)
    }

    /// The keys that lead to a runtime, in the form of this file's version.
    pub(super) fn path_of<'a>(&self, runtime: &'a Runtime) -> Result<[&'a str; 5], DocumentError> {
        Ok(path_of(self.key(None)?, runtime.handler.name()))
    }

    /// The name of the part that runs pods, in this file's version.
    fn key(&self, default: Option<&Value>) -> Result<&'static str, DocumentError> {
        let version = match (self.version(), default) {
            (Some(version), _) => version,
            (None, Some(default)) => default,
            (None, None) => return Err(DocumentError::Old),
        };
        match version.as_integer() {
            Some(2) => Ok(CRI_2),
            Some(3 | 4) => Ok(CRI_3),
            Some(1) => Err(DocumentError::Old),
            _ => Err(DocumentError::Version(version.to_string())),
        }
    }

    fn cri(&self, key: &str) -> Option<&Value> {
        self.value.get("plugins")?.get(key)
    }

    /// The document that a text is, if it says what is expected.
    fn expecting(text: &str, expected: &Table) -> Option<Self> {
        Self::parse(text.as_bytes()).ok().filter(|document| document.value == *expected)
    }

    /// The text with a change that leaves the order and the comments alone.
    fn edited(&self, change: impl FnOnce(&mut DocumentMut) -> Option<()>) -> Option<String> {
        let mut document: DocumentMut = self.text.parse().ok()?;
        change(&mut document)?;
        let text = document.to_string();
        // The editor ends lines as Unix does.
        Some(if self.text.contains("\r\n") { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text })
    }
}

fn path_of<'a>(key: &'a str, name: &'a str) -> [&'a str; 5] {
    ["plugins", key, "containerd", "runtimes", name]
}

fn put(document: &mut DocumentMut, path: &[&str], table: &Table) -> Option<()> {
    let (name, parents) = path.split_last()?;
    let mut item = document.as_item_mut();
    for parent in parents {
        // What is in braces can hold nothing but what is in braces.
        let inline = item.is_inline_table();
        item = item.as_table_like_mut()?.entry(parent).or_insert_with(|| {
            if inline {
                return Item::Value(InlineTable::new().into());
            }
            let mut table = toml_edit::Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
    }
    item.as_table_like_mut()?.insert(name, block::item(table)?);
    Some(())
}

fn insert(table: &mut Table, path: &[&str], value: Value) -> Result<(), DocumentError> {
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut table = table;
    let mut done = Vec::new();
    for parent in parents {
        done.push(*parent);
        let next = table.entry(*parent).or_insert_with(|| Value::Table(Table::new()));
        table = next.as_table_mut().ok_or_else(|| DocumentError::Shape(done.join(".")))?;
    }
    table.insert((*last).to_owned(), value);
    Ok(())
}

fn remove(table: &mut Table, name: &str) {
    for key in [CRI_2, CRI_3] {
        let cri = table.get_mut("plugins").and_then(|plugins| plugins.get_mut(key));
        let runtimes = cri.and_then(|cri| cri.get_mut("containerd")?.get_mut("runtimes")?.as_table_mut());
        if let Some(runtimes) = runtimes {
            runtimes.remove(name);
        }
    }
}

/// Tables that only exist because something is in them are gone when nothing is.
fn without_empty(table: &Table) -> Table {
    let mut kept = Table::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => {
                let inner = without_empty(inner);
                if !inner.is_empty() {
                    kept.insert(name.clone(), inner.into());
                }
            }
            value => {
                kept.insert(name.clone(), value.clone());
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests;
