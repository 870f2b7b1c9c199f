//! Kubernetes resources as YAML, within a budget for what a file may become.
//!
//! A few bytes of aliases can stand for very many values, so that these are counted before they are made. Anchors and
//! merge keys (`<<`) are resolved as `kubectl` resolves them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Options};

/// Longest file with resources, in bytes.
pub(crate) const MAX_FILE_LEN: usize = 16 * 1024 * 1024;
/// Most documents of one file.
const MAX_DOCUMENTS: usize = 4096;
/// Most values of all documents of a file, those behind aliases included.
const MAX_NODES: usize = 500_000;
/// Most bytes of text in them.
const MAX_TEXT: usize = 32 * 1024 * 1024;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// A value. Numbers, booleans and nulls do not matter to who looks for policies.
#[derive(Debug)]
pub(crate) enum Yaml {
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Yaml>),
    /// A mapping, in the order of the text.
    Map(Vec<(String, Yaml)>),
    /// Anything else.
    Other,
}

/// A file is not what it should be.
#[derive(Debug)]
pub(crate) enum YamlError {
    /// It would become more than a file may become. Says what there is too much of.
    TooMuch(String),
    /// It is not YAML.
    NotYaml(String),
}

/// The documents of a file, up to the first that is not YAML, and what is wrong with that one. An empty document is none.
pub(crate) fn documents(text: &[u8]) -> Result<(Vec<Yaml>, Option<String>), YamlError> {
    let text = std::str::from_utf8(text).map_err(|error| YamlError::NotYaml(error.to_string()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = text.as_bytes();
    let mut budget = Budget { documents: MAX_DOCUMENTS, nodes: MAX_NODES, text: MAX_TEXT };
    let mut documents = Vec::new();
    for document in serde_saphyr::read_with_options::<_, Yaml>(&mut reader, options()) {
        match document {
            Ok(document) => {
                budget.documents =
                    budget.documents.checked_sub(1).ok_or_else(|| too_much(documents.len(), "documents"))?;
                budget.spend(&document).ok_or_else(|| too_much(documents.len(), "values"))?;
                documents.push(document);
            }
            Err(error) if is_breach(&error) => {
                return Err(YamlError::TooMuch(format!("document {}: {error}", documents.len() + 1)));
            }
            Err(error) => return Ok((documents, Some(error.to_string()))),
        }
    }
    Ok((documents, None))
}

fn too_much(before: usize, what: &str) -> YamlError {
    YamlError::TooMuch(format!("document {}: too many {what} in one file", before + 1))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(MAX_FILE_LEN),
            max_events: 2 * MAX_NODES,
            max_nodes: MAX_NODES,
            max_total_scalar_bytes: MAX_TEXT,
            max_recorded_anchor_bytes: MAX_TEXT,
            max_depth: MAX_DEPTH,
            max_documents: MAX_DOCUMENTS,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_NODES,
            max_replay_stack_depth: MAX_DEPTH,
            max_alias_expansions_per_anchor: usize::MAX,
        },
        // The last one counts, as with kubectl.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
    }
}

fn is_breach(error: &serde_saphyr::Error) -> bool {
    use serde_saphyr::Error;
    matches!(
        error.without_snippet(),
        Error::Budget { .. }
            | Error::AliasReplayLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. }
    )
}

/// What is left for the rest of a file.
struct Budget {
    documents: usize,
    nodes: usize,
    text: usize,
}

impl Budget {
    fn spend(&mut self, value: &Yaml) -> Option<()> {
        self.nodes = self.nodes.checked_sub(1)?;
        match value {
            Yaml::Other => Some(()),
            Yaml::Text(text) => self.spend_text(text),
            Yaml::List(items) => items.iter().try_for_each(|item| self.spend(item)),
            Yaml::Map(entries) => entries.iter().try_for_each(|(key, value)| {
                self.spend_text(key)?;
                self.spend(value)
            }),
        }
    }

    fn spend_text(&mut self, text: &str) -> Option<()> {
        self.text = self.text.checked_sub(text.len())?;
        Some(())
    }
}

impl Yaml {
    /// The value under a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The string that it is.
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The elements of a list; none if it is no list.
    pub(crate) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Yaml, E> {
        Ok(Yaml::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Yaml, E> {
        Ok(Yaml::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Yaml, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = elements.next_element()? {
            items.push(item);
        }
        Ok(Yaml::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Yaml, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = members.next_key::<Yaml>()? {
            match key {
                Yaml::Text(key) => entries.push((key, members.next_value()?)),
                // No field of a resource is called so.
                Yaml::Other => drop(members.next_value::<IgnoredAny>()?),
                Yaml::List(_) | Yaml::Map(_) => return Err(A::Error::custom("a key is a list or a mapping")),
            }
        }
        Ok(Yaml::Map(entries))
    }
}
