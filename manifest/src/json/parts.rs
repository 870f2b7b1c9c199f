//! One level of a list or an object.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Json, NoText};

/// Elements or members.
#[derive(Debug)]
pub(crate) struct Parts<T> {
    /// The first of them, as many as were asked for.
    pub(crate) first: Vec<T>,
    /// How many there are.
    pub(crate) found: usize,
}

/// The elements of a JSON text that is known to be a list.
pub(super) fn elements(list: &str, most: usize) -> Parts<Json<'_>> {
    let mut deserializer = serde_json::Deserializer::from_str(list);
    // The text was read as a whole before, so that nothing in it can be wrong.
    deserializer.deserialize_seq(Elements { most }).unwrap_or(Parts { first: Vec::new(), found: 0 })
}

/// A member of an object: its name, with escapes resolved, and its value.
pub(crate) type Member<'a> = (Cow<'a, str>, Json<'a>);

/// The members of a JSON text that is known to be an object.
pub(super) fn members(object: &str, most: usize) -> Result<Parts<Member<'_>>, NoText> {
    // The text was read as a whole before; only its names were not looked into.
    serde_json::Deserializer::from_str(object).deserialize_map(Members { most }).map_err(|_| NoText)
}

struct Elements {
    most: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Parts<Json<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut parts = Parts { first: Vec::new(), found: 0 };
        while parts.first.len() < self.most {
            let Some(raw) = items.next_element::<&RawValue>()? else { return Ok(parts.counted()) };
            parts.first.push(Json::of(raw));
        }
        let mut parts = parts.counted();
        while items.next_element::<IgnoredAny>()?.is_some() {
            parts.found += 1;
        }
        Ok(parts)
    }
}

struct Members {
    most: usize,
}

impl<'de> Visitor<'de> for Members {
    type Value = Parts<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut parts = Parts { first: Vec::new(), found: 0 };
        while parts.first.len() < self.most {
            let Some((Name(name), raw)) = entries.next_entry::<Name<'de>, &RawValue>()? else {
                return Ok(parts.counted());
            };
            parts.first.push((name, Json::of(raw)));
        }
        let mut parts = parts.counted();
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            parts.found += 1;
        }
        Ok(parts)
    }
}

impl<T> Parts<T> {
    fn counted(self) -> Self {
        Self { found: self.first.len(), ..self }
    }
}

/// The name of a member, borrowed from the text where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}
