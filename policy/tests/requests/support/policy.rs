//! A policy whose rules compare with expectations.

use contrast_policy::{Expectations, request::Kind};

/// Kinds with rules of their own.
const OWN: [Kind; 6] = [
    Kind::CreateContainer,
    Kind::ExecProcess,
    Kind::RemoveContainer,
    Kind::ReadStream,
    Kind::WriteStream,
    Kind::CloseStdin,
];

/// The text of a policy that expects this.
pub(crate) fn text(expectations: &Expectations) -> String {
    let mut text = format!("package agent_policy\n\n{}\n", include_str!("rules.rego"));
    for kind in Kind::ALL.iter().filter(|kind| !OWN.contains(kind)) {
        let name = kind.name();
        text.push_str(&format!("default {name} := false\n{name} if simple(\"{name}\")\n"));
    }
    let data = serde_json::to_string_pretty(expectations).unwrap();
    text.push_str(&format!("\nexpectations := {data}\n"));
    text
}
