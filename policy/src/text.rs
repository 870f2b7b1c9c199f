//! The text of a policy: the rules, which are the same for every pod, and the data of this one.

use std::fmt;

use crate::{
    MAX_LINE_LEN, MAX_POLICY_LEN, MAX_POLICY_LINES, Problem, Settings, Workload, container,
    problem::{Place, Trouble},
};

/// The rules, in the order in which they are read.
const RULES: [&str; 8] = [
    include_str!("../rules/policy.rego"),
    include_str!("../rules/sandbox.rego"),
    include_str!("../rules/create.rego"),
    include_str!("../rules/process.rego"),
    include_str!("../rules/mounts.rego"),
    include_str!("../rules/containers.rego"),
    include_str!("../rules/files.rego"),
    include_str!("../rules/network.rego"),
];

/// A policy: one module of Rego in the package `agent_policy`.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy(String);

impl Policy {
    /// The policy of a pod. The same pod makes the same bytes.
    ///
    /// # Errors
    /// Everything in the specification that a policy cannot stand for.
    pub fn generate(workload: &Workload<'_>, settings: &Settings) -> Result<Self, Vec<Problem>> {
        let pod = container::pod(workload, settings)?;
        let place = Place::default();
        let data =
            serde_json::to_string_pretty(&pod).map_err(|_| vec![place.problem(Trouble::Unwritable)])?;
        let mut text = RULES.join("\n");
        text.push_str("\n# The pod.\n\npod := ");
        text.push_str(&data);
        text.push('\n');
        check(&text).map_err(|trouble| vec![place.problem(trouble)])?;
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Long, so that it is not printed by accident.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({} bytes)", self.0.len())
    }
}

fn check(text: &str) -> Result<(), Trouble> {
    let limit = usize::try_from(MAX_LINE_LEN).unwrap_or(usize::MAX);
    if let Some(length) = text.lines().map(|line| line.chars().count()).find(|length| *length > limit) {
        return Err(Trouble::TooLong { length, limit });
    }
    let lines = text.lines().count();
    for (found, unit, limit) in [(text.len(), "bytes", MAX_POLICY_LEN), (lines, "lines", MAX_POLICY_LINES)] {
        if found > limit {
            return Err(Trouble::PolicyTooLarge { found, unit, limit });
        }
    }
    Ok(())
}
