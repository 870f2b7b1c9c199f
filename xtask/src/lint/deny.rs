//! The part of `deny.toml` that is checked here, without building cargo-deny first.

use std::collections::{BTreeMap, BTreeSet};

/// What `deny.toml` says. Only the forms that our own file uses are understood.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct Rules {
    /// Banned crates and why.
    pub(super) banned: BTreeMap<String, String>,
    /// SPDX identifiers.
    pub(super) allowed_licences: BTreeSet<String>,
    /// Further identifiers for single crates.
    pub(super) exceptions: BTreeMap<String, BTreeSet<String>>,
}

impl Rules {
    /// Reads the lists `bans.deny`, `licenses.allow` and `licenses.exceptions`.
    pub(super) fn parse(text: &str) -> Self {
        let mut rules = Self::default();
        for (name, list) in lists(text) {
            match name.as_str() {
                "bans.deny" => {
                    rules
                        .banned
                        .extend(tables(&list).map(|table| (value(table, "crate"), value(table, "reason"))));
                }
                "licenses.allow" => rules.allowed_licences.extend(strings(&list)),
                "licenses.exceptions" => rules.exceptions.extend(tables(&list).map(|table| {
                    let allowed = table.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
                    (value(table, "crate"), strings(allowed.map_or("", |(inner, _)| inner)).collect())
                })),
                _ => {}
            }
        }
        rules
    }
}

/// Every `key = [ … ]` as the key with its section, and the text between the brackets.
fn lists(text: &str) -> Vec<(String, String)> {
    let mut lists = Vec::new();
    let mut section = "";
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, start)) = line.split_once(" = [") {
            let mut list = format!("[{start}");
            while list.matches('[').count() > list.matches(']').count() {
                let Some(more) = lines.next() else { break };
                list.push('\n');
                list.push_str(more);
            }
            let inner = list.trim_start_matches('[').trim_end().trim_end_matches(']');
            lists.push((format!("{section}.{key}"), inner.to_owned()));
        }
    }
    lists
}

/// The inline tables of a list: the text between each pair of braces.
fn tables(list: &str) -> impl Iterator<Item = &str> {
    list.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

/// The string value of `key` in an inline table, or nothing.
fn value(table: &str, key: &str) -> String {
    let rest = table.split_once(&format!("{key} = \"")).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// All quoted strings.
fn strings(text: &str) -> impl Iterator<Item = String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_licences_and_exceptions_are_found_with_their_sections() {
        let rules = Rules::parse(
            r#"
            [bans]
            multiple-versions = "allow"
            deny = [
                { crate = "ring", reason = "one provider" }, # why
                # { crate = "not-this" },
                { crate = "openssl", reason = "one TLS stack" },
            ]

            [licenses]
            allow = [
                "MIT",
                "Apache-2.0", # ours
            ]
            exceptions = [{ allow = ["MPL-2.0"], crate = "odd" }]
            "#,
        );
        let banned: Vec<_> =
            rules.banned.iter().map(|(name, reason)| (name.as_str(), reason.as_str())).collect();
        assert_eq!(banned, [("openssl", "one TLS stack"), ("ring", "one provider")]);
        assert_eq!(rules.allowed_licences, BTreeSet::from(["MIT".into(), "Apache-2.0".into()]));
        assert_eq!(rules.exceptions, BTreeMap::from([("odd".into(), BTreeSet::from(["MPL-2.0".into()]))]));
    }

    #[test]
    fn the_file_of_this_repository_is_understood() {
        let rules = Rules::parse(include_str!("../../../deny.toml"));
        assert!(rules.banned.contains_key("ring"));
        assert!(rules.banned.contains_key("native-tls"));
        assert!(rules.allowed_licences.contains("Apache-2.0"));
        assert!(rules.exceptions.contains_key("option-ext"));
    }
}
