//! Every test that the manual of attacks names must exist, so that it goes on saying what is true.

use std::path::Path;

use crate::{failure::Failure, workspace};

/// The manual, and where the attacks of the program `attack` are listed.
const MANUAL: &str = "docs/attacks.md";
const PROGRAM: &str = "tests/src/attack/storms/mod.rs";

/// Looks at every item of the manual that names tests: "- `path/to/file.rs`: `one_test`, `another_test`", or
/// "- program `attack`: `one-attack`".
///
/// # Errors
/// Names each test that is not in its file, and each attack that the program does not make.
pub(super) fn check() -> Result<String, Failure> {
    let root = workspace::root();
    let text = workspace::read(&root.join(MANUAL))?;
    let (mut broken, mut seen) = (Vec::new(), 0);
    for (file, names) in items(&text) {
        let path = root.join(if file == "attack" { PROGRAM } else { file });
        let known = if is_below(&root, &path) { workspace::read(&path)? } else { String::new() };
        let known = if file == "attack" { attacks(&known) } else { tests(&known) };
        for name in names {
            seen += 1;
            if !known.contains(&name) {
                broken.push(format!("{MANUAL} names `{name}` of {file}, which does not exist"));
            }
        }
    }
    if broken.is_empty() && seen > 0 {
        return Ok(format!("{seen} tests"));
    }
    Err(Failure::Rules { broken, remedy: "name the test as it is called now, in the file where it is now." })
}

fn is_below(root: &Path, path: &Path) -> bool {
    path.starts_with(root) && path.is_file()
}

/// The files of a manual, each with the names that are told of it. An item goes on in the lines that are set in.
fn items(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut items: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let begins = line.starts_with("- ");
        let mut spans = line.split('`').skip(1).step_by(2);
        if begins {
            let file = spans.next().filter(|file| {
                line.starts_with("- program `attack`:")
                    || file.ends_with(".rs") && line.starts_with(&format!("- `{file}`:"))
            });
            inside = file.is_some();
            items.extend(file.map(|file| (file, Vec::new())));
        }
        inside &= begins || line.starts_with("  ");
        if let Some((_, names)) = items.last_mut().filter(|_| inside) {
            names.extend(spans);
        }
    }
    items
}

/// Names of the test functions of a Rust file.
fn tests(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            names.extend(rest.split_once('(').map(|(name, _)| name).filter(|_| marked));
            marked = false;
        }
    }
    names
}

/// Names of the attacks that the program makes.
fn attacks(text: &str) -> Vec<&str> {
    // In two parts, so that this file does not contain what it looks for.
    text.split(concat!("Attack::", "new("))
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manual_of_this_repository_names_exists() {
        assert!(matches!(check(), Ok(seen) if seen.ends_with(" tests")), "{:?}", check());
    }

    #[test]
    fn items_name_a_file_and_go_on_in_lines_that_are_set_in() {
        let text = "The option `--x` of `a.rs`.\n- `a/b.rs`: `one`, `two`,\n  `three`.\n- `c.rs` is `no_test`\n\
                    - `d.rs`:\n  `four`\n- program `attack`: `frames`\n\nAnd `more`.\n  Then `again`.";
        let expected =
            [("a/b.rs", vec!["one", "two", "three"]), ("d.rs", vec!["four"]), ("attack", vec!["frames"])];
        assert_eq!(items(text), expected);
    }

    #[test]
    fn only_functions_that_are_marked_as_tests_are_tests() {
        let text = "fn helper() {}\n#[test]\nfn one() {}\n    #[tokio::test(flavor = \"x\")]\n    #[ignore]\n    \
                    async fn two() {}\nfn other() {}\nproptest! {\n    #[test]\n    fn three(x in any()) {}\n}";
        assert_eq!(tests(text), ["one", "two", "three"]);
    }

    #[test]
    fn attacks_are_found_by_name_also_on_the_next_line() {
        let call = concat!("Attack::", "new(");
        assert_eq!(attacks(&format!("{call}\"a\", x), {call}\n    \"b-c\",\n)")), ["a", "b-c"]);
    }
}
