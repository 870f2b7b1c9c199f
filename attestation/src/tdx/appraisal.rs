//! The judge: facts on one side, reference values on the other, everything that does not fit as the result.
//!
//! Pure. Signatures, certificates and dates are facts by the time they get here.

use std::fmt::Display;

use dcap_qvl::{INTEL_QE_VENDOR_ID, TcbStatus};

use super::{
    Quote, ReferenceValues, TdReport,
    platform::{ComponentStatus, Platform},
};
use crate::{Cause, Findings, ReportData, findings::Hex, nearest};

/// `TDATTRIBUTES.SEPT_VE_DISABLE`: the guest gets no exception for pages that the host takes away. A TD must have
/// this attribute, and no other one (Intel TDX Module ABI specification, table "ATTRIBUTES").
const TD_ATTRIBUTES: u64 = 1 << 28;
/// `TDATTRIBUTES.DEBUG`: the host can read and change the TD.
const DEBUG: u64 = 1;
/// `CET_U` and `CET_S` of `XFAM`.
const CONTROL_FLOW_ENFORCEMENT: u64 = 3 << 11;
/// `SGX Type` of a platform whose memory has cryptographic integrity.
const SCALABLE_WITH_INTEGRITY: u64 = 2;

/// What is known about a piece of evidence.
pub(super) struct Facts<'a> {
    pub(super) quote: &'a Quote,
    /// `None` if the quote or its collateral does not verify; that is a finding of its own.
    pub(super) platform: Option<&'a Platform>,
    /// What the evidence has to be bound to.
    pub(super) report_data: &'a ReportData,
}

/// Finds everything about the evidence that the reference values, or the specification, do not allow.
pub(super) fn judge(facts: &Facts<'_>, reference: &ReferenceValues, findings: &mut Findings) {
    let mut judge = Judge(findings);
    let body = &facts.quote.body;
    judge.0.bytes(
        Cause::QuotingEnclaveVendor,
        "quote field QE_VENDOR_ID",
        &INTEL_QE_VENDOR_ID,
        &facts.quote.header.qe_vendor_id,
    );
    judge.binding(facts, reference);
    judge.module(body, reference);
    judge.td(body, reference);
    if let Some(platform) = facts.platform {
        judge.tcb(platform, reference);
        judge.platform(platform, reference);
    }
}

struct Judge<'a>(&'a mut Findings);

