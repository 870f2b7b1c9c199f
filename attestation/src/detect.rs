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

use crate::{
    AttestError, Attester, CollateralSource, NoCollateral,
    configfs_tsm::{ConfigfsTsm, Provider},
    simulated::{Processor, socket::SocketAttester},
    snp::{CpuId, Reports, SnpIssuer},
    tdx::TdxIssuer,
};

/// Directory of the simulated processor.
const SIMULATOR_DIR: &str = "CONTRAST_SIMULATOR_DIR";
/// File whose SHA-256 is the host data of simulated evidence.
const SIMULATOR_POLICY: &str = "CONTRAST_SIMULATOR_POLICY";
/// Socket of the simulated platform on a cluster, where it is not at its usual place.
const SIMULATOR_SOCKET: &str = "CONTRAST_SIMULATOR_SOCKET";

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
    /// The software processor in the directory that `CONTRAST_SIMULATOR_DIR` names, or behind the socket of the simulated platform.
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
/// data the SHA-256 of the file that `CONTRAST_SIMULATOR_POLICY` names. Where neither is set, it asks the socket that
/// `CONTRAST_SIMULATOR_SOCKET` names, or [`SocketAttester::DEFAULT_PATH`].
///
/// # Errors
/// If there is no such hardware, or the simulator is not set up; see [`AttestError`].
pub fn detect(kind: AttesterKind) -> Result<Arc<dyn Attester>, AttestError> {
    detect_with(kind, Arc::new(NoCollateral))
}

/// [`detect`] for a program that has collateral: SNP evidence goes out with the certificate of the chip and the
/// revocation list, as far as they are at hand, so that verifiers need not get them.
///
/// # Errors
/// As of [`detect`].
pub fn detect_with(
    kind: AttesterKind,
    collateral: Arc<dyn CollateralSource>,
) -> Result<Arc<dyn Attester>, AttestError> {
    Machine { root: Path::new("/"), variable: &|name| env::var_os(name), collateral }.attester(kind)
}

/// The parts of a machine that detection looks at.
struct Machine<'a> {
    root: &'a Path,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    collateral: Arc<dyn CollateralSource>,
}

impl Machine<'_> {
    fn attester(&self, kind: AttesterKind) -> Result<Arc<dyn Attester>, AttestError> {
        match kind {
            AttesterKind::Simulated => self.simulated(),
            AttesterKind::Snp => self.hardware(&[Provider::SevGuest]),
            AttesterKind::Tdx => self.hardware(&[Provider::TdxGuest]),
            AttesterKind::Auto => self.hardware(&[Provider::SevGuest, Provider::TdxGuest]),
        }
    }

    /// The kernel's common interface first, then devices of its providers.
    fn hardware(&self, accepted: &'static [Provider]) -> Result<Arc<dyn Attester>, AttestError> {
        let configfs = self.root.join("sys/kernel/config/tsm/report");
        let device = |provider| match provider {
            Provider::SevGuest => self.root.join("dev/sev-guest"),
            Provider::TdxGuest => self.root.join("dev/tdx_guest"),
        };
        let found =
            accepted.iter().map(|provider| (*provider, device(*provider))).find(|(_, path)| path.exists());
        let through_configfs = configfs.is_dir().then(|| ConfigfsTsm::open(&configfs, accepted));
        match (through_configfs, found) {
            (Some(Ok(configfs)), _) => Ok(match configfs.provider() {
                Provider::SevGuest => self.snp(Reports::Configfs(configfs)),
                Provider::TdxGuest => Arc::new(TdxIssuer { configfs }),
            }),
            // The directory is there even if no driver has registered with it.
            (_, Some((Provider::SevGuest, path))) => Ok(self.snp(Reports::Device(path))),
            (Some(Err(error)), _) => Err(error),
            (None, Some((Provider::TdxGuest, found))) => {
                Err(AttestError::NoConfigfs { platform: "TDX", found })
            }
            (None, None) => {
                let devices = accepted.iter().map(|provider| device(*provider));
                Err(AttestError::NoHardware {
                    looked_at: std::iter::once(configfs.clone()).chain(devices).collect(),
                })
            }
        }
    }

    fn snp(&self, reports: Reports) -> Arc<dyn Attester> {
        let cpuinfo = fs::read_to_string(self.root.join("proc/cpuinfo")).unwrap_or_default();
        let collateral = Arc::clone(&self.collateral);
        Arc::new(SnpIssuer { reports, cpuid: cpuid(&cpuinfo), collateral })
    }

    fn simulated(&self) -> Result<Arc<dyn Attester>, AttestError> {
        if [SIMULATOR_DIR, SIMULATOR_POLICY].iter().all(|variable| (self.variable)(variable).is_none()) {
            return self.behind_socket();
        }
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

    fn behind_socket(&self) -> Result<Arc<dyn Attester>, AttestError> {
        let named = (self.variable)(SIMULATOR_SOCKET).map(PathBuf::from);
        let path =
            named.unwrap_or_else(|| self.root.join(SocketAttester::DEFAULT_PATH.trim_start_matches('/')));
        if !path.exists() {
            return Err(AttestError::NoSimulator { path, variable: SIMULATOR_DIR });
        }
        Ok(Arc::new(SocketAttester::new(&path)))
    }
}

