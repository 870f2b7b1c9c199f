//! A JSON value together with its path, and the readers of single values.
//!
//! A reader that gives `None` has added a fault.

use std::{borrow::Cow, collections::HashSet};

use crate::{
    JsonPath, Limit, Problem,
    error::Faults,
    json::{Json, Member},
};

/// Names that were or are mistaken for others, in present and older documentation.
const OFTEN_MISTAKEN: &[(&str, &str)] =
    &[("seedshareownerkeys", "SeedshareOwnerPubKeys"), ("rtrms", "Rtmrs")];

/// A value and where it stands.
pub(super) struct At<'a> {
    pub(super) value: Json<'a>,
    pub(super) path: JsonPath,
}

impl<'a> At<'a> {
    pub(super) fn top(value: Json<'a>) -> Self {
        Self { value, path: JsonPath::default() }
    }

    /// Number of elements, if it is a list.
    pub(super) fn count(&self) -> Option<usize> {
        self.value.elements(0).map(|elements| elements.found)
    }

    /// Number of elements; 0 if it is no list.
    pub(super) fn len(&self) -> usize {
        self.count().unwrap_or(0)
    }

    /// The members of an object that may have the members `known` only.
    pub(super) fn object(&self, known: &[&'static str], faults: &mut Faults) -> Option<Members<'a>> {
        let members = self.members(Limit::Members, JsonPath::field, faults)?;
        for (name, _) in &members {
            if !known.contains(&name.as_ref()) {
                faults.add(
                    &self.path.field(name),
                    Problem::UnknownField { suggestion: suggestion(name, known) },
                );
            }
        }
        Some(Members { members, path: self.path.clone() })
    }

    /// The entries of an object with arbitrary keys, at most `limit`.
    pub(super) fn entries(
        &self,
        limit: Limit,
        faults: &mut Faults,
    ) -> Option<impl Iterator<Item = (Cow<'a, str>, At<'a>)> + use<'a>> {
        let members = self.members(limit, JsonPath::key, faults)?;
        let path = self.path.clone();
        Some(members.into_iter().map(move |(key, value)| {
            let path = path.key(&key);
            (key, At { value, path })
        }))
    }

    /// The members of an object, none of which may be repeated. `spell` makes a member's path.
    fn members(
        &self,
        limit: Limit,
        spell: fn(&JsonPath, &str) -> JsonPath,
        faults: &mut Faults,
    ) -> Option<Vec<Member<'a>>> {
        let Some(members) = self.value.members(faults.maximum(limit)) else {
            return self.wrong_type("an object", faults);
        };
        let Ok(members) = members else { return faults.none(&self.path, Problem::NoText) };
        faults.check(&self.path, limit, members.found)?;
        let (mut seen, mut repeated) = (HashSet::new(), HashSet::new());
        for (name, _) in &members.first {
            if !seen.insert(name.as_ref()) && repeated.insert(name.as_ref()) {
                faults.add(&spell(&self.path, name), Problem::DuplicateKey);
            }
        }
        Some(members.first)
    }

    pub(super) fn text(&self, faults: &mut Faults) -> Option<Cow<'a, str>> {
        match self.value.text() {
            Some(Ok(text)) => Some(text),
            Some(Err(_)) => faults.none(&self.path, Problem::NoText),
            None => self.wrong_type("a string", faults),
        }
    }

    pub(super) fn boolean(&self, faults: &mut Faults) -> Option<bool> {
        self.value.boolean().or_else(|| self.wrong_type("a boolean", faults))
    }

    pub(super) fn integer<N: TryFrom<i128>>(&self, maximum: u64, faults: &mut Faults) -> Option<N> {
        let Some(found) = self.value.integer() else { return self.wrong_type("an integer", faults) };
        match N::try_from(found) {
            Ok(value) if (0..=i128::from(maximum)).contains(&found) => Some(value),
            _ => faults.none(&self.path, Problem::OutOfRange { maximum, found }),
        }
    }

    /// Hexadecimal text of any length.
    pub(super) fn hex(&self, faults: &mut Faults) -> Option<Vec<u8>> {
        let text = self.text(faults)?;
        hex::decode(text.as_ref()).ok().or_else(|| faults.none(&self.path, Problem::NotHex))
    }

    /// Hexadecimal text of exactly `N` bytes.
    pub(super) fn hex_array<const N: usize>(&self, faults: &mut Faults) -> Option<[u8; N]> {
        let bytes = self.hex(faults)?;
        let found = bytes.len();
        bytes.try_into().ok().or_else(|| faults.none(&self.path, Problem::WrongLength { expected: N, found }))
    }

    fn wrong_type<T>(&self, expected: &'static str, faults: &mut Faults) -> Option<T> {
        faults.none(&self.path, Problem::WrongType { expected, found: self.value.kind() })
    }
}

/// The members of an object. `null` counts as absent.
pub(super) struct Members<'a> {
    members: Vec<Member<'a>>,
    pub(super) path: JsonPath,
}

impl<'a> Members<'a> {
    pub(super) fn get(&self, name: &str) -> Option<At<'a>> {
        let (_, value) = self.members.iter().find(|(found, value)| found == name && !value.is_null())?;
        Some(At { value: *value, path: self.path.field(name) })
    }

    pub(super) fn required(&self, name: &str, faults: &mut Faults) -> Option<At<'a>> {
        self.get(name).or_else(|| faults.none(&self.path.field(name), Problem::Missing))
    }

    /// A value that the user may still have to fill in.
    pub(super) fn expected(&self, name: &str, faults: &mut Faults) -> Option<At<'a>> {
        self.get(name).or_else(|| faults.none(&self.path.field(name), Problem::ExpectedMissing))
    }

    /// A boolean that is false where it is absent.
    pub(super) fn flag(&self, name: &str, faults: &mut Faults) -> Option<bool> {
        self.get(name).map_or(Some(false), |at| at.boolean(faults))
    }

    /// A text of bounded length that is `None` where it is absent or empty.
    pub(super) fn optional_text(
        &self,
        name: &str,
        limit: Limit,
        faults: &mut Faults,
    ) -> Option<Option<String>> {
        let Some(at) = self.get(name) else { return Some(None) };
        let text = at.text(faults)?;
        faults.check(&at.path, limit, text.len())?;
        Some((!text.is_empty()).then(|| text.into_owned()))
    }
}

/// Reads every element of a list that may be absent and has at most `limit` elements.
pub(super) fn list<'a, T>(
    at: Option<At<'a>>,
    limit: Limit,
    faults: &mut Faults,
    mut element: impl FnMut(&At<'a>, &mut Faults) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(at) = at else { return Some(Vec::new()) };
    let Some(elements) = at.value.elements(faults.maximum(limit)) else {
        return at.wrong_type("a list", faults);
    };
    faults.check(&at.path, limit, elements.found)?;
    let mut complete = true;
    let mut list = Vec::new();
    for (index, value) in elements.first.into_iter().enumerate() {
        match element(&At { value, path: at.path.index(index) }, faults) {
            Some(item) => list.push(item),
            None => complete = false,
        }
    }
    complete.then_some(list)
}

/// The member that was meant, where that is plain.
fn suggestion(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let by_case = known.iter().copied().find(|candidate| candidate.eq_ignore_ascii_case(name));
    let by_habit = OFTEN_MISTAKEN.iter().find(|(mistaken, _)| *mistaken == lower).map(|(_, meant)| *meant);
    by_case.or(by_habit).filter(|meant| known.contains(meant))
}
