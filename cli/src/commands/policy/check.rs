//! `contrast policy check`: which requests a policy allows, and why not the others.

use std::{
    borrow::Cow,
    io::{self, Read},
    path::Path,
};

use contrast_policy::{
    Expectations, Judgement, Subject, Verdict, judge,
    request::{BatchError, Case, MAX_BATCH_LEN, read_batch},
};
use serde_json::{Value, json};

use super::{
    explain::one_line,
    options::{CheckFormat, CheckOptions},
    places::Line,
    source::{self, Found},
};
use crate::{
    failure::{Advice, Failure},
    output,
    workspace::{self, WorkspaceError},
};

/// Requests cannot be checked, or one is denied.
#[derive(thiserror::Error, Debug)]
pub(super) enum CheckError {
    /// Their file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// Standard input cannot be read.
    #[error("cannot read standard input")]
    StandardInput(#[source] io::Error),
    /// They are not text.
    #[error("{name} holds no requests: it is not UTF-8")]
    NotText { name: String },
    /// They are no requests.
    #[error("{name} cannot be used: {source}")]
    Requests { name: String, source: BatchError },
    /// Some are denied.
    #[error("{denied} of {all} requests {} denied", if *denied == 1 { "is" } else { "are" })]
    Denied { denied: usize, all: usize },
    /// Some test cases expect something else.
    #[error("{wrong} of {all} test cases expect another answer")]
    Unexpected { wrong: usize, all: usize },
}

impl Advice for CheckError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::File(error) => error.advice(),
            Self::NotText { .. } | Self::Requests { .. } => Some(
                "give the JSON lines that an agent logs (policy.jsonl), or a list of objects with kind and request".into(),
            ),
            Self::StandardInput(_) | Self::Denied { .. } | Self::Unexpected { .. } => None,
        }
    }
}

/// Checks requests in their order, since a policy remembers what it allowed.
pub(super) fn check(options: &CheckOptions) -> Result<(), Failure> {
    let workload = options.workload.as_deref();
    let found = match &options.policy {
        Some(path) => source::one(path, workload)?,
        None => source::one_of_resources(&options.resources, workload)?,
    };
    let cases = requests(&options.request)?;
    let mut engine = found.load()?;
    if engine.lets_all_pass() {
        output::warning(&format!(
            "the policy of {} lets every request pass (AllowRequestsFailingPolicy). Nothing is confidential.",
            found.name
        ));
    }
    let expectations = Expectations::of(&mut engine);
    if let Err(error) = &expectations {
        output::warning(&format!("denials of {} are not explained: {error}", found.name));
    }
    let (mut denied, mut wrong) = (0, 0);
    for (index, case) in cases.iter().enumerate() {
        let judgement = judge(&mut engine, expectations.as_ref().ok(), &case.request);
        let allowed = judgement.answer.verdict.is_allowed();
        denied += usize::from(!allowed && case.expected.is_none());
        wrong += usize::from(case.expected.is_some_and(|expected| expected != allowed));
        let told = Told { number: index + 1, case, judgement: &judgement, found: &found };
        match options.output_format {
            CheckFormat::Text => output::result(&told.text()),
            CheckFormat::Json => output::result(&format!("{}\n", told.json())),
        }
    }
    let all = cases.len();
    if denied > 0 {
        return Err(CheckError::Denied { denied, all }.into());
    }
    if wrong > 0 {
        return Err(CheckError::Unexpected { wrong, all }.into());
    }
    Ok(())
}

fn requests(path: &Path) -> Result<Vec<Case>, CheckError> {
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let longest = MAX_BATCH_LEN as u64 + 1;
        io::stdin().lock().take(longest).read_to_end(&mut bytes).map_err(CheckError::StandardInput)?;
        bytes
    } else {
        workspace::read_bounded(path, MAX_BATCH_LEN)?
    };
    let Ok(text) = String::from_utf8(bytes) else { return Err(CheckError::NotText { name }) };
    read_batch(&text).map_err(|source| CheckError::Requests { name, source })
}

/// A request with its judgement, as it is told.
struct Told<'a> {
    number: usize,
    case: &'a Case,
    judgement: &'a Judgement,
    found: &'a Found,
}

impl Told<'_> {
    fn text(&self) -> String {
        let kind = self.case.request.kind().name();
        let verdict = match &self.judgement.answer.verdict {
            Verdict::Allowed => "allowed".to_owned(),
            Verdict::PassedAnyway => {
                "denied, but passes, because the policy lets every request pass".to_owned()
            }
            Verdict::Denied => "denied".to_owned(),
            Verdict::Failed(error) => format!("denied: {}", one_line(&error.to_string())),
        };
        let mut text = format!("request {} (line {}): {kind}: {verdict}", self.number, self.case.line);
        if let Some(description) = &self.case.description {
            text.push_str(&format!(" ({})", one_line(description)));
        }
        text.push('\n');
        if self.case.expected.is_some_and(|expected| expected != self.judgement.answer.verdict.is_allowed()) {
            text.push_str("  the test case expects another answer\n");
        }
        let Some(explanation) = &self.judgement.explanation else { return text };
        match explanation.container.as_deref() {
            Some("") => text.push_str("  compared with the sandbox\n"),
            Some(container) => {
                text.push_str(&format!("  compared with the container {}\n", one_line(container)))
            }
            None => {}
        }
        for mismatch in &explanation.mismatches {
            text.push_str(&format!("  {}\n", one_line(&mismatch.to_string())));
            if let Some(line) = self.line(explanation.container.as_deref(), &mismatch.subject) {
                let Line { place, path } = line;
                let at = format!("{}:{}:{} {path}", place.file, place.line, place.column);
                text.push_str(&format!("    from {}\n", one_line(&at)));
            }
        }
        text
    }

    fn json(&self) -> Value {
        let answer = &self.judgement.answer;
        let mut object = json!({
            "request": self.number,
            "line": self.case.line,
            "kind": self.case.request.kind().name(),
            "allowed": answer.verdict.is_allowed(),
        });
        let mut add = |key: &str, value: Value| {
            if let Some(object) = object.as_object_mut() {
                object.insert(key.to_owned(), value);
            }
        };
        if let Some(description) = &self.case.description {
            add("description", json!(description));
        }
        if let Some(expected) = self.case.expected {
            add("expected", json!(expected));
        }
        if let Verdict::Failed(error) = &answer.verdict {
            add("error", json!(error.to_string()));
        }
        let Some(explanation) = &self.judgement.explanation else { return object };
        add("container", json!(explanation.container));
        let mismatches = explanation.mismatches.iter().map(|mismatch| {
            let line = self.line(explanation.container.as_deref(), &mismatch.subject);
            let origin = line.map(|Line { place, path }| {
                json!({ "file": place.file, "line": place.line, "column": place.column, "path": path })
            });
            json!({
                "path": mismatch.path,
                "expected": mismatch.expected,
                "found": mismatch.found,
                "origin": origin,
            })
        });
        add("mismatches", mismatches.collect());
        object
    }

    fn line(&self, container: Option<&str>, subject: &Subject) -> Option<Line> {
        self.found.origin.as_ref().and_then(|origin| origin.line(container, subject))
    }
}
