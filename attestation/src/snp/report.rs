//! The attestation report as the firmware writes it.
//!
//! AMD SEV-SNP ABI specification (document 56860), table "ATTESTATION_REPORT structure". All integers
//! are little endian. The signature covers the bytes before [`Report::SIGNED_LENGTH`].

use super::CpuId;

/// A report of version 2, 3, 4 or 5. Fields that need a product line or reference values to have a
/// meaning (TCB versions, guest policy, platform info) are kept as they are in the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// `VERSION`.
    pub version: u32,
    /// `GUEST_SVN`, from the ID block.
    pub guest_svn: u32,
    /// `POLICY`; see [`super::GuestPolicy`].
    pub policy: u64,
    /// `FAMILY_ID`, from the ID block.
    pub family_id: [u8; 16],
    /// `IMAGE_ID`, from the ID block.
    pub image_id: [u8; 16],
    /// `VMPL` that the report was requested from.
    pub vmpl: u32,
    /// `SIGNATURE_ALGO`: 1 is ECDSA P-384 with SHA-384.
    pub signature_algo: u32,
    /// `CURRENT_TCB`; see [`super::TcbParts`].
    pub current_tcb: u64,
    /// `PLATFORM_INFO`; see [`super::PlatformInfo`].
    pub platform_info: u64,
    /// `AUTHOR_KEY_EN`, `MASK_CHIP_KEY` and `SIGNING_KEY`; see [`super::SignerInfo`].
    pub signer_info: u32,
    /// `REPORT_DATA`, chosen by the guest.
    pub report_data: [u8; 64],
    /// `MEASUREMENT`: the launch digest.
    pub measurement: [u8; 48],
    /// `HOST_DATA`, chosen by the host at launch.
    pub host_data: [u8; 32],
    /// `ID_KEY_DIGEST`: SHA-384 of the key that signed the ID block; zero without one.
    pub id_key_digest: [u8; 48],
    /// `AUTHOR_KEY_DIGEST`.
    pub author_key_digest: [u8; 48],
    /// `REPORT_ID` of this guest.
    pub report_id: [u8; 32],
    /// `REPORT_ID_MA` of its migration agent; all ones without one.
    pub report_id_ma: [u8; 32],
    /// `REPORTED_TCB`: the version that the signing key belongs to.
    pub reported_tcb: u64,
    /// `CPUID_FAM_ID`, `CPUID_MOD_ID`, `CPUID_STEP`: from version 3.
    pub cpuid: Option<CpuId>,
    /// `CHIP_ID`, or zero where the host masks it. Turin fills the first 8 bytes.
    pub chip_id: [u8; 64],
    /// `COMMITTED_TCB`: the host cannot go back below it.
    pub committed_tcb: u64,
    /// Version of the firmware that runs.
    pub current: FirmwareVersion,
    /// Version of the firmware that is committed.
    pub committed: FirmwareVersion,
    /// `LAUNCH_TCB`: current TCB when the guest was launched.
    pub launch_tcb: u64,
    /// `LAUNCH_MIT_VECTOR` and `CURRENT_MIT_VECTOR`: from version 5.
    pub mitigations: Option<MitigationVectors>,
    /// `SIGNATURE`: see [`super::signature`].
    pub signature: [u8; 512],
}

/// Build, minor and major number of the firmware.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FirmwareVersion {
    /// `BUILD`.
    pub build: u8,
    /// `MINOR`.
    pub minor: u8,
    /// `MAJOR`.
    pub major: u8,
}

/// Which mitigations are in place, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MitigationVectors {
    /// When the guest was launched.
    pub launch: u64,
    /// Now.
    pub current: u64,
}

