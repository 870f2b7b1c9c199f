//! Agent policies: what the host may ask of a pod's agent, and why a request is denied.

#![forbid(unsafe_code)]

mod check;
mod engine;
pub mod request;

pub use check::{Explanation, Judgement, Mismatch, Subject, judge};
pub use engine::{
    Answer, Engine, EvaluationError, LoadError, MAX_LINE_LEN, MAX_POLICY_LEN, MAX_POLICY_LINES, Verdict,
};
