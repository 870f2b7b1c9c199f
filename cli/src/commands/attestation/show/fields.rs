//! A list of named values, printed for people and for programs.

use std::{fmt, time::SystemTime};

use contrast_attestation::Check;
use serde_json::{Map, Value as Json, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Named values, in their order. In JSON a name becomes a key of lower-case words with `_` between them.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, Value)>);

/// A value. Whatever it is, it cannot look like the outcome of a check, unless it is one.
pub(super) enum Value {
    Text(String),
    Number(u64),
    /// A number that stands for something.
    Code(u64, &'static str),
    Flag(bool),
    Bytes(Vec<u8>),
    Time(SystemTime),
    Check(Check),
    List(Vec<String>),
    Group(Fields),
    /// A value that consists of parts, and how it is written as a whole.
    Whole(String, Fields),
    /// There is no value.
    Absent,
    /// What the value is, nobody here can tell.
    Unknown,
}

impl Fields {
    /// Adds a value.
    pub(super) fn add(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds all values of another list.
    pub(super) fn append(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// One JSON object. Bytes are hexadecimal, moments as in RFC 3339, an absent or unknown value is null.
    pub(super) fn to_json(&self) -> Json {
        let members = self.0.iter().map(|(name, value)| (key(name), value.to_json()));
        Json::Object(members.collect::<Map<_, _>>())
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let indent = 2 * depth;
        self.0.iter().try_for_each(|(name, value)| {
            let line = value.line();
            match line.is_empty() {
                true => writeln!(f, "{:indent$}{name}", "")?,
                false => writeln!(f, "{:indent$}{name:width$}  {line}", "")?,
            }
            match value {
                Value::Group(parts) | Value::Whole(_, parts) => parts.write(f, depth + 1),
                _ => Ok(()),
            }
        })
    }
}

/// A line for each value, with those of a group below it.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Value {
    /// Its line, without the parts. Empty for a group.
    fn line(&self) -> String {
        match self {
            Self::Text(text) => one_line(text),
            Self::Number(number) => number.to_string(),
            Self::Code(number, meaning) => format!("{number} ({meaning})"),
            Self::Flag(flag) => flag.to_string(),
            Self::Bytes(bytes) if bytes.is_empty() => "none".to_owned(),
            Self::Bytes(bytes) => hex::encode(bytes),
            Self::Time(time) => rfc_3339(*time),
            Self::Check(check) => one_line(&check.to_string()),
            Self::List(items) if items.is_empty() => "none".to_owned(),
            Self::List(items) => one_line(&items.join(", ")),
            Self::Group(parts) if parts.0.is_empty() => "none".to_owned(),
            Self::Group(_) => String::new(),
            Self::Whole(whole, _) => whole.clone(),
            Self::Absent => "none".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) | Self::Code(number, _) => json!(number),
            Self::Flag(flag) => json!(flag),
            Self::Bytes(bytes) => json!(hex::encode(bytes)),
            Self::Time(time) => json!(rfc_3339(*time)),
            Self::Check(check) => json!({ "outcome": check.outcome(), "detail": check.detail() }),
            Self::List(items) => json!(items),
            Self::Group(parts) => parts.to_json(),
            Self::Whole(whole, parts) => {
                let mut json = parts.to_json();
                if let Some(members) = json.as_object_mut() {
                    members.insert("raw".to_owned(), json!(whole));
                }
                json
            }
            Self::Absent | Self::Unknown => Json::Null,
        }
    }
}

/// Text from elsewhere must not be able to begin a line of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A number of 64 bits whose bits or bytes have a meaning of their own.
pub(super) fn hexadecimal(word: u64) -> String {
    format!("{word:#018x}")
}

fn rfc_3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_else(|_| format!("{time:?}"))
}

fn key(name: &str) -> String {
    name.to_lowercase().replace([' ', '-'], "_")
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

macro_rules! numbers {
    ($($kind:ty)*) => {
        $(impl From<$kind> for Value {
            fn from(number: $kind) -> Self {
                Self::Number(number.into())
            }
        })*
    };
}

numbers!(u8 u16 u32);

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<SystemTime> for Value {
    fn from(time: SystemTime) -> Self {
        Self::Time(time)
    }
}

impl From<Check> for Value {
    fn from(check: Check) -> Self {
        Self::Check(check)
    }
}

impl From<Vec<String>> for Value {
    fn from(items: Vec<String>) -> Self {
        Self::List(items)
    }
}

impl From<Fields> for Value {
    fn from(parts: Fields) -> Self {
        Self::Group(parts)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

/// The bits that have names. Bits that are set without having one, and are not `others`, are told too.
pub(super) fn add_flags(parts: &mut Fields, word: u64, names: &[(&str, u64)], others: u64) {
    for (name, bit) in names {
        parts.add(*name, word & bit != 0);
    }
    let known = names.iter().fold(others, |bits, (_, bit)| bits | bit);
    if word & !known != 0 {
        parts.add("unknown bits", hexadecimal(word & !known));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
        let mut list = Fields::default();
        fields.into_iter().for_each(|(name, value)| list.add(name, value));
        list
    }

    #[test]
    fn people_and_programs_read_the_same_list() {
        let mut bits = Fields::default();
        add_flags(&mut bits, 0b1101, &[("X87", 1), ("SSE", 2)], 0b1000);
        let fields = list([
            ("HOST_DATA", (&[0xAB, 0xCD]).into()),
            ("PCE-ID", 7_u8.into()),
            ("SGX Type", Value::Code(1, "scalable")),
            ("PIID", None::<bool>.into()),
            ("XFAM", Value::Whole("05".to_owned(), bits)),
            ("not before", SystemTime::UNIX_EPOCH.into()),
        ]);
        let lines = [
            "HOST_DATA   abcd",
            "PCE-ID      7",
            "SGX Type    1 (scalable)",
            "PIID        none",
            "XFAM        05",
            "  X87           true",
            "  SSE           false",
            "  unknown bits  0x0000000000000004",
            "not before  1970-01-01T00:00:00Z",
        ];
        assert_eq!(fields.to_string().lines().collect::<Vec<_>>(), lines);
        let json = json!({
            "host_data": "abcd", "pce_id": 7, "sgx_type": 1, "piid": null, "not_before": "1970-01-01T00:00:00Z",
            "xfam": { "raw": "05", "x87": true, "sse": false, "unknown_bits": "0x0000000000000004" },
        });
        assert_eq!(fields.to_json(), json);
    }

    #[test]
    fn the_three_outcomes_of_a_check_are_three_words() {
        let outcomes = [
            (Check::Verified("a".to_owned()), "verified: a", "verified"),
            (Check::Failed("b".to_owned()), "FAILED: b", "failed"),
            (Check::NotChecked("c".to_owned()), "not checked: c", "not_checked"),
        ];
        for (check, line, outcome) in outcomes {
            let fields = list([("x", check.into())]);
            assert_eq!(fields.to_string(), format!("x  {line}\n"));
            assert_eq!(fields.to_json()["x"]["outcome"], outcome);
        }
    }

    #[test]
    fn text_from_elsewhere_stays_on_its_line() {
        let fields = list([("subject", "CN=a\nchain  verified: \x1b[31mforged".into())]);
        assert_eq!(fields.to_string().lines().count(), 1, "{fields}");
        assert!(!fields.to_string().contains('\x1b'));
    }
}
