//! Which state of the sources something is built from.

use std::{env, path::Path, process::Command};

use time::OffsetDateTime;

use crate::{
    command::{self, CommandError},
    image::Release,
};

/// Why that cannot be said.
#[derive(thiserror::Error, Debug)]
pub enum RevisionError {
    /// The variable for reproducible builds holds something else.
    #[error("SOURCE_DATE_EPOCH is `{0}`; it has to be a number of seconds since 1970")]
    Epoch(String),
    /// Git is there, but fails.
    #[error(transparent)]
    Git(#[from] CommandError),
    /// Git says something else than a time.
    #[error("git says that the latest commit is of the time `{0}`")]
    Time(String),
}

impl Release {
    /// The present state of a repository, for images at this registry.
    ///
    /// Its time is `SOURCE_DATE_EPOCH`, else that of the latest commit, else, without a repository of git, the beginning of 1970. The commit is
    /// named only if nothing was changed since.
    ///
    /// # Errors
    /// If git fails, or a time is none.
    pub fn of_repository(root: &Path, registry: &str) -> Result<Self, RevisionError> {
        let git = |arguments: &[&str]| command::output(Command::new("git").args(arguments).current_dir(root));
        let (mut revision, mut seconds) = (None, "0".to_owned());
        if root.join(".git").exists() {
            let changes = git(&["status", "--porcelain"])?;
            revision =
                Some(git(&["rev-parse", "HEAD"])?.trim().to_owned()).filter(|_| changes.trim().is_empty());
            seconds = git(&["log", "-1", "--format=%ct"])?.trim().to_owned();
        }
        let time = |text: &str| OffsetDateTime::from_unix_timestamp(text.parse().ok()?).ok();
        let time = match env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => time(&text).ok_or(RevisionError::Epoch(text))?,
            Err(_) => time(&seconds).ok_or(RevisionError::Time(seconds))?,
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { registry: registry.trim_end_matches('/').to_owned(), version, revision, time })
    }
}
