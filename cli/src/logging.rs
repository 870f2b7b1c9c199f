//! Logs for people who look for a fault: lines of text on stderr.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// How much to log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// A log level that does not exist.
#[derive(thiserror::Error, Debug)]
#[error("the level must be debug, info, warn, error or a whole number")]
pub(crate) struct UnknownLevel;

/// Starts logging what this project's crates say; libraries below stay silent.
pub(crate) fn start(level: LogLevel) {
    let name = match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    let filter =
        EnvFilter::new(format!("off,contrast={name},contrast_attestation={name},contrast_manifest={name}"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text.to_ascii_lowercase().as_str() {
            "debug" => Ok(Self::Debug),
            // As in scripts that pass an unset variable.
            "info" | "" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            number => number.parse().map(Self::of_number).map_err(|_| UnknownLevel),
        }
    }
}

impl LogLevel {
    fn of_number(number: i64) -> Self {
        match number {
            ..0 => Self::Debug,
            0..4 => Self::Info,
            4..8 => Self::Warn,
            8.. => Self::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_names_in_any_case_or_numbers() {
        let read = |text: &str| text.parse::<LogLevel>().ok();
        assert_eq!(read("WARN"), Some(LogLevel::Warn));
        assert_eq!(read(""), Some(LogLevel::Info));
        assert_eq!(read("-4"), Some(LogLevel::Debug));
        assert_eq!(read("8"), Some(LogLevel::Error));
        assert_eq!(read("loud"), None);
    }
}
