//! Agent policies: what the host may ask of a pod's agent, and why a request is denied.

#![forbid(unsafe_code)]

mod check;
mod diff;
mod engine;
pub mod expectation;
mod explain;
pub mod request;

pub use check::{Explanation, Judgement, Mismatch, Subject, judge};
pub use diff::{Change, diff};
pub use engine::{
    Answer, Engine, EvaluationError, LoadError, MAX_LINE_LEN, MAX_POLICY_LEN, MAX_POLICY_LINES, Verdict,
};
pub use expectation::{Expectations, UnknownForm};
pub use explain::{Section, explain};
