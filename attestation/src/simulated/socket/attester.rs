//! The side of a container.

use std::{
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use super::{Answer, PATIENCE, Patient, read_answer, write_question};
use crate::{AttestError, Attester, Evidence, EvidenceType, ReportData};

/// Gets evidence from the socket of the simulated platform.
#[derive(Clone, Debug)]
pub struct SocketAttester {
    path: PathBuf,
}

impl SocketAttester {
    /// Where the simulated platform shows the socket to containers.
    pub const DEFAULT_PATH: &str = "/run/contrast-simulator/attestation.sock";

    /// Of the socket at `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn ask(&self, report_data: &ReportData) -> io::Result<Answer> {
        let stream = UnixStream::connect(&self.path)?;
        let mut stream = Patient::new(&stream, PATIENCE);
        write_question(&mut stream, report_data)?;
        read_answer(&mut stream)
    }
}

impl Attester for SocketAttester {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Simulated
    }

    /// For another process.
    fn waits(&self) -> bool {
        true
    }

    fn attest(&self, report_data: &ReportData) -> Result<Evidence, AttestError> {
        match self.ask(report_data) {
            Ok(Answer::Document(document)) => {
                Ok(Evidence { evidence_type: EvidenceType::Simulated, document })
            }
            Ok(Answer::Refusal(reason)) => Err(AttestError::SimulatorRefused { reason }),
            Err(source) => Err(AttestError::SimulatorAway { path: self.path.clone(), source }),
        }
    }
}
