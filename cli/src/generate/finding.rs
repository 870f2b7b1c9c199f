//! What there is to say about resources.

mod excerpt;

use std::fmt;

use contrast_resources::Place;
use serde_json::{Map, Value, json};

pub(crate) use excerpt::Excerpts;

/// Something about a resource, or about the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Its kind, for machines.
    pub(crate) code: &'static str,
    /// Where it stands.
    pub(crate) place: Option<Place>,
    /// `Kind/name`.
    pub(crate) workload: Option<String>,
    /// A sentence: the reason, and after a semicolon, what to do.
    pub(crate) message: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// Nothing is written.
    Error,
}

impl Severity {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Note => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    /// One about the whole run.
    pub(crate) fn of_run(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, place: None, workload: None, message: message.into() }
    }

    /// The same, less bad or of another kind.
    pub(crate) fn as_(self, severity: Severity, code: &'static str) -> Self {
        Self { severity, code, ..self }
    }

    /// For machines: members that are not known are left out.
    pub(crate) fn to_json(&self) -> Value {
        let (reason, remedy) = self.parts();
        let mut members = Map::new();
        let mut member = |name: &str, value: Value| members.insert(name.to_owned(), value);
        member("severity", self.severity.word().into());
        member("code", self.code.into());
        if let Some(place) = &self.place {
            member("file", place.file.as_str().into());
            member("line", place.line.into());
            member("column", place.column.into());
        }
        if let Some(workload) = &self.workload {
            member("object", workload.as_str().into());
        }
        member("reason", reason.into());
        if let Some(remedy) = remedy {
            member("remedy", remedy.into());
        }
        Value::Object(members)
    }

    /// As a result of a function (KRM functions specification, "Result").
    pub(crate) fn to_result(&self) -> Value {
        let mut result = json!({ "message": self.to_string(), "severity": self.severity.word() });
        let reference = self.workload.as_ref().and_then(|workload| workload.split_once('/'));
        if let (Some((kind, name)), Some(members)) = (reference, result.as_object_mut()) {
            members.insert("resourceRef".to_owned(), json!({ "kind": kind, "name": name }));
        }
        result
    }

    /// The reason, and what to do. Sentences have them in this order, with a semicolon between them.
    fn parts(&self) -> (&str, Option<&str>) {
        match self.message.rsplit_once("; ") {
            Some((reason, remedy)) => (reason, Some(remedy)),
            None => (&self.message, None),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(workload) = &self.workload {
            write!(f, "{workload}: ")?;
        }
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_get_the_parts_and_only_what_is_known() {
        let place = Place { file: "a.yaml".to_owned(), line: 3, column: 5 };
        let finding = Finding {
            severity: Severity::Error,
            code: "images",
            place: Some(place),
            workload: Some("Pod/web".to_owned()),
            message: "it is not pinned; name its digest".to_owned(),
        };
        let expected = json!({ "severity": "error", "code": "images", "file": "a.yaml", "line": 3, "column": 5,
            "object": "Pod/web", "reason": "it is not pinned", "remedy": "name its digest" });
        assert_eq!(finding.to_json(), expected);
        let of_run = Finding::of_run(Severity::Note, "manifest", "so");
        assert_eq!(of_run.to_json(), json!({ "severity": "info", "code": "manifest", "reason": "so" }));
        let result = json!({ "severity": "error", "resourceRef": { "kind": "Pod", "name": "web" },
            "message": "a.yaml:3:5: Pod/web: it is not pinned; name its digest" });
        assert_eq!(finding.to_result(), result);
    }
}