/// Why bytes are not a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReportError {
    /// A report is 1184 bytes long, no more and no less.
    #[error("report is {0} bytes long, but must be {expected}", expected = Report::LENGTH)]
    Length(usize),
    /// Unknown versions may give a known field another meaning.
    #[error("report has version {0}, but only versions 2 to 5 are known")]
    Version(u32),
    /// A byte that must be zero in this version is not.
    #[error("report byte {offset:#05x} is reserved in version {version}, but is {value:#04x}")]
    Reserved {
        /// `VERSION`.
        version: u32,
        /// From the start of the report.
        offset: usize,
        /// What it is.
        value: u8,
    },
}

impl Report {
    /// Length of a report in bytes.
    pub const LENGTH: usize = 0x4A0;
    /// How many of its bytes, from the start, the signature covers.
    pub const SIGNED_LENGTH: usize = 0x2A0;

    /// Reads a report.
    ///
    /// # Errors
    /// If the length or version is wrong, or a reserved byte is set.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        let bytes: &[u8; Self::LENGTH] = bytes.try_into().map_err(|_| ReportError::Length(bytes.len()))?;
        let fields = Fields(bytes);
        let version = fields.u32(0x000);
        if !(2..=5).contains(&version) {
            return Err(ReportError::Version(version));
        }
        for &(start, end) in reserved_ranges(version) {
            let reserved = bytes.iter().enumerate().skip(start).take(end - start);
            if let Some((offset, &value)) = reserved.into_iter().find(|(_, byte)| **byte != 0) {
                return Err(ReportError::Reserved { version, offset, value });
            }
        }
        Ok(Self {
            version,
            guest_svn: fields.u32(0x004),
            policy: fields.u64(0x008),
            family_id: fields.array(0x010),
            image_id: fields.array(0x020),
            vmpl: fields.u32(0x030),
            signature_algo: fields.u32(0x034),
            current_tcb: fields.u64(0x038),
            platform_info: fields.u64(0x040),
            signer_info: fields.u32(0x048),
            report_data: fields.array(0x050),
            measurement: fields.array(0x090),
            host_data: fields.array(0x0C0),
            id_key_digest: fields.array(0x0E0),
            author_key_digest: fields.array(0x110),
            report_id: fields.array(0x140),
            report_id_ma: fields.array(0x160),
            reported_tcb: fields.u64(0x180),
            cpuid: (version >= 3).then(|| {
                let [family, model, stepping] = fields.array(0x188);
                CpuId { family, model, stepping }
            }),
            chip_id: fields.array(0x1A0),
            committed_tcb: fields.u64(0x1E0),
            current: fields.firmware(0x1E8),
            committed: fields.firmware(0x1EC),
            launch_tcb: fields.u64(0x1F0),
            mitigations: (version >= 5)
                .then(|| MitigationVectors { launch: fields.u64(0x1F8), current: fields.u64(0x200) }),
            signature: fields.array(0x2A0),
        })
    }

    /// The bytes that [`Report::parse`] reads. Fields that the version does not have stay zero.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut out = Vec::with_capacity(Self::LENGTH);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.guest_svn.to_le_bytes());
        out.extend_from_slice(&self.policy.to_le_bytes());
        out.extend_from_slice(&self.family_id);
        out.extend_from_slice(&self.image_id);
        out.extend_from_slice(&self.vmpl.to_le_bytes());
        out.extend_from_slice(&self.signature_algo.to_le_bytes());
        out.extend_from_slice(&self.current_tcb.to_le_bytes());
        out.extend_from_slice(&self.platform_info.to_le_bytes());
        out.extend_from_slice(&self.signer_info.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.report_data);
        out.extend_from_slice(&self.measurement);
        out.extend_from_slice(&self.host_data);
        out.extend_from_slice(&self.id_key_digest);
        out.extend_from_slice(&self.author_key_digest);
        out.extend_from_slice(&self.report_id);
        out.extend_from_slice(&self.report_id_ma);
        out.extend_from_slice(&self.reported_tcb.to_le_bytes());
        let cpuid = self.cpuid.filter(|_| self.version >= 3);
        out.extend_from_slice(&cpuid.map_or([0; 3], |id| [id.family, id.model, id.stepping]));
        out.extend_from_slice(&[0; 21]);
        out.extend_from_slice(&self.chip_id);
        out.extend_from_slice(&self.committed_tcb.to_le_bytes());
        for version in [self.current, self.committed] {
            out.extend_from_slice(&[version.build, version.minor, version.major, 0]);
        }
        out.extend_from_slice(&self.launch_tcb.to_le_bytes());
        let mitigations = self.mitigations.filter(|_| self.version >= 5).unwrap_or_default();
        out.extend_from_slice(&mitigations.launch.to_le_bytes());
        out.extend_from_slice(&mitigations.current.to_le_bytes());
        out.resize(Self::SIGNED_LENGTH, 0);
        out.extend_from_slice(&self.signature);
        let mut bytes = [0; Self::LENGTH];
        bytes.iter_mut().zip(out).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// Offsets `start..end` that must be zero.
