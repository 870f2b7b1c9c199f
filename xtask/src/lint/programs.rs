//! Tests may start only programs that set-up provides; on the machine of whoever wrote them all are there.

use crate::{failure::Failure, setup, workspace};

/// Looks at every program that any Rust file starts by its name. What `xtask` itself starts goes through
/// `process::program`, and is provided where it is used.
///
/// # Errors
/// Names each place whose program is not in the list of the set-up.
pub(super) fn check() -> Result<String, Failure> {
    let (mut broken, mut seen) = (Vec::new(), 0);
    for path in workspace::files("rs")? {
        let text = workspace::read(&path)?;
        for program in started(&text) {
            seen += 1;
            if !setup::provides(program) {
                broken.push(format!("{} starts `{program}`", workspace::shown(&path)));
            }
        }
    }
    if broken.is_empty() {
        return Ok(format!("{seen} places"));
    }
    Err(Failure::Rules {
        broken,
        remedy: "add the program and its package to EVERYTHING in xtask/src/setup.rs, or do without it.",
    })
}

/// Programs that are started by a name that stands in the text.
fn started(text: &str) -> Vec<&str> {
    // In two parts, so that this file does not contain what it looks for.
    let call = concat!("Command::", "new(");
    text.split(call)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name_also_on_the_next_line() {
        let call = concat!("Command::", "new(");
        let text =
            format!("{call}\"cp\").arg(\"-a\"); std::process::{call}\n    \"kill\",\n); {call}env!(\"X\"))");
        assert_eq!(started(&text), ["cp", "kill"]);
    }

    #[test]
    fn a_program_that_comes_with_this_machine_only_is_not_provided() {
        assert!(setup::provides("openssl"));
        assert!(!setup::provides("kill"));
    }
}
