//! Several requests in one text: the JSON lines that an agent logs, or a list of test cases.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Kind, MemberError, Request};

/// Most bytes of a text with requests. An agent's log of a pod's whole life is a few megabytes.
pub const MAX_BATCH_LEN: usize = 64 << 20;
/// Most requests of one text.
pub const MAX_REQUESTS: usize = 100_000;

/// A request from a text, with what the text says about it.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// The line that it begins on, from 1.
    pub line: usize,
    /// What a test case is for.
    pub description: Option<String>,
    /// What a test case expects.
    pub expected: Option<bool>,
    /// The request.
    pub request: Request,
}

/// A text with requests cannot be read.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum BatchError {
    /// The text is too long.
    #[error("the requests have {len} bytes, more than {MAX_BATCH_LEN}")]
    TooLong {
        /// Bytes of the text.
        len: usize,
    },
    /// There are too many requests.
    #[error("there are more than {MAX_REQUESTS} requests")]
    TooMany,
    /// There is no request.
    #[error("there is no request in it")]
    Empty,
    /// The text is not JSON, or not of this form.
    #[error("line {line} is not a request: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong, in the words of the reader of JSON.
        reason: String,
    },
    /// The agent has no such request.
    #[error("line {line}: the agent has no request of the kind {kind:?}")]
    UnknownKind {
        /// The line, from 1.
        line: usize,
        /// What the text calls it.
        kind: String,
    },
    /// A member has the wrong type.
    #[error("line {line}: the {} cannot be read: {source}", kind.name())]
    Member {
        /// The line, from 1.
        line: usize,
        /// The kind of the request.
        kind: Kind,
        /// Which member.
        source: MemberError,
    },
}

/// Reads requests: objects with `kind` and `request` one after the other (an agent's `policy.jsonl`), or one list of such
/// objects (test cases, which may also have `description` and `allowed`). Other members are left out.
///
/// # Errors
/// If the text is too long, or something in it is no request; the first such thing is named.
pub fn read_batch(text: &str) -> Result<Vec<Case>, BatchError> {
    if text.len() > MAX_BATCH_LEN {
        return Err(BatchError::TooLong { len: text.len() });
    }
    let mut lines = Lines::new(text);
    let mut cases = Vec::new();
    for raw in objects(text)? {
        let line = lines.of(raw);
        cases.push(case(raw, line)?);
    }
    if cases.is_empty() { Err(BatchError::Empty) } else { Ok(cases) }
}

fn objects(text: &str) -> Result<Vec<&str>, BatchError> {
    let malformed = |error: serde_json::Error| BatchError::Malformed {
        line: error.line().max(1),
        reason: reason(&error),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    if text.trim_start().starts_with('[') {
        let list: Vec<&RawValue> = serde_json::from_str(text).map_err(malformed)?;
        found.extend(list.into_iter().take(MAX_REQUESTS + 1).map(RawValue::get));
    } else {
        for raw in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>().take(MAX_REQUESTS + 1) {
            found.push(raw.map_err(malformed)?.get());
        }
    }
    if found.len() > MAX_REQUESTS { Err(BatchError::TooMany) } else { Ok(found) }
}

fn case(raw: &str, line: usize) -> Result<Case, BatchError> {
    #[derive(Deserialize)]
    struct Members {
        kind: String,
        request: Value,
        description: Option<String>,
        allowed: Option<bool>,
    }
    let members: Members = serde_json::from_str(raw).map_err(|error| BatchError::Malformed {
        line: line.saturating_add(error.line().saturating_sub(1)),
        reason: reason(&error),
    })?;
    let kind = Kind::named(&members.kind).ok_or(BatchError::UnknownKind { line, kind: members.kind })?;
    let request =
        Request::read(kind, &members.request).map_err(|source| BatchError::Member { line, kind, source })?;
    Ok(Case { line, description: members.description, expected: members.allowed, request })
}

/// What the reader of JSON says, without its own place, which is told otherwise.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Counts lines up to parts of a text that come one after the other.
struct Lines<'a> {
    text: &'a str,
    counted: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, counted: 0, line: 1 }
    }

    /// The line, from 1, on which `part` of the text begins.
    fn of(&mut self, part: &str) -> usize {
        let start = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if let Some(between) = self.text.get(self.counted..start) {
            self.line += between.bytes().filter(|byte| *byte == b'\n').count();
            self.counted = start;
        }
        self.line
    }
}