fn reserved_ranges(version: u32) -> &'static [(usize, usize)] {
    match version {
        0..=2 => &[(0x4C, 0x50), (0x188, 0x1A0), (0x1EB, 0x1EC), (0x1EF, 0x1F0), (0x1F8, 0x2A0)],
        3 | 4 => &[(0x4C, 0x50), (0x18B, 0x1A0), (0x1EB, 0x1EC), (0x1EF, 0x1F0), (0x1F8, 0x2A0)],
        _ => &[(0x4C, 0x50), (0x18B, 0x1A0), (0x1EB, 0x1EC), (0x1EF, 0x1F0), (0x208, 0x2A0)],
    }
}

/// Reads fields at offsets that are constants of the layout.
struct Fields<'a>(&'a [u8; Report::LENGTH]);

impl Fields<'_> {
    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        let mut field = [0; N];
        field.iter_mut().zip(self.0.iter().skip(offset)).for_each(|(to, from)| *to = *from);
        field
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.array(offset))
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.array(offset))
    }

    fn firmware(&self, offset: usize) -> FirmwareVersion {
        let [build, minor, major] = self.array(offset);
        FirmwareVersion { build, minor, major }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(version: u32) -> Vec<u8> {
        let mut bytes = vec![0; Report::LENGTH];
        bytes[..4].copy_from_slice(&version.to_le_bytes());
        bytes
    }

    #[test]
    fn unknown_versions_are_refused() {
        for version in [0, 1, 6, 255, 256, u32::MAX] {
            assert_eq!(Report::parse(&bytes(version)), Err(ReportError::Version(version)));
        }
    }

    #[test]
    fn any_other_length_is_refused() {
        let mut long = bytes(2);
        long.push(0);
        assert_eq!(Report::parse(&long), Err(ReportError::Length(1185)));
        assert_eq!(Report::parse(&long[..1183]), Err(ReportError::Length(1183)));
        assert_eq!(Report::parse(&[]), Err(ReportError::Length(0)));
    }

    #[test]
    fn reserved_bytes_are_those_of_the_version() {
        for (version, offset) in [(2, 0x188), (2, 0x1F8), (3, 0x18B), (4, 0x200), (5, 0x208), (5, 0x4F)] {
            let mut report = bytes(version);
            report[offset] = 7;
            assert_eq!(Report::parse(&report), Err(ReportError::Reserved { version, offset, value: 7 }));
        }
        let mut report = bytes(5);
        report[0x188] = 0x19;
        report[0x207] = 0x80;
        assert!(Report::parse(&report).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Every byte is either refused or kept: nothing that is signed is lost in the typed form.
        #[test]
        fn a_report_that_parses_is_written_back_byte_for_byte(
            version in 2_u32..=5,
            mut noise in proptest::collection::vec(any::<u8>(), Report::LENGTH),
        ) {
            noise[..4].copy_from_slice(&version.to_le_bytes());
            for &(start, end) in reserved_ranges(version) {
                noise[start..end].fill(0);
            }
            let report = Report::parse(&noise).unwrap();
            prop_assert_eq!(&report.to_bytes()[..], &noise[..]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = Report::parse(&noise);
        }
    }
}