impl Judge<'_> {
    fn binding(&mut self, facts: &Facts<'_>, reference: &ReferenceValues) {
        let body = &facts.quote.body;
        self.0.bytes(Cause::ReportData, "quote field REPORT_DATA", &facts.report_data.0, &body.report_data);
        let allowed = match body.mr_config_id.split_first_chunk() {
            Some((host_data, padding)) => {
                *padding == [0; 16] && reference.allowed_host_data.contains(host_data)
            }
            None => false,
        };
        if !allowed {
            let digest = reference.allowed_host_data.expected(&body.mr_config_id);
            let expected = format_args!("{digest}, then 16 zero bytes");
            self.0.add(Cause::HostData, "quote field MR_CONFIG_ID", expected, Hex(&body.mr_config_id));
        }
    }

    /// The TDX module, which isolates TDs from the host.
    fn module(&mut self, body: &TdReport, reference: &ReferenceValues) {
        self.0.bytes(Cause::Module, "quote field MR_SEAM", &reference.mr_seam, &body.mr_seam);
        self.0.bytes(Cause::ModuleSigner, "quote field MR_SIGNER_SEAM", &[0; 48], &body.mr_signer_seam);
        self.0.bytes(Cause::ModuleSigner, "quote field SEAM_ATTRIBUTES", &[0; 8], &body.seam_attributes);
    }

    fn td(&mut self, body: &TdReport, reference: &ReferenceValues) {
        let attributes = u64::from_le_bytes(body.td_attributes);
        if attributes & DEBUG != 0 {
            self.0.add(
                Cause::TdAttributes,
                "quote field TD_ATTRIBUTES.DEBUG",
                "off",
                "on: the host can read and change the TD",
            );
        }
        if attributes & !DEBUG != TD_ATTRIBUTES {
            let expected = format_args!("{TD_ATTRIBUTES:#x}, SEPT_VE_DISABLE and nothing else");
            self.0.add(
                Cause::TdAttributes,
                "quote field TD_ATTRIBUTES",
                expected,
                format_args!("{attributes:#x}"),
            );
        }
        let (expected, found) = (u64::from_le_bytes(reference.xfam), u64::from_le_bytes(body.xfam));
        if (expected ^ found) & !CONTROL_FLOW_ENFORCEMENT != 0 {
            self.0.bytes(Cause::Xfam, "quote field XFAM", &reference.xfam, &body.xfam);
        }
        self.0.bytes(Cause::MrTd, "quote field MR_TD", &reference.mr_td, &body.mr_td);
        for (number, (expected, found)) in reference.rtmrs.iter().zip(&body.rtmrs).enumerate() {
            self.0.bytes(Cause::Rtmr, format_args!("quote field RTMR{number}"), expected, found);
        }
        if let Some(added) = &body.tdx_1_5 {
            // A service TD can take this one's memory elsewhere.
            self.0.bytes(Cause::ServiceTd, "quote field MR_SERVICE_TD", &[0; 48], &added.mr_service_td);
        }
    }

    fn tcb(&mut self, platform: &Platform, reference: &ReferenceValues) {
        for component in &platform.tcb {
            if component.status != TcbStatus::UpToDate {
                self.0.add(component.cause, component.of, TcbStatus::UpToDate, component);
            }
        }
        if let Some(minimum) = reference.minimum_tcb_evaluation_data_number {
            let found = platform.tcb_evaluation_data_number;
            if found < minimum {
                self.0.add(
                    Cause::CollateralTooOld,
                    "TCB evaluation data number of the collateral",
                    format_args!("at least {minimum}"),
                    found,
                );
            }
        }
    }

    fn platform(&mut self, platform: &Platform, reference: &ReferenceValues) {
        if reference.memory_integrity && platform.sgx_type != SCALABLE_WITH_INTEGRITY {
            let found = match platform.sgx_type {
                0 => "0 (standard)".to_owned(),
                1 => "1 (scalable)".to_owned(),
                other => other.to_string(),
            };
            self.0.add(
                Cause::MemoryIntegrity,
                "PCK certificate field SGX Type",
                "2 (scalable with integrity)",
                found,
            );
        }
        if reference.smt_disabled && platform.smt_enabled != Some(false) {
            self.0.add(Cause::Smt, "PCK certificate field SMT Enabled", "false", said(platform.smt_enabled));
        }
        if reference.static_platform && platform.dynamic_platform != Some(false) {
            self.0.add(
                Cause::DynamicPlatform,
                "PCK certificate field Dynamic Platform",
                "false",
                said(platform.dynamic_platform),
            );
        }
        let piid = platform.platform_instance_id;
        let allowed = &reference.allowed_piids;
        if !allowed.is_empty() && !piid.is_some_and(|piid| allowed.contains(&piid)) {
            let (cause, found) = match piid {
                Some(piid) => (Cause::PlatformNotListed, hex::encode(piid)),
                None => (Cause::PlatformUnnamed, said(None).to_owned()),
            };
            let own = piid.unwrap_or_default();
            let expected = nearest::one_of(&own, allowed, "platform instances");
            self.0.add(cause, "PCK certificate field Platform Instance ID", expected, found);
        }
    }
}

/// A status with what Intel says about it.
impl Display for ComponentStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.advisory_ids.is_empty() {
            write!(f, " ({})", self.advisory_ids.join(", "))?;
        }
        if !self.shortfalls.is_empty() {
            write!(f, "; {}", self.shortfalls.join(", "))?;
        }
        Ok(())
    }
}

