//! A policy as the agent evaluates it: the same interpreter, the same limits, the same memory between requests.
//!
//! What the agent does with an answer is in [`Verdict`]. Errors deny, too; they are told apart because the host is told
//! a different status.

#[cfg(test)]
mod tests;

use std::{fmt, mem, num::NonZero};

use json_patch::Patch;
use regorus::PolicyLengthConfig;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::{Kind, Request};

/// Most bytes of a policy that an agent loads.
pub const MAX_POLICY_LEN: usize = 16 << 20;
/// Most lines of a policy that an agent loads.
pub const MAX_POLICY_LINES: usize = 200_000;
/// Most characters of a line of a policy that an agent loads.
pub const MAX_LINE_LEN: u32 = 65_536;

/// The package of every policy.
const PACKAGE: &str = "data.agent_policy";
/// The rule by which a policy lets everything pass, for the search of faults.
const DEBUG_SWITCH: &str = "AllowRequestsFailingPolicy";

/// A loaded policy, and what it remembers.
#[derive(Clone)]
pub struct Engine {
    interpreter: regorus::Engine,
    /// The data document, whose member `pstate` is the policy's.
    data: Value,
    /// Whether the policy lets everything pass.
    lets_all_pass: bool,
}

/// What the agent answers.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// Whether the request is carried out.
    pub verdict: Verdict,
    /// What the rules printed. The host is told it when the request is denied.
    pub printed: Vec<String>,
}

/// Whether a request is carried out.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// It is.
    Allowed,
    /// A rule or a default says no: `PERMISSION_DENIED`. Of [`Kind::ReadStream`] only the data is taken away.
    Denied,
    /// The policy cannot be evaluated for it: `INTERNAL`.
    Failed(EvaluationError),
    /// The policy says no, but has the switch by which everything passes.
    PassedAnyway,
}

impl Verdict {
    /// Whether the request is carried out.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed | Self::PassedAnyway)
    }
}

/// A text cannot be loaded as a policy.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// It is no policy, or one longer than an agent loads.
    #[error("the agent cannot load the policy: {reason}")]
    Refused {
        /// The interpreter's words, with line and column.
        reason: String,
    },
    /// It speaks about something else.
    #[error("the policy is not in the package agent_policy, so the agent finds no rule in it")]
    Package,
}

/// A policy cannot be evaluated for a request.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum EvaluationError {
    /// There is no such rule, or it contradicts itself, or calls what the agent does not have.
    #[error("the policy cannot be evaluated for it: {reason}")]
    Rule {
        /// The interpreter's words.
        reason: String,
    },
    /// No rule is true, and there is no default.
    #[error("the policy neither allows nor denies it")]
    Undefined,
    /// The answer is neither a boolean nor an object with `allowed`.
    #[error("the policy's answer has a form that the agent does not know")]
    Form,
    /// What the policy wants to remember cannot be remembered.
    #[error("the policy's memory cannot be changed as the rule asks: {reason}")]
    Memory {
        /// The words of the reader of JSON patches.
        reason: String,
    },
}

impl Engine {
    /// Loads a policy as the agent does at its start.
    ///
    /// # Errors
    /// If the agent would refuse it.
    pub fn load(policy: &str) -> Result<Self, LoadError> {
        let mut interpreter = regorus::Engine::new();
        let bounds = PolicyLengthConfig {
            max_col: NonZero::new(MAX_LINE_LEN).unwrap_or(NonZero::<u32>::MIN),
            max_file_bytes: NonZero::new(MAX_POLICY_LEN).unwrap_or(NonZero::<usize>::MIN),
            max_lines: NonZero::new(MAX_POLICY_LINES).unwrap_or(NonZero::<usize>::MIN),
        };
        interpreter.set_policy_length_config(bounds);
        interpreter.set_strict_builtin_errors(false);
        interpreter.set_gather_prints(true);
        let refused = |reason: String| LoadError::Refused { reason };
        let package = interpreter
            .add_policy("policy.rego".to_owned(), policy.to_owned())
            .map_err(|error| refused(error.to_string()))?;
        if package != PACKAGE {
            return Err(LoadError::Package);
        }
        let mut engine = Self { interpreter, data: json!({ "pstate": {} }), lets_all_pass: false };
        let data = engine.data.clone().into();
        engine.interpreter.add_data(data).map_err(|error| refused(error.to_string()))?;
        engine.lets_all_pass = matches!(engine.rule(DEBUG_SWITCH, json!({})), Ok(Value::Bool(true)));
        Ok(engine)
    }

