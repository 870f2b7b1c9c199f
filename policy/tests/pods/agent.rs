//! The agent of a guest as far as policies go.

use contrast_policy::{
    Engine,
    request::{Kind, Request},
};
use serde_json::Value;

/// Evaluates requests as the agent does, one after the other.
pub(crate) struct Agent(Engine);

impl Agent {
    pub(crate) fn load(policy: &str) -> Self {
        let engine = Engine::load(policy).unwrap_or_else(|error| panic!("{error}"));
        assert!(!engine.lets_all_pass());
        Self(engine)
    }

    /// Whether a request is carried out.
    pub(crate) fn allows(&mut self, kind: &str, members: &Value) -> bool {
        self.0.evaluate(&request(kind, members)).verdict.is_allowed()
    }

    /// Names of the checks of a container's creation that fail.
    pub(crate) fn failed(&mut self, members: &Value) -> Vec<String> {
        let input = request("CreateContainerRequest", members).input();
        let checks = self.0.rule("create_checks", input).unwrap_or_else(|error| panic!("{error}"));
        let checks = checks.as_object().unwrap().iter();
        checks.filter(|(_, holds)| **holds != true).map(|(name, _)| name.clone()).collect()
    }
}

fn request(kind: &str, members: &Value) -> Request {
    let kind = Kind::named(kind).unwrap_or_else(|| panic!("{kind}"));
    Request::read(kind, members).unwrap_or_else(|error| panic!("{error}"))
}
