//! The agent of a guest as far as policies go, and an honest node.

use regorus::{Engine, Value};
use serde_json::{Value as Json, json};

/// Evaluates requests as the agent does, one after the other.
pub struct Agent {
    engine: Engine,
    state: Json,
}

/// What the agent makes of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Allowed,
    Denied,
}

impl Agent {
    pub fn load(policy: &str) -> Self {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(false);
        engine.set_policy_length_config(regorus::PolicyLengthConfig {
            max_col: 65_536,
            max_file_bytes: 16 << 20,
            max_lines: 200_000,
        });
        engine.add_policy("policy.rego".to_owned(), policy.to_owned()).unwrap_or_else(|error| panic!("{error:#}"));
        Self { engine, state: json!({"pstate": {}}) }
    }

    /// The answer to a request; a state is changed only if it is allowed.
    pub fn ask(&mut self, kind: &str, request: &Json) -> Answer {
        let value = self.evaluate(kind, request).unwrap_or(Json::Bool(false));
        match value {
            Json::Bool(true) => Answer::Allowed,
            Json::Object(object) if object["allowed"] == true => {
                for operation in object["ops"].as_array().unwrap() {
                    self.apply(operation);
                }
                Answer::Allowed
            }
            _ => Answer::Denied,
        }
    }

    /// Names of the checks that fail.
    pub fn failed(&mut self, checks: &str, request: &Json) -> Vec<String> {
        let value = self.evaluate(checks, request).unwrap_or_else(|| panic!("{checks} is undefined"));
        let checks = value.as_object().unwrap().iter();
        checks.filter(|(_, holds)| **holds != true).map(|(name, _)| name.clone()).collect()
    }

    fn evaluate(&mut self, rule: &str, request: &Json) -> Option<Json> {
        self.engine.clear_data();
        self.engine.add_data(Value::from_json_str(&self.state.to_string()).unwrap()).unwrap();
        self.engine.set_input(Value::from_json_str(&request.to_string()).unwrap());
        match self.engine.eval_rule(format!("data.agent_policy.{rule}")) {
            Ok(Value::Undefined) => None,
            Ok(value) => Some(serde_json::from_str(&value.to_json_str().unwrap()).unwrap()),
            Err(error) => {
                eprintln!("{rule}: {error:#}");
                None
            }
        }
    }

    fn apply(&mut self, operation: &Json) {
        let path = operation["path"].as_str().unwrap();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let parent = self.state.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match operation["op"].as_str().unwrap() {
            "add" => parent.insert(key.to_owned(), operation["value"].clone()),
            "remove" => Some(parent.remove(key).unwrap()),
            other => panic!("{other}"),
        };
    }
}
