//! The guest's rule against incoming connections.
//!
//! The guest of a pod adds it before any container runs, so that nobody reaches the pod before its own rules stand, in whatever order
//! the host starts containers. Whoever is the last to prepare the network takes it away: the service mesh, or the Initializer in pods without.

use crate::tool::{self, ToolError};

/// The guest adds the rule by this program, and by another one (over nftables) it cannot be seen.
const PROGRAM: &str = "iptables-legacy";
const CHAIN: &str = "INPUT";
/// What `iptables` answers where the kernel does not have the table.
const NO_TABLE: i32 = 3;
/// More than once it is there only if somebody added it again; who adds it all the time is not followed.
const MOST: usize = 16;

/// Takes the rule away, however often it is there. Gives how often that was: never where the guest has no such rule.
///
/// # Errors
/// If the rules cannot be listed or changed. Then the pod stays closed.
pub fn remove() -> Result<usize, ToolError> {
    for removed in 0..MOST {
        let listed = match tool::run(PROGRAM, &["--wait", "--list-rules", CHAIN], "") {
            Ok(listed) => listed,
            Err(error) if error.is_denied() => return Err(error),
            // Nobody can have added a rule to it.
            Err(ToolError::Failed { code: Some(NO_TABLE), .. }) => return Ok(removed),
            Err(error) => return Err(error),
        };
        let Some(rule) = listed.lines().find_map(rule) else { return Ok(removed) };
        let arguments: Vec<_> = ["--wait", "--delete", CHAIN].into_iter().chain(rule).collect();
        tool::run(PROGRAM, &arguments, "")?;
    }
    Ok(MOST)
}

/// The words of a line that say the rule, without what is done with it.
fn rule(line: &str) -> Option<Vec<&str>> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [add, CHAIN, rest @ ..] = words.as_slice() else { return None };
    let ["-m", "conntrack", "!", "--ctstate", states, "-j", "DROP"] = rest else { return None };
    let mut states: Vec<_> = states.split(',').collect();
    states.sort_unstable();
    (*add == "-A" && states == ["ESTABLISHED", "RELATED"]).then(|| rest.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_s_rule_is_known_and_no_other() {
        let deny = "-A INPUT -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP";
        assert_eq!(rule(deny).unwrap().join(" "), "-m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP");
        for other in [
            "-P INPUT ACCEPT",
            "-A FORWARD -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP",
            "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j DROP",
            "-A INPUT -m conntrack ! --ctstate ESTABLISHED -j DROP",
            "-A INPUT -p udp -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP",
        ] {
            assert_eq!(rule(other), None, "{other}");
        }
    }
}
