//! The extended report of an SEV-SNP guest: a report, and the certificates that the host adds to it.
//!
//! This is the one place of the project with unsafe code: one call of the device `/dev/sev-guest`. Everything that comes back
//! is handed out as bytes, for others to be suspicious of.
//!
//! Linux, `include/uapi/linux/sev-guest.h` and Documentation/virt/coco/sev-guest.rst, `SNP_GET_EXT_REPORT`; AMD SEV-SNP ABI
//! specification (document 56860), "MSG_REPORT_RSP".

use std::{fs::File, io};

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// Room for the host's certificates, in bytes: the most that kernels take (`SEV_FW_BLOB_MAX_SIZE`).
const CERTIFICATES: usize = 0x4000;
/// `struct snp_report_resp`, in bytes.
const RESPONSE: usize = 4000;
/// Where the report is in the firmware's answer: after status, length and reserved bytes.
const REPORT: usize = 0x20;

const SNP_GET_EXT_REPORT: Opcode = opcode::read_write::<GuestRequest>(b'S', 2);
/// `msg_version`: the only one.
const MESSAGE_VERSION: u8 = 1;

/// What the device answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtendedReport {
    /// The report (1184 bytes in the versions that are known).
    pub report: Vec<u8>,
    /// The host's table of certificates, with zeros behind it. The host wrote all of it.
    pub certificates: Vec<u8>,
}

/// Why there is no extended report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The kernel or the hypervisor refused, for example because the certificates need more room than there is.
    #[error(
        "the device refused an extended report: {source} (firmware error {firmware:#x}, hypervisor error {hypervisor:#x})"
    )]
    Refused {
        /// What the kernel says.
        source: io::Error,
        /// `fw_error`.
        firmware: u32,
        /// `vmm_error`.
        hypervisor: u32,
    },
    /// The firmware answered with an error.
    #[error("the firmware answered the request for a report with status {0:#x}")]
    Status(u32),
    /// The firmware's answer contradicts itself.
    #[error("the firmware speaks of a report of {0} bytes, for which its answer has no room")]
    Length(u32),
}

/// `struct snp_report_req`.
#[repr(C)]
struct ReportRequest {
    user_data: [u8; 64],
    vmpl: u32,
    reserved: [u8; 28],
}

/// `struct snp_ext_report_req`.
#[repr(C)]
struct ExtendedReportRequest {
    data: ReportRequest,
    certs_address: u64,
    certs_len: u32,
}

/// `struct snp_guest_request_ioctl`.
#[repr(C)]
struct GuestRequest {
    msg_version: u8,
    req_data: u64,
    resp_data: u64,
    /// `fw_error` in the lower half, `vmm_error` in the upper one.
    exitinfo2: u64,
}

/// Asks `device` (`/dev/sev-guest`) for a report for 64 bytes of report data, at VMPL 0. Blocks.
///
/// # Errors
/// See [`ReportError`]. Nothing is wrong with the guest then: it can ask for a report alone.
pub fn extended_report(device: &File, report_data: &[u8; 64]) -> Result<ExtendedReport, ReportError> {
    let mut certificates = vec![0; CERTIFICATES];
    let mut response = vec![0; RESPONSE];
    let mut extended = ExtendedReportRequest {
        data: ReportRequest { user_data: *report_data, vmpl: 0, reserved: [0; 28] },
        certs_address: certificates.as_mut_ptr().expose_provenance() as u64,
        certs_len: CERTIFICATES as u32,
    };
    let mut request = GuestRequest {
        msg_version: MESSAGE_VERSION,
        req_data: (&raw mut extended).expose_provenance() as u64,
        resp_data: response.as_mut_ptr().expose_provenance() as u64,
        exitinfo2: 0,
    };
    get_extended_report(device, &mut request).map_err(|source| ReportError::Refused {
        source,
        firmware: request.exitinfo2 as u32,
        hypervisor: (request.exitinfo2 >> 32) as u32,
    })?;
    Ok(ExtendedReport { report: report(&response)?, certificates })
}

#[expect(unsafe_code, reason = "the kernel follows the addresses in the request")]
fn get_extended_report(device: &File, request: &mut GuestRequest) -> io::Result<()> {
    // SAFETY: the opcode is that of `SNP_GET_EXT_REPORT`, for which the kernel expects `struct snp_guest_request_ioctl`. It
    // reads and writes `struct snp_ext_report_req` at `req_data`, writes `struct snp_report_resp` at `resp_data`, and at most
    // `certs_len` bytes at `certs_address`. The only caller keeps buffers of these lengths there until after the call.
    // Another device does not know the opcode.
    unsafe { ioctl(device, Updater::<SNP_GET_EXT_REPORT, GuestRequest>::new(request)) }?;
    Ok(())
}

/// The report in the firmware's answer.
fn report(response: &[u8]) -> Result<Vec<u8>, ReportError> {
    let number = |at: usize| {
        let bytes = response.get(at..).and_then(|rest| rest.first_chunk());
        u32::from_le_bytes(bytes.copied().unwrap_or_default())
    };
    let (status, length) = (number(0), number(4));
    if status != 0 {
        return Err(ReportError::Status(status));
    }
    let report = response.get(REPORT..).and_then(|rest| rest.get(..usize::try_from(length).ok()?));
    report.map(<[u8]>::to_vec).ok_or(ReportError::Length(length))
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    /// Values that a C compiler gives for the kernel's header.
    #[test]
    fn the_structures_are_those_of_the_kernel() {
        assert_eq!(size_of::<ReportRequest>(), 96);
        assert_eq!(size_of::<ExtendedReportRequest>(), 112);
        assert_eq!(offset_of!(ExtendedReportRequest, certs_address), 96);
        assert_eq!(offset_of!(ExtendedReportRequest, certs_len), 104);
        assert_eq!(size_of::<GuestRequest>(), 32);
        assert_eq!(offset_of!(GuestRequest, req_data), 8);
        assert_eq!(offset_of!(GuestRequest, resp_data), 16);
        assert_eq!(offset_of!(GuestRequest, exitinfo2), 24);
        assert_eq!(SNP_GET_EXT_REPORT, 0xC020_5302);
    }

    #[test]
    fn a_file_that_is_not_the_device_refuses() {
        let error = extended_report(&File::open("/dev/null").unwrap(), &[7; 64]).unwrap_err();
        assert!(matches!(error, ReportError::Refused { firmware: 0, hypervisor: 0, .. }), "{error}");
    }

    #[test]
    fn the_report_is_taken_out_of_the_answer_and_nothing_beyond_it() {
        let mut response = [0; RESPONSE];
        response[4..8].copy_from_slice(&1184_u32.to_le_bytes());
        response[REPORT..REPORT + 1184].fill(9);
        assert_eq!(report(&response).unwrap(), [9; 1184]);
        response[0] = 0x16;
        assert!(matches!(report(&response), Err(ReportError::Status(0x16))));
        for length in [RESPONSE as u32, u32::MAX] {
            response[0] = 0;
            response[4..8].copy_from_slice(&length.to_le_bytes());
            assert!(matches!(report(&response), Err(ReportError::Length(found)) if found == length));
        }
        assert!(matches!(report(&[]), Err(ReportError::Length(0))));
    }
}
