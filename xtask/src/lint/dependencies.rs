//! What the workspace is built from: banned crates, and licences.

use std::collections::BTreeSet;

use super::{deny::Rules, licence};
use crate::{failure::Failure, process, workspace};

/// Looks at every dependency of every target and feature, in the light of `deny.toml`.
///
/// # Errors
/// Names each crate that is banned or whose licence is not allowed.
pub(super) fn check() -> Result<String, Failure> {
    let rules = Rules::parse(&workspace::read(&workspace::root().join("deny.toml"))?);
    let tree = ["tree", "--workspace", "--all-features", "--target", "all", "--prefix", "none"];
    let listing = process::output(process::cargo().args(tree).args(["--format", "{p}|{l}"]))?;
    let dependencies: BTreeSet<Dependency> = listing.lines().filter_map(Dependency::parse).collect();
    let broken: Vec<String> = dependencies.iter().flat_map(|dependency| judge(dependency, &rules)).collect();
    if broken.is_empty() {
        return Ok(format!("{} crates", dependencies.len()));
    }
    Err(Failure::Rules {
        broken,
        remedy: "`cargo tree --invert CRATE` shows who asks for it; deny.toml has the rules.",
    })
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Dependency<'a> {
    name: &'a str,
    version: &'a str,
    licence: &'a str,
}

impl<'a> Dependency<'a> {
    /// Reads a line such as `sha2 v0.11.0|MIT OR Apache-2.0 (*)`.
    fn parse(line: &'a str) -> Option<Self> {
        let (package, licence) = line.split_once('|')?;
        let mut words = package.split(' ');
        let licence = licence.strip_suffix(" (*)").unwrap_or(licence);
        Some(Self { name: words.next()?, version: words.next()?, licence })
    }
}

fn judge(dependency: &Dependency<'_>, rules: &Rules) -> Vec<String> {
    let Dependency { name, version, licence } = dependency;
    let mut broken = Vec::new();
    if let Some(reason) = rules.banned.get(*name) {
        broken.push(format!("{name} {version} is banned: {reason}"));
    }
    let excepted = rules.exceptions.get(*name);
    let allowed =
        |id: &str| rules.allowed_licences.contains(id) || excepted.is_some_and(|ids| ids.contains(id));
    if !licence::satisfied(licence, allowed) {
        broken.push(format!("{name} {version} has the licence `{licence}`, which deny.toml does not allow"));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::parse(
            r#"
            [bans]
            deny = [{ crate = "ring", reason = "one provider only" }]
            [licenses]
            allow = ["MIT", "Apache-2.0"]
            exceptions = [{ crate = "odd", allow = ["MPL-2.0"] }]
            "#,
        )
    }

    fn judged(line: &str) -> Vec<String> {
        judge(&Dependency::parse(line).unwrap(), &rules())
    }

    #[test]
    fn a_banned_crate_is_named_with_the_reason() {
        assert_eq!(
            judged("ring v0.17.14|Apache-2.0 AND MIT"),
            ["ring v0.17.14 is banned: one provider only"]
        );
    }

    #[test]
    fn a_crate_whose_name_only_contains_a_banned_one_is_fine() {
        assert_eq!(judged("ringbuffer v1.0.0 (proc-macro)|MIT (*)"), [""; 0]);
    }

    #[test]
    fn a_licence_is_allowed_for_everybody_or_for_one_crate() {
        assert_eq!(judged("odd v1.0.0|MPL-2.0"), [""; 0]);
        assert_eq!(judged("even v1.0.0|MPL-2.0").len(), 1);
        assert_eq!(judged("none v1.0.0|").len(), 1);
    }
}
