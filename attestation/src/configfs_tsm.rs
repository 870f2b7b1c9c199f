//! Reports from the kernel's configfs interface (Linux, `Documentation/ABI/testing/configfs-tsm-report`).
//!
//! A directory made below `tsm/report` is one request: report data goes into `inblob`, the report comes out
//! of `outblob`, what the host adds out of `auxblob`, and `generation` tells whether somebody else wrote in
//! between.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use crate::{AttestError, ReportData};

const ATTEMPTS: u32 = 5;

/// Requests reports through configfs.
pub(crate) struct ConfigfsTsm {
    root: PathBuf,
    provider: Provider,
}

/// Who makes the reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Provider {
    /// A guest of AMD SEV-SNP.
    SevGuest,
    /// A guest of Intel TDX.
    TdxGuest,
}

/// What one request brings.
pub(crate) struct Blobs {
    /// The report or quote.
    pub(crate) report: Vec<u8>,
    /// What the host adds; empty if it adds nothing.
    pub(crate) added_by_host: Vec<u8>,
}

impl ConfigfsTsm {
    /// Makes sure that the provider behind `root` is one of those accepted.
    pub(crate) fn open(root: &Path, accepted: &'static [Provider]) -> Result<Self, AttestError> {
        let request = Request::new(root)?;
        let found = String::from_utf8_lossy(&request.read("provider")?).trim().to_owned();
        match accepted.iter().find(|provider| provider.name() == found) {
            Some(provider) => Ok(Self { root: root.to_owned(), provider: *provider }),
            None => Err(AttestError::Provider { path: root.to_owned(), expected: Names(accepted), found }),
        }
    }

    pub(crate) fn provider(&self) -> Provider {
        self.provider
    }

    /// Requests a report for `report_data`. Whether it is one, and for that data, is left to the caller.
    pub(crate) fn report(&self, report_data: &ReportData) -> Result<Blobs, AttestError> {
        Request::new(&self.root)?.report(report_data)
    }
}

impl Provider {
    /// What the attribute `provider` holds.
    fn name(self) -> &'static str {
        match self {
            Self::SevGuest => "sev_guest",
            Self::TdxGuest => "tdx_guest",
        }
    }
}

/// Names of providers, for messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Names(&'static [Provider]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|provider| provider.name()).collect();
        f.write_str(&names.join(" or "))
    }
}

/// One directory below `tsm/report`, removed when dropped.
struct Request {
    dir: PathBuf,
}

impl Request {
    fn new(root: &Path) -> Result<Self, AttestError> {
        let mut name = [0; 16];
        let dir = root.join("contrast");
        getrandom::fill(&mut name)
            .map_err(|error| AttestError::Io { path: dir, source: io::Error::other(error) })?;
        let dir = root.join(format!("contrast-{}", hex::encode(name)));
        fs::create_dir(&dir).map_err(|source| AttestError::Io { path: dir.clone(), source })?;
        Ok(Self { dir })
    }

    fn report(&self, report_data: &ReportData) -> Result<Blobs, AttestError> {
        for _ in 0..ATTEMPTS {
            let before = self.read("generation")?;
            self.write("inblob", &report_data.0)?;
            let report = self.read("outblob")?;
            // Not every provider has it, and none has to.
            let added_by_host = self.read("auxblob").unwrap_or_default();
            let after = self.read("generation")?;
            // Our own write counts one up; any other step means that the report may be somebody else's.
            if counter(&after)
                .zip(counter(&before))
                .is_some_and(|(after, before)| before.checked_add(1) == Some(after))
            {
                return Ok(Blobs { report, added_by_host });
            }
        }
        Err(AttestError::Contended { path: self.dir.clone(), attempts: ATTEMPTS })
    }

    fn read(&self, attribute: &str) -> Result<Vec<u8>, AttestError> {
        let path = self.dir.join(attribute);
        fs::read(&path).map_err(|source| AttestError::Io { path, source })
    }

    fn write(&self, attribute: &str, bytes: &[u8]) -> Result<(), AttestError> {
        let path = self.dir.join(attribute);
        // The kernel takes the whole value in one write; the file must not be created here.
        let write = || io::Write::write_all(&mut fs::OpenOptions::new().write(true).open(&path)?, bytes);
        write().map_err(|source| AttestError::Io { path: path.clone(), source })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.dir) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot remove an attestation request");
        }
    }
}

fn counter(attribute: &[u8]) -> Option<u64> {
    std::str::from_utf8(attribute).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_of_configfs_is_refused_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let error = ConfigfsTsm::open(dir.path(), &[Provider::SevGuest]).err().unwrap();
        assert!(matches!(&error, AttestError::Io { path, .. } if path.ends_with("provider")), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_generation_is_a_decimal_number_and_a_newline() {
        assert_eq!(counter(b"17\n"), Some(17));
        assert_eq!(counter(b""), None);
        assert_eq!(counter(b"\xFF"), None);
    }

    #[test]
    fn a_foreign_provider_is_told_with_those_that_are_accepted() {
        let names = Names(&[Provider::SevGuest, Provider::TdxGuest]);
        assert_eq!(names.to_string(), "sev_guest or tdx_guest");
    }
}
