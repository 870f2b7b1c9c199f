//! SNP reports from the kernel's configfs interface (Linux, `Documentation/ABI/testing/configfs-tsm-report`).
//!
//! A directory made below `tsm/report` is one request: report data goes into `inblob`, the report comes out
//! of `outblob`, and `generation` tells whether somebody else wrote in between.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    AttestError, Attester, Evidence, EvidenceType, ReportData,
    snp::{Document, Endorsements, Report, certificate_table},
};

/// What `provider` holds in an SNP guest.
const PROVIDER: &str = "sev_guest";
const ATTEMPTS: u32 = 5;

/// Requests reports through configfs.
pub(crate) struct ConfigfsTsm {
    root: PathBuf,
}

impl ConfigfsTsm {
    /// Makes sure that the provider behind `root` is an SNP guest.
    pub(crate) fn open(root: &Path) -> Result<Self, AttestError> {
        let request = Request::new(root)?;
        let found = String::from_utf8_lossy(&request.read("provider")?).trim().to_owned();
        if found != PROVIDER {
            return Err(AttestError::Provider { path: root.to_owned(), expected: PROVIDER, found });
        }
        Ok(Self { root: root.to_owned() })
    }
}

impl Attester for ConfigfsTsm {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Snp
    }

    fn attest(&self, report_data: &ReportData) -> Result<Evidence, AttestError> {
        let request = Request::new(&self.root)?;
        let (report, endorsements) = request.report(report_data)?;
        if report.report_data != report_data.0 {
            return Err(AttestError::OtherReportData);
        }
        // From version 3 the report itself names the processor.
        let document = Document { report, endorsements, product: None };
        Ok(Evidence { evidence_type: EvidenceType::Snp, document: document.encode() })
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

    fn report(&self, report_data: &ReportData) -> Result<(Report, Endorsements), AttestError> {
        for _ in 0..ATTEMPTS {
            let before = self.read("generation")?;
            self.write("inblob", &report_data.0)?;
            let report = self.read("outblob")?;
            let endorsements = self.endorsements();
            let after = self.read("generation")?;
            // Our own write counts one up; any other step means that the report may be somebody else's.
            if counter(&after)
                .zip(counter(&before))
                .is_some_and(|(after, before)| before.checked_add(1) == Some(after))
            {
                // Some kernels append the certificate table, which is not part of the report.
                let report = report.get(..Report::LENGTH).unwrap_or(&report);
                return Ok((Report::parse(report)?, endorsements));
            }
        }
        Err(AttestError::Contended { path: self.dir.clone(), attempts: ATTEMPTS })
    }

    /// The certificates of the host. Without them evidence is still good: the verifier can get its own.
    fn endorsements(&self) -> Endorsements {
        let table = self.read("auxblob").unwrap_or_default();
        certificate_table::parse(&table).unwrap_or_else(|error| {
            tracing::warn!(%error, "ignoring the certificates that the host offers");
            Endorsements::default()
        })
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
        let error = ConfigfsTsm::open(dir.path()).err().unwrap();
        assert!(matches!(&error, AttestError::Io { path, .. } if path.ends_with("provider")), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_generation_is_a_decimal_number_and_a_newline() {
        assert_eq!(counter(b"17\n"), Some(17));
        assert_eq!(counter(b""), None);
        assert_eq!(counter(b"\xFF"), None);
    }
}
