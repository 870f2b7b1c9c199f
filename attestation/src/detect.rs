//! Finds the platform that a program runs on.

use std::{
    env,
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::{AttestError, Attester, configfs_tsm::ConfigfsTsm, simulated::Processor};

/// Directory of the simulated processor.
const SIMULATOR_DIR: &str = "CONTRAST_SIMULATOR_DIR";
/// File whose SHA-256 is the host data of simulated evidence.
const SIMULATOR_POLICY: &str = "CONTRAST_SIMULATOR_POLICY";

/// Where evidence comes from, as an option of a program names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AttesterKind {
    /// Whatever hardware there is. Never simulated.
    #[default]
    Auto,
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
    /// The software processor in the directory that `CONTRAST_SIMULATOR_DIR` names.
    Simulated,
}

impl AttesterKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Snp, Self::Tdx, Self::Simulated];

    /// The name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Snp => "snp",
            Self::Tdx => "tdx",
            Self::Simulated => "simulated",
        }
    }
}

impl fmt::Display for AttesterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is not one of [`AttesterKind::ALL`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown attester {0:?}; choose auto, snp, tdx or simulated")]
pub struct UnknownAttesterKind(pub String);

impl FromStr for AttesterKind {
    type Err = UnknownAttesterKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| UnknownAttesterKind(name.to_owned()))
    }
}

/// Finds the attester of this machine. Reads files: call it once, at the start.
///
/// The simulated attester takes its processor from the directory in `CONTRAST_SIMULATOR_DIR`, and as host
/// data the SHA-256 of the file that `CONTRAST_SIMULATOR_POLICY` names.
///
/// # Errors
/// If there is no such hardware, or the simulator is not set up; see [`AttestError`].
pub fn detect(kind: AttesterKind) -> Result<Arc<dyn Attester>, AttestError> {
    Machine { root: Path::new("/"), variable: &|name| env::var_os(name) }.attester(kind)
}

/// The parts of a machine that detection looks at.
struct Machine<'a> {
    root: &'a Path,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Machine<'_> {
    fn attester(&self, kind: AttesterKind) -> Result<Arc<dyn Attester>, AttestError> {
        let configfs = self.root.join("sys/kernel/config/tsm/report");
        let (snp, tdx) = (self.root.join("dev/sev-guest"), self.root.join("dev/tdx_guest"));
        match kind {
            AttesterKind::Simulated => self.simulated(),
            AttesterKind::Snp => hardware(&configfs, &[(&snp, "SEV-SNP")]),
            AttesterKind::Tdx => match tdx.exists() {
                true => Err(AttestError::Unsupported { platform: "TDX", found: tdx }),
                false => Err(AttestError::NoHardware { looked_at: vec![tdx] }),
            },
            AttesterKind::Auto => hardware(&configfs, &[(&snp, "SEV-SNP"), (&tdx, "TDX")]),
        }
    }

    fn simulated(&self) -> Result<Arc<dyn Attester>, AttestError> {
        let required = |variable, meaning| {
            (self.variable)(variable)
                .map(PathBuf::from)
                .ok_or(AttestError::SimulatorNotConfigured { variable, meaning })
        };
        let dir = required(SIMULATOR_DIR, "the directory that `contrast simulator init` made")?;
        let path = required(SIMULATOR_POLICY, "the policy file of this process")?;
        let policy = fs::read(&path).map_err(|source| AttestError::Io { path, source })?;
        let processor = Processor::open(&dir)?;
        Ok(Arc::new(processor.attester(Sha256::digest(&policy).into())))
    }
}

/// Takes the reports of configfs where it has some; else says which device there is, or that there is none.
fn hardware(configfs: &Path, devices: &[(&Path, &'static str)]) -> Result<Arc<dyn Attester>, AttestError> {
    if configfs.is_dir() {
        return Ok(Arc::new(ConfigfsTsm::open(configfs)?));
    }
    match devices.iter().find(|(path, _)| path.exists()) {
        Some((path, platform)) => Err(AttestError::Unsupported { platform, found: path.to_path_buf() }),
        None => {
            let devices = devices.iter().map(|(path, _)| path.to_path_buf());
            Err(AttestError::NoHardware {
                looked_at: std::iter::once(configfs.to_path_buf()).chain(devices).collect(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvidenceType;

    fn detect_in(
        root: &Path,
        kind: AttesterKind,
        set: &[(&str, &Path)],
    ) -> Result<Arc<dyn Attester>, AttestError> {
        let variable = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_os_str().to_owned())
        };
        Machine { root, variable: &variable }.attester(kind)
    }

    #[test]
    fn without_hardware_auto_fails_and_names_every_place_even_if_a_simulator_is_set_up() {
        let machine = tempfile::tempdir().unwrap();
        let set = [(SIMULATOR_DIR, machine.path()), (SIMULATOR_POLICY, machine.path())];
        let error = detect_in(machine.path(), AttesterKind::Auto, &set).err().unwrap().to_string();
        for place in ["sys/kernel/config/tsm/report", "dev/sev-guest", "dev/tdx_guest", "simulated"] {
            assert!(error.contains(place), "{error}");
        }
    }

    #[test]
    fn hardware_that_cannot_be_asked_is_named() {
        let machine = tempfile::tempdir().unwrap();
        fs::create_dir(machine.path().join("dev")).unwrap();
        fs::write(machine.path().join("dev/tdx_guest"), []).unwrap();
        for kind in [AttesterKind::Auto, AttesterKind::Tdx] {
            let error = detect_in(machine.path(), kind, &[]).err().unwrap();
            assert!(matches!(error, AttestError::Unsupported { platform: "TDX", .. }), "{error}");
        }
    }

    #[test]
    fn simulation_says_which_variable_is_missing() {
        let machine = tempfile::tempdir().unwrap();
        let error = detect_in(machine.path(), AttesterKind::Simulated, &[]).err().unwrap().to_string();
        assert!(error.contains(SIMULATOR_DIR), "{error}");
        let set = [(SIMULATOR_DIR, machine.path())];
        let error = detect_in(machine.path(), AttesterKind::Simulated, &set).err().unwrap().to_string();
        assert!(error.contains(SIMULATOR_POLICY), "{error}");
    }

    #[test]
    fn simulation_takes_its_host_data_from_the_policy_file() {
        let machine = tempfile::tempdir().unwrap();
        let dir = machine.path().join("processor");
        Processor::init(&dir).unwrap();
        let policy = machine.path().join("policy.rego");
        fs::write(&policy, "package agent_policy").unwrap();
        let set = [(SIMULATOR_DIR, dir.as_path()), (SIMULATOR_POLICY, policy.as_path())];
        let attester = detect_in(machine.path(), AttesterKind::Simulated, &set).unwrap();
        let evidence = attester.attest(&crate::ReportData([1; 64])).unwrap();
        assert_eq!(evidence.evidence_type, EvidenceType::Simulated);
        let document = crate::snp::document::parse(&evidence.document).unwrap();
        assert_eq!(document.report.host_data, <[u8; 32]>::from(Sha256::digest("package agent_policy")));
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for kind in AttesterKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("SNP".parse::<AttesterKind>().is_err());
    }
}
