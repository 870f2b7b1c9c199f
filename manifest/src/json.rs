//! JSON as it was written: member order, repeated members and integers survive.

mod path;

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

pub use path::JsonPath;

/// One JSON value (RFC 8259).
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    /// A number that is an integer of at most 64 bits.
    Integer(i128),
    /// Any other number.
    Fraction(f64),
    Text(String),
    Array(Vec<Json>),
    /// Members in the order of the text; a name can come up more than once.
    Object(Vec<(String, Json)>),
}

/// Reads one JSON text. Nesting is limited to 128 levels.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::from_slice(bytes)
}

impl Json {
    /// What the value is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Fraction(_) => "a fractional or very large number",
            Self::Text(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Fraction(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_members_and_their_order_survive() {
        let tree = parse(br#"{"b":1,"a":2,"b":3}"#).unwrap();
        let Json::Object(members) = tree else { panic!("{tree:?}") };
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a", "b"]);
    }

    #[test]
    fn integers_keep_every_digit() {
        assert_eq!(parse(b"18446744073709551615").unwrap(), Json::Integer(u64::MAX.into()));
        assert_eq!(parse(b"-9223372036854775808").unwrap(), Json::Integer(i64::MIN.into()));
        assert_eq!(parse(b"1.0").unwrap(), Json::Fraction(1.0));
    }

    #[test]
    fn nesting_without_end_is_an_error_and_not_a_crash() {
        let deep = vec![b'['; 100_000];
        assert!(parse(&deep).unwrap_err().to_string().contains("recursion limit"));
    }
}
