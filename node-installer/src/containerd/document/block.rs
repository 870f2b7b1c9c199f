//! Lines between two comments.

use toml::{Table, Value};
use toml_edit::{DocumentMut, Item};

fn begin(name: &str) -> String {
    format!("# BEGIN {name} (written by Contrast's node-installer, which also removes it)")
}

fn end(name: &str) -> String {
    format!("# END {name}")
}

/// A runtime's table, as lines.
pub(in crate::containerd) fn lines(path: &[&str], table: &Table, version: Option<&Value>) -> String {
    let mut document = DocumentMut::new();
    if let Some(version) = version.and_then(Value::as_integer) {
        document.insert("version", toml_edit::value(version));
    }
    // The document was empty: everything on the way is a new table.
    let _ = super::put(&mut document, path, table);
    document.to_string()
}

/// The editor's form of a table of the reader.
pub(in crate::containerd) fn item(table: &Table) -> Option<Item> {
    let text: DocumentMut = toml::to_string(table).ok()?.parse().ok()?;
    Some(Item::Table(text.as_table().clone()))
}

/// A text with a block at its end. The line break before the block belongs to it, whatever the text ends with.
pub(in crate::containerd) fn append(text: &str, name: &str, lines: &str) -> String {
    let lead = if text.is_empty() { "" } else { "\n" };
    let block = format!("{lead}{}\n{}\n{}\n", begin(name), lines.trim_end(), end(name));
    if text.contains("\r\n") {
        text.to_owned() + &block.replace('\n', "\r\n")
    } else {
        text.to_owned() + &block
    }
}

/// A text without a block; nothing if it has none.
pub(in crate::containerd) fn cut(text: &str, name: &str) -> Option<String> {
    let (begin, end) = (begin(name), end(name));
    let start = lines_of(text).filter(|(_, line)| *line == begin).last()?.0;
    let last = lines_of(text).find(|(at, line)| *at > start && *line == end)?.0;
    let before = text.get(..start)?;
    let before = before.strip_suffix('\n').map_or(before, |rest| rest.strip_suffix('\r').unwrap_or(rest));
    let after = text.get(last..)?.split_once('\n').map_or("", |(_, rest)| rest);
    Some(format!("{before}{after}"))
}

/// All lines, and where they are.
fn lines_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |next, line| {
        let at = *next;
        *next += line.len();
        Some((at, line.trim_end_matches(['\r', '\n'])))
    })
}
