//! Why a request is denied: every comparison that fails, with what was expected and what was found.
//!
//! The verdict is the rules' own, as the agent evaluates them. The explanation is told by whoever has the policy, and never
//! by the agent: the host that sends requests must not learn more than "no".

mod container;
mod device;
mod member;
mod process;
mod rules;
mod subject;
#[cfg(test)]
mod tests;

use std::fmt;

pub use subject::Subject;

use serde_json::Value;

use crate::{
    engine::{Answer, Engine},
    expectation::{Container, Expectations, quoted},
    request::{Kind, Request},
};

/// A request, judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    /// What the agent answers.
    pub answer: Answer,
    /// Why not, if the request is denied and the policy says what it expects.
    pub explanation: Option<Explanation>,
}

/// Why a request is denied.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Explanation {
    /// The container of the policy that the request is compared with: the one that it names, or else the one that it
    /// differs from least. Empty for the pod's sandbox, `None` for requests about no container.
    pub container: Option<String>,
    /// Everything that does not fit.
    pub mismatches: Vec<Mismatch>,
}

/// A comparison that fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Which member of the request, such as `OCI.Process.Args[1]`.
    pub path: String,
    /// What of a pod it is about.
    pub subject: Subject,
    /// What the policy expects, in words or as JSON.
    pub expected: String,
    /// What the request says, as JSON; `nothing` if it says nothing.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.path, self.expected, self.found)
    }
}

/// Judges a request, and says why if it is denied.
pub fn judge(engine: &mut Engine, expectations: Option<&Expectations>, request: &Request) -> Judgement {
    let answer = engine.evaluate(request);
    if answer.verdict.is_allowed() {
        return Judgement { answer, explanation: None };
    }
    // What is denied changes no memory, so the explanation sees what the rules saw.
    let explanation = expectations.map(|expectations| {
        let input = request.input();
        let mut explanation = explain(expectations, engine.memory(), request, &input);
        // Nothing is compared with a container that does not exist.
        if explanation.container.is_some() || request.kind() == Kind::CreateSandbox {
            rules::reconcile(engine, request.kind(), &input, &mut explanation.mismatches);
        }
        if explanation.mismatches.is_empty() {
            explanation.mismatches.push(nothing_said(request.kind()));
        }
        explanation
    });
    Judgement { answer, explanation }
}

/// Everything that does not fit into what is expected. `memory`: what the policy remembers.
fn explain(expectations: &Expectations, memory: &Value, request: &Request, input: &Value) -> Explanation {
    match request {
        Request::CreateContainer(_) => container::explain(expectations, memory, input),
        Request::ExecProcess(exec)
            if !Expectations::started(memory).contains_key(exec.container_id.as_str()) =>
        {
            let mismatch = match expectations.known(memory, &exec.container_id) {
                Some(found) => {
                    refusal("container_id", Subject::Container, "a container that was started", &found.name)
                }
                None => unknown(&exec.container_id),
            };
            Explanation { container: None, mismatches: vec![mismatch] }
        }
        Request::ExecProcess(exec) => {
            with_known(expectations, memory, &exec.container_id, |found| process::exec(found, input))
        }
        Request::ReadStream(read) => with_known(expectations, memory, &read.container_id, |found| {
            vec![refusal("container_id", Subject::Logs, "a container whose output may be read", &found.name)]
        }),
        Request::WriteStream(write) => with_known(expectations, memory, &write.container_id, |found| {
            vec![refusal("container_id", Subject::Terminal, "a container that reads its input", &found.name)]
        }),
        Request::CloseStdin(close) => with_known(expectations, memory, &close.container_id, |found| {
            vec![refusal("container_id", Subject::Terminal, "a container that reads its input", &found.name)]
        }),
        other => of_no_container(expectations, memory, other.kind(), input),
    }
}

fn of_no_container(expectations: &Expectations, memory: &Value, kind: Kind, input: &Value) -> Explanation {
    let Some(members) = expectations.requests.get(&kind) else {
        let mismatch = Mismatch {
            path: ".".to_owned(),
            subject: Subject::Request,
            expected: "no request of this kind".to_owned(),
            found: kind.name().to_owned(),
        };
        return Explanation { container: None, mismatches: vec![mismatch] };
    };
    let mut mismatches = member::compare(members, input);
    if let Some(id) = input.get("container_id").and_then(Value::as_str) {
        match expectations.known(memory, id) {
            None => mismatches.push(unknown(id)),
            Some(found) if kind == Kind::StartContainer => {
                let started = Expectations::started(memory);
                let other = started.iter().find(|(_, name)| **name == found.name);
                mismatches.extend(other.map(|(other, _)| second(other)));
                mismatches.extend(started.keys().filter_map(|other| other_disks(memory, id, other)));
            }
            Some(_) => {}
        }
    }
    Explanation { container: None, mismatches }
}

fn with_known(
    expectations: &Expectations,
    memory: &Value,
    id: &str,
    compare: impl FnOnce(&Container) -> Vec<Mismatch>,
) -> Explanation {
    match expectations.known(memory, id) {
        Some(found) => {
            Explanation { container: Some(found.name.clone()), mismatches: compare(&found.pinned(memory)) }
        }
        None => Explanation { container: None, mismatches: vec![unknown(id)] },
    }
}

/// A message that was not sent has no member that could differ.
fn nothing_said(kind: Kind) -> Mismatch {
    Mismatch {
        path: ".".to_owned(),
        subject: Subject::Request,
        expected: "something in every message that is compared".to_owned(),
        found: format!("a {} that lacks one", kind.name()),
    }
}

fn unknown(id: &str) -> Mismatch {
    refusal("container_id", Subject::Container, "a container that was created and not removed", id)
}

fn second(other: &str) -> Mismatch {
    Mismatch {
        path: "container_id".to_owned(),
        subject: Subject::Container,
        expected: "each container only once at a time".to_owned(),
        found: format!("a second one while {} runs", quoted(other)),
    }
}

/// A volume that is another disk in a container that runs, or a disk that is another volume there.
fn other_disks(memory: &Value, id: &str, other: &str) -> Option<Mismatch> {
    let (own, others) = (Expectations::disks(memory, id), Expectations::disks(memory, other));
    let mut pairs = own.iter().flat_map(|own| others.iter().map(move |other| (own, other)));
    let ((volume, place), (another, elsewhere)) =
        pairs.find(|((volume, place), (another, elsewhere))| (volume == another) != (place == elsewhere))?;
    Some(Mismatch {
        path: "container_id".to_owned(),
        subject: Subject::Storage((*place).to_owned()),
        expected: "each volume to be one disk in all containers, and each disk one volume".to_owned(),
        found: format!(
            "volume {} at {} while in {} volume {} is at {}",
            quoted(volume),
            quoted(place),
            quoted(other),
            quoted(another),
            quoted(elsewhere),
        ),
    })
}

fn refusal(path: &str, subject: Subject, expected: &str, found: &str) -> Mismatch {
    Mismatch { path: path.to_owned(), subject, expected: expected.to_owned(), found: quoted(found) }
}
