//! What `kube` says, in this crate's words.

use std::error::Error;

use super::AccessError;

/// Longer messages of a server are cut.
const LONGEST_MESSAGE: usize = 1000;

impl From<kube::Error> for AccessError {
    fn from(error: kube::Error) -> Self {
        // What this crate's transport said, wherever `kube` has put it.
        let mut next: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(cause) = next {
            if let Some(known) = cause.downcast_ref::<Self>() {
                return known.clone();
            }
            next = cause.source();
        }
        match error {
            kube::Error::Api(status) => Self::of_status(
                status.code,
                if status.message.is_empty() { &status.reason } else { &status.message },
            ),
            kube::Error::SerdeError(error) => {
                Self::Garbage { reason: format!("JSON ends or errs {}", at(&error)) }
            }
            kube::Error::UpgradeConnection(error) => Self::Garbage { reason: cut(&error.to_string()) },
            other => Self::Garbage { reason: cut(&other.to_string()) },
        }
    }
}

impl AccessError {
    /// What a status that is no success means.
    pub(crate) fn of_status(code: u16, message: &str) -> Self {
        let message = cut(message);
        match code {
            403 => Self::Forbidden { message },
            404 => Self::NotFound { message },
            code => Self::Refused { code, message },
        }
    }

    /// Is this no matter of the question, but of the way to the server or of the server as a whole?
    #[must_use]
    pub fn concerns_the_server(&self) -> bool {
        !matches!(
            self,
            Self::Forbidden { .. }
                | Self::NotFound { .. }
                | Self::Refused { code: ..500, .. }
                | Self::TooLarge { .. }
                | Self::Garbage { .. }
        )
    }

    /// May it be better in a moment, without anybody's doing?
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Away { .. }
                | Self::Broken { .. }
                | Self::Slow { .. }
                | Self::Refused { code: 429 | 500.., .. }
        )
    }
}

/// Where JSON is wrong. The error's own words may quote what stands there.
fn at(error: &serde_json::Error) -> String {
    format!("in line {}, column {}", error.line(), error.column())
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}
