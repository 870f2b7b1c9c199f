//! Tells containerd what went wrong, as `runc` does: in the file that the call names, and on the standard error output.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, time::SystemTime};

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::command_line::Log;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// containerd shows the last one of these.
    Error,
    /// Something is not as it could be.
    Warning,
}

/// Writes a line.
pub(crate) fn report(log: &Log, level: Level, message: &str) {
    if level == Level::Error {
        // Whoever does not listen is told by the file, and the other way round.
        let _ = writeln!(std::io::stderr(), "{message}");
    }
    let Some(file) = &log.file else { return };
    let line = line(log, level, message, SystemTime::now().into());
    let file = OpenOptions::new().create(true).append(true).mode(0o644).open(file);
    if let Ok(mut file) = file {
        let _ = writeln!(file, "{line}");
    }
}

fn line(log: &Log, level: Level, message: &str, now: OffsetDateTime) -> String {
    let time = now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default();
    let level = match level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    if log.json {
        json!({ "level": level, "msg": message, "time": time }).to_string()
    } else {
        format!("time={time:?} level={level} msg={message:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_runc_writes_it() {
        let moment = OffsetDateTime::UNIX_EPOCH;
        let log = |json| Log { file: None, json };
        assert_eq!(
            line(&log(true), Level::Error, "no \"policy\"", moment),
            r#"{"level":"error","msg":"no \"policy\"","time":"1970-01-01T00:00:00Z"}"#
        );
        assert_eq!(
            line(&log(false), Level::Warning, "a", moment),
            r#"time="1970-01-01T00:00:00Z" level=warning msg="a""#
        );
    }

    #[test]
    fn lines_are_added_to_the_file_that_the_call_names() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log { file: Some(folder.path().join("log.json")), json: true };
        report(&log, Level::Warning, "first");
        report(&log, Level::Error, "second");
        let text = std::fs::read_to_string(folder.path().join("log.json")).unwrap();
        let messages: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&messages[0]["msg"], &messages[1]["level"]), (&json!("first"), &json!("error")));
        // Nothing that stands in the way ends the program.
        report(&Log { file: Some("/absent/log.json".into()), json: true }, Level::Error, "third");
    }
}
