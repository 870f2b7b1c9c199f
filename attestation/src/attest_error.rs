//! Why no evidence could be made.

use std::{io, path::PathBuf};

use crate::{configfs_tsm::Names, simulated::SimulatorError, snp::ReportError, tdx::QuoteError};

/// The platform could not be found, or asked.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// None of the places where a confidential VM offers its reports exists.
    #[error(
        "this machine offers no attestation reports: neither {} exists; start the program in a confidential VM, \
         or choose the attester `simulated` for a deployment without protection",
        list(looked_at)
    )]
    NoHardware {
        /// Every place that was tried.
        looked_at: Vec<PathBuf>,
    },
    /// There is a device, but not the interface through which its reports are requested.
    #[error(
        "{platform} was found at {}, but its reports come through configfs; mount configfs at /sys/kernel/config \
         (Linux 6.7 or newer)",
        found.display()
    )]
    NoConfigfs {
        /// Name of the platform.
        platform: &'static str,
        /// What was found.
        found: PathBuf,
    },
    /// The simulated attester was chosen, but not told where its processor or policy is.
    #[error("the simulated attester needs the environment variable {variable}; set it to {meaning}")]
    SimulatorNotConfigured {
        /// Name of the variable.
        variable: &'static str,
        /// What it must hold.
        meaning: &'static str,
    },
    /// The simulated attester was chosen, and neither of the two places where it finds a processor is there.
    #[error(
        "there is no socket at {}, through which pods of the simulated platform get their evidence, and the environment variable \
         {variable} is not set; run the pod with a runtime class `contrast-cc-simulated-...`, or, outside of a cluster, set {variable}",
        path.display()
    )]
    NoSimulator {
        /// Where the socket would be.
        path: PathBuf,
        /// Name of the variable that names a processor's folder.
        variable: &'static str,
    },
    /// The node's side of the simulated platform does not answer.
    #[error(
        "the simulated platform gives no evidence through {}: {source}; its node starts the signer again with the pod's next \
         container or exec probe, so try again, and delete the pod if it stays away",
        path.display()
    )]
    SimulatorAway {
        /// The socket.
        path: PathBuf,
        /// What happened to the connection.
        source: io::Error,
    },
    /// The node's side of the simulated platform answers that it cannot make evidence.
    #[error("the simulated platform refuses to make evidence: {reason}")]
    SimulatorRefused {
        /// Its words.
        reason: String,
    },
    /// The simulated processor cannot be used.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// A file or device could not be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something else asked for a report through the same entry at the same time, again and again.
    #[error("the report at {} was overwritten by another request {attempts} times", path.display())]
    Contended {
        /// The entry of configfs.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// The reports come from another kind of platform than the one asked for.
    #[error("reports at {} come from provider {found:?}, but {expected} was asked for", path.display())]
    Provider {
        /// The entry of configfs.
        path: PathBuf,
        /// Names of the providers asked for.
        expected: Names,
        /// Name that the kernel gives.
        found: String,
    },
    /// What the platform returned is not a report.
    #[error("the platform returned a malformed report: {0}")]
    Report(#[from] ReportError),
    /// What the platform returned is not a quote.
    #[error("the platform returned a malformed quote: {0}")]
    Quote(#[from] QuoteError),
    /// The report is not for the report data that was asked for.
    #[error("the platform returned a report for other report data")]
    OtherReportData,
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" nor ")
}