    /// Loads a policy that remembers something already: the [`Engine::memory`] of one that was loaded from the same text.
    ///
    /// # Errors
    /// If the agent would refuse the policy.
    pub fn resume(policy: &str, memory: Value) -> Result<Self, LoadError> {
        let mut engine = Self::load(policy)?;
        engine.data = json!({ "pstate": memory });
        engine.interpreter.clear_data();
        let data = engine.data.clone().into();
        engine
            .interpreter
            .add_data(data)
            .map_err(|error| LoadError::Refused { reason: error.to_string() })?;
        Ok(engine)
    }

    /// Whether the policy has the switch on by which everything passes.
    #[must_use]
    pub fn lets_all_pass(&self) -> bool {
        self.lets_all_pass
    }

    /// What the policy remembers.
    #[must_use]
    pub fn memory(&self) -> &Value {
        self.data.get("pstate").unwrap_or(&Value::Null)
    }

    /// Answers a request. If it is allowed, the policy remembers what its rule says.
    pub fn evaluate(&mut self, request: &Request) -> Answer {
        let decided = self.decide(request.kind(), request.input());
        let printed = self.interpreter.take_prints().unwrap_or_default();
        let verdict = match decided {
            Ok(true) => Verdict::Allowed,
            Ok(false) | Err(EvaluationError::Undefined) if self.lets_all_pass => Verdict::PassedAnyway,
            Ok(false) => Verdict::Denied,
            Err(error) => Verdict::Failed(error),
        };
        Answer { verdict, printed }
    }

    /// The value of a rule of the policy for an input: `Value::Null` if it has none.
    ///
    /// # Errors
    /// If there is no such rule, or it cannot be evaluated.
    pub fn rule(&mut self, name: &str, input: Value) -> Result<Value, EvaluationError> {
        let failed = |reason: String| EvaluationError::Rule { reason };
        self.interpreter.set_input(input.into());
        let value = self
            .interpreter
            .eval_rule(format!("{PACKAGE}.{name}"))
            .map_err(|error| failed(error.to_string()))?;
        if value == regorus::Value::Undefined {
            return Ok(Value::Null);
        }
        serde_json::to_value(value).map_err(|error| failed(error.to_string()))
    }

    fn decide(&mut self, kind: Kind, input: Value) -> Result<bool, EvaluationError> {
        #[derive(Deserialize)]
        struct WithMemory {
            allowed: bool,
            ops: Option<Patch>,
        }
        match self.rule(kind.name(), input)? {
            Value::Null => Err(EvaluationError::Undefined),
            Value::Bool(allowed) => Ok(allowed),
            object @ Value::Object(_) => {
                let answer: WithMemory = serde_json::from_value(object).map_err(|_| EvaluationError::Form)?;
                if let (true, Some(operations)) = (answer.allowed, answer.ops) {
                    self.remember(&operations)?;
                }
                Ok(answer.allowed)
            }
            _ => Err(EvaluationError::Form),
        }
    }

    /// Changes the data document. Operations that cannot all be applied change nothing.
    fn remember(&mut self, operations: &Patch) -> Result<(), EvaluationError> {
        let failed = |reason: String| EvaluationError::Memory { reason };
        let mut data = self.data.clone();
        json_patch::patch(&mut data, operations).map_err(|error| failed(error.to_string()))?;
        self.interpreter.clear_data();
        let before = mem::replace(&mut self.data, data);
        if let Err(error) = self.interpreter.add_data(self.data.clone().into()) {
            self.data = before;
            self.interpreter.clear_data();
            let _ = self.interpreter.add_data(self.data.clone().into());
            return Err(failed(error.to_string()));
        }
        Ok(())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("data", &self.data).finish_non_exhaustive()
    }
}
