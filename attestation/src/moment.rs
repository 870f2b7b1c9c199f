//! Moments in messages.

use std::time::{SystemTime, UNIX_EPOCH};

use x509_cert::der::DateTime;

/// A moment in whole seconds, like `2025-06-19T10:16:03Z`.
pub(crate) fn text(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime::from_unix_duration(since)
        .map_or_else(|_| format!("{} s after 1970", since.as_secs()), |time| time.to_string())
}
