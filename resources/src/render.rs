//! Values as text, for what is written into a file.

use serde_json::{Map, Value};

use crate::scalar;

/// Deeper levels are indented by so many blanks.
pub(crate) const STEP: usize = 2;

/// A collection in block style, its first line without indentation, the others by `indent` blanks; or, if there is
/// nothing in it or it is no collection, in one line.
pub(crate) fn block(value: &Value, indent: usize, line_end: &str) -> String {
    let separator = format!("{line_end}{:indent$}", "");
    match value {
        Value::Object(map) if !map.is_empty() => {
            let entries = ordered(map).into_iter().map(|(key, value)| entry(key, value, indent, line_end));
            entries.collect::<Vec<_>>().join(&separator)
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(|value| item(value, indent, line_end)).collect::<Vec<_>>().join(&separator)
        }
        other => flow(other),
    }
}

/// `key: value`, where the key stands in column `indent`.
pub(crate) fn entry(key: &str, value: &Value, indent: usize, line_end: &str) -> String {
    let key = text(key);
    if is_block(value) {
        let indent = indent + STEP;
        format!("{key}:{line_end}{:indent$}{}", "", block(value, indent, line_end))
    } else {
        format!("{key}: {}", flow(value))
    }
}

/// `- value`, where the dash stands in column `indent`.
pub(crate) fn item(value: &Value, indent: usize, line_end: &str) -> String {
    format!("- {}", block(value, indent + STEP, line_end))
}

/// Whether a value takes lines of its own.
pub(crate) fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// In one line, valid as YAML and, but for unquoted text, as JSON.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        other => json(other, None),
    }
}

/// As JSON: in one line, or over several, the lines after the first indented by `indent` blanks.
pub(crate) fn json(value: &Value, indent: Option<(usize, &str)>) -> String {
    let deeper = indent.map(|(columns, line_end)| (columns + STEP, line_end));
    let (first, between, last) = match (indent, deeper) {
        (Some((columns, line_end)), Some((inner, _))) => (
            format!("{line_end}{:inner$}", ""),
            format!(",{line_end}{:inner$}", ""),
            format!("{line_end}{:columns$}", ""),
        ),
        _ => (String::new(), ", ".to_owned(), String::new()),
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            let entries = ordered(map).into_iter();
            let entries = entries.map(|(key, value)| format!("{}: {}", quoted(key), json(value, deeper)));
            format!("{{{first}{}{last}}}", entries.collect::<Vec<_>>().join(&between))
        }
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().map(|value| json(value, deeper));
            format!("[{first}{}{last}]", items.collect::<Vec<_>>().join(&between))
        }
        Value::String(string) => quoted(string),
        other => other.to_string(),
    }
}

/// Text, in quotation marks where any reader of YAML might take it for something else.
pub(crate) fn text(string: &str) -> String {
    let begins = |first: u8| first.is_ascii_alphabetic() || matches!(first, b'/' | b'_');
    let goes_on = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.' | b'+' | b'=' | b'@')
    };
    let plain =
        string.bytes().next().is_some_and(begins) && string.bytes().all(goes_on) && scalar::is_text(string);
    if plain { string.to_owned() } else { quoted(string) }
}

/// Text in double quotation marks, as JSON and YAML have them in common.
pub(crate) fn quoted(string: &str) -> String {
    let mut out = String::with_capacity(string.len() + 2);
    out.push('"');
    for character in string.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Not printable in YAML (section 5.1), or a line break to some readers.
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// What people look for first comes first, then the alphabet.
pub(crate) fn ordered(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    const FIRST: [&str; 6] = ["apiVersion", "kind", "metadata", "name", "image", "spec"];
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| {
        (FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()), key.as_str())
    });
    entries
}