/// The first processor in `/proc/cpuinfo`. (The instruction itself cannot be had without `unsafe`.)
fn cpuid(cpuinfo: &str) -> Option<CpuId> {
    let value = |name: &str| {
        let line =
            cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        line.split_once(':')?.1.trim().parse::<u8>().ok()
    };
    Some(CpuId { family: value("cpu family")?, model: value("model")?, stepping: value("stepping")? })
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
        Machine { root, variable: &variable, collateral: Arc::new(NoCollateral) }.attester(kind)
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
            assert!(matches!(error, AttestError::NoConfigfs { platform: "TDX", .. }), "{error}");
        }
        assert!(matches!(
            detect_in(machine.path(), AttesterKind::Snp, &[]),
            Err(AttestError::NoHardware { looked_at }) if looked_at.len() == 2
        ));
    }

    #[test]
    fn the_device_of_snp_serves_where_configfs_has_no_reports() {
        let machine = tempfile::tempdir().unwrap();
        fs::create_dir(machine.path().join("dev")).unwrap();
        fs::write(machine.path().join("dev/sev-guest"), []).unwrap();
        for has_configfs in [false, true] {
            if has_configfs {
                fs::create_dir_all(machine.path().join("sys/kernel/config/tsm/report")).unwrap();
            }
            for kind in [AttesterKind::Auto, AttesterKind::Snp] {
                let attester = detect_in(machine.path(), kind, &[]).unwrap();
                assert_eq!(attester.evidence_type(), EvidenceType::Snp);
            }
        }
        // Neither is of TDX.
        let error = detect_in(machine.path(), AttesterKind::Tdx, &[]).err().unwrap();
        assert!(matches!(error, AttestError::Io { .. }), "{error}");
    }

    #[test]
    fn the_processor_is_known_from_what_the_kernel_says() {
        let cpuinfo = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n\
                       model name\t: AMD EPYC-Genoa\nstepping\t: 0\n\nprocessor\t: 1\nmodel\t\t: 1\n";
        assert_eq!(cpuid(cpuinfo), Some(CpuId { family: 0x19, model: 0x11, stepping: 0 }));
        assert_eq!(cpuid("processor\t: 0\nCPU implementer\t: 0x41\n"), None);
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
    fn simulation_without_variables_asks_the_socket_that_is_there() {
        let machine = tempfile::tempdir().unwrap();
        let usual = machine.path().join("run/contrast-simulator/attestation.sock");
        fs::create_dir_all(usual.parent().unwrap()).unwrap();
        fs::write(&usual, []).unwrap();
        assert!(detect_in(machine.path(), AttesterKind::Simulated, &[]).is_ok());
        assert!(matches!(
            detect_in(machine.path(), AttesterKind::Auto, &[]),
            Err(AttestError::NoHardware { .. })
        ));
        let other = machine.path().join("other.sock");
        let set = [(SIMULATOR_SOCKET, other.as_path())];
        let error = detect_in(machine.path(), AttesterKind::Simulated, &set).err().unwrap();
        assert!(matches!(&error, AttestError::NoSimulator { path, .. } if *path == other), "{error}");
        fs::write(&other, []).unwrap();
        assert!(detect_in(machine.path(), AttesterKind::Simulated, &set).is_ok());
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
