//! How a command fails: what happened, why, and what to do next.

use std::{borrow::Cow, error::Error, fmt, io};

/// An error that knows what the user can do about it.
pub(crate) trait Advice: Error + Send + Sync + 'static {
    /// The next step, if there is one to recommend.
    fn advice(&self) -> Option<Cow<'static, str>>;
}

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<dyn Error + Send + Sync>,
    advice: Option<Cow<'static, str>>,
}

impl Failure {
    /// A failure of the operating system that nobody expects.
    pub(crate) fn from_system(sentence: &'static str, cause: io::Error) -> Self {
        Self { error: Box::new(System { sentence, cause }), advice: None }
    }

    /// The sentence.
    pub(crate) fn sentence(&self) -> String {
        self.error.to_string()
    }

    /// Causes below the sentence, without those that it repeats already.
    pub(crate) fn causes(&self) -> Vec<String> {
        let mut said = self.sentence();
        let mut causes = Vec::new();
        let mut next = self.error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.contains(&text) {
                causes.push(text.clone());
                said = text;
            }
            next = cause.source();
        }
        causes
    }

    /// The next step.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }
}

impl<E: Advice> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { advice: error.advice(), error: Box::new(error) }
    }
}

#[derive(Debug)]
struct System {
    sentence: &'static str,
    cause: io::Error,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence)
    }
}

impl Error for System {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