fn said(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "true",
        Some(false) => "false",
        None => "nothing: the certificate does not say",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tdx::Tdx15Fields;

    fn reference() -> ReferenceValues {
        ReferenceValues {
            mr_td: [0; 48],
            mr_seam: [0; 48],
            rtmrs: [[0; 48]; 4],
            xfam: [0; 8],
            minimum_tcb_evaluation_data_number: None,
            allowed_piids: Vec::new(),
            memory_integrity: false,
            smt_disabled: false,
            static_platform: false,
            allowed_host_data: Default::default(),
        }
    }

    fn platform(piid: Option<[u8; 16]>, tcb: Vec<ComponentStatus>) -> Platform {
        Platform {
            tcb,
            tcb_evaluation_data_number: 17,
            sgx_type: 0,
            smt_enabled: None,
            dynamic_platform: None,
            platform_instance_id: piid,
            validity: Vec::new(),
        }
    }

    #[test]
    fn what_is_not_up_to_date_is_told_with_its_own_cause() {
        let component = |cause, of, status| ComponentStatus {
            cause,
            of,
            status,
            advisory_ids: Vec::new(),
            shortfalls: Vec::new(),
        };
        let platform = platform(
            None,
            vec![
                component(Cause::PlatformTcb, "platform TCB status", TcbStatus::OutOfDate),
                component(Cause::PlatformTcb, "current platform TCB status", TcbStatus::UpToDate),
                component(Cause::QuotingEnclaveTcb, "quoting enclave TCB status", TcbStatus::Revoked),
            ],
        );
        let mut findings = Findings::telling();
        Judge(&mut findings).tcb(&platform, &reference());
        let findings = findings.into_told();
        let causes: Vec<_> = findings.iter().map(|finding| (finding.cause, &*finding.field)).collect();
        assert_eq!(
            causes,
            [
                (Cause::PlatformTcb, "platform TCB status"),
                (Cause::QuotingEnclaveTcb, "quoting enclave TCB status")
            ]
        );
    }

    #[test]
    fn a_platform_that_is_not_listed_is_told_from_one_without_a_name() {
        let near = [[9; 16], std::array::from_fn(|place| if place == 15 { 0 } else { 7 })];
        let listing = ReferenceValues { allowed_piids: near.to_vec(), ..reference() };
        for (piid, cause, nearest) in [
            (Some([7; 16]), Cause::PlatformNotListed, true),
            (Some([5; 16]), Cause::PlatformNotListed, false),
            (None, Cause::PlatformUnnamed, false),
        ] {
            let mut findings = Findings::telling();
            Judge(&mut findings).platform(&platform(piid, Vec::new()), &listing);
            let findings = findings.into_told();
            let [finding] = &findings[..] else { panic!("{findings:?}") };
            assert_eq!(finding.cause, cause);
            assert!(finding.expected.starts_with("one of 2 allowed platform instances"), "{finding}");
            assert_eq!(finding.expected.contains(&hex::encode(near[1])), nearest, "{finding}");
        }
    }

    #[test]
    fn a_service_td_is_told() {
        let added = Tdx15Fields { tee_tcb_svn_2: [0; 16], mr_service_td: [1; 48] };
        let body = TdReport {
            tee_tcb_svn: [0; 16],
            mr_seam: [0; 48],
            mr_signer_seam: [0; 48],
            seam_attributes: [0; 8],
            td_attributes: TD_ATTRIBUTES.to_le_bytes(),
            xfam: [0; 8],
            mr_td: [0; 48],
            mr_config_id: [0; 48],
            mr_owner: [0; 48],
            mr_owner_config: [0; 48],
            rtmrs: [[0; 48]; 4],
            report_data: [0; 64],
            tdx_1_5: Some(added),
        };
        let mut findings = Findings::telling();
        Judge(&mut findings).td(&body, &reference());
        let findings = findings.into_told();
        let causes: Vec<_> = findings.iter().map(|finding| (finding.cause, &*finding.field)).collect();
        assert_eq!(causes, [(Cause::ServiceTd, "quote field MR_SERVICE_TD")]);
    }
}
