//! JSON that stays text. A value is taken apart one level at a time, when somebody asks for that level, and no more of it
//! than was asked for: what a text costs is bounded by what its reader takes out, whatever the text holds besides.

mod nesting;
mod parts;
mod path;

use std::borrow::Cow;

use serde_json::value::RawValue;

pub use nesting::Place;
pub(crate) use nesting::too_deep;
pub(crate) use parts::{Member, Parts};
pub use path::JsonPath;

/// One JSON value (RFC 8259), still as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json<'a>(&'a str);

/// A string with an escape that stands for no character: one half of a surrogate pair.
#[derive(Debug)]
pub(crate) struct NoText;

/// Finds that a text is one JSON value. Copies nothing; how deep it may nest is for [`too_deep`] to say.
pub(crate) fn parse(text: &str) -> Result<Json<'_>, serde_json::Error> {
    serde_json::from_str::<&RawValue>(text).map(Json::of)
}

impl<'a> Json<'a> {
    fn of(raw: &'a RawValue) -> Self {
        Self(raw.get())
    }

    /// What the value is, for messages.
    pub(crate) fn kind(self) -> &'static str {
        match self.0.as_bytes().first() {
            Some(b'n') => "null",
            Some(b't' | b'f') => "a boolean",
            Some(b'"') => "a string",
            Some(b'[') => "a list",
            Some(b'{') => "an object",
            _ if self.integer().is_some() => "an integer",
            _ => "a fractional or very large number",
        }
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(crate) fn boolean(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A number that is an integer of at most 64 bits.
    pub(crate) fn integer(self) -> Option<i128> {
        let unsigned = serde_json::from_str::<u64>(self.0).map(i128::from);
        unsigned.or_else(|_| serde_json::from_str::<i64>(self.0).map(i128::from)).ok()
    }

    /// A string. `None` for another kind of value.
    pub(crate) fn text(self) -> Option<Result<Cow<'a, str>, NoText>> {
        let quoted = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if !quoted.contains('\\') {
            return Some(Ok(Cow::Borrowed(quoted)));
        }
        Some(serde_json::from_str(self.0).map(Cow::Owned).map_err(|_| NoText))
    }

    /// The first `most` elements of a list. `None` for another kind of value.
    pub(crate) fn elements(self, most: usize) -> Option<Parts<Json<'a>>> {
        self.0.starts_with('[').then(|| parts::elements(self.0, most))
    }

    /// The first `most` members of an object, in the order of the text; a name can come up more than once. `None` for
    /// another kind of value.
    pub(crate) fn members(self, most: usize) -> Option<Result<Parts<Member<'a>>, NoText>> {
        self.0.starts_with('{').then(|| parts::members(self.0, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_members_and_their_order_survive() {
        let members = parse(r#"{"b":1,"a\n":2,"b":3}"#).unwrap().members(9).unwrap().unwrap();
        let names: Vec<_> = members.first.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["b", "a\n", "b"]);
    }

    #[test]
    fn no_more_parts_are_kept_than_asked_for_but_all_are_counted() {
        let list = parse("[1,[2],{}]").unwrap().elements(2).unwrap();
        assert_eq!((list.first.len(), list.found), (2, 3));
        let object = parse(r#"{"a":1,"b":2,"c":[3]}"#).unwrap().members(1).unwrap().unwrap();
        assert_eq!((object.first.len(), object.found), (1, 3));
    }

    #[test]
    fn integers_keep_every_digit() {
        let integer = |text| parse(text).unwrap().integer();
        assert_eq!(integer("18446744073709551615"), Some(u64::MAX.into()));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN.into()));
        for fraction in ["1.0", "18446744073709551616", "-0", "1e999"] {
            assert_eq!(integer(fraction), None, "{fraction}");
            assert_eq!(parse(fraction).unwrap().kind(), "a fractional or very large number");
        }
    }

    #[test]
    fn escapes_are_resolved_and_half_characters_told() {
        let text = |json| parse(json).unwrap().text().unwrap();
        assert_eq!(text(r#""a\u00e9\"""#).unwrap(), "aé\"");
        assert!(text(r#""\ud800""#).is_err());
        assert!(parse(r#"{"\ud800":1}"#).unwrap().members(9).unwrap().is_err());
    }

    #[test]
    fn what_is_not_json_is_an_error_with_its_place() {
        for (text, place) in
            [("{\"a\":\n 1,}", "line 2 column 4"), ("[1] 2", "line 1 column 5"), ("\"a", "column 2")]
        {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
    }
}
