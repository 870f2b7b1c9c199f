//! Claims of accepted evidence: the last arc of the certificate extension that repeats each.

use super::{
    PlatformInfo, Product, Report, SignerInfo, TcbParts, appraisal::Unreadable, policy::GuestPolicy,
};
use crate::ClaimValue::{self, Boolean, Bytes, Integer};

/// The claims of a report, by arc.
///
/// # Errors
/// If a field cannot be read, which an accepted report excludes.
pub(crate) fn collect(report: &Report, product: Product) -> Result<Vec<(u64, ClaimValue)>, Unreadable> {
    let policy = GuestPolicy::from_bits(report.policy)?;
    let platform = PlatformInfo::from_bits(report.platform_info)?;
    let signer = SignerInfo::from_bits(report.signer_info)?;
    let number = |value: u32| Integer(value.into());
    let small = |value: u8| Integer(value.into());
    let mut claims = vec![
        (1, number(report.version)),
        (2, number(report.guest_svn)),
        (3, small(policy.abi_major)),
        (4, small(policy.abi_minor)),
        (5, Boolean(policy.debug)),
        (6, Boolean(policy.migrate_ma)),
        (7, Boolean(policy.smt)),
        (8, Boolean(policy.single_socket)),
        (9, Bytes(report.family_id.to_vec())),
        (10, Bytes(report.image_id.to_vec())),
        (11, number(report.vmpl)),
        (16, Boolean(platform.smt_enabled)),
        (17, Boolean(platform.tsme_enabled)),
        (18, Boolean(signer.author_key_enabled)),
        // A report whose chip key is masked is not signed and never gets here.
        (19, Boolean(false)),
        (20, Integer(signer.signing_key as u64)),
        (21, Bytes(report.report_data.to_vec())),
        (22, Bytes(report.measurement.to_vec())),
        (23, Bytes(report.host_data.to_vec())),
        (24, Bytes(report.id_key_digest.to_vec())),
        (25, Bytes(report.author_key_digest.to_vec())),
        (26, Bytes(report.report_id.to_vec())),
        (27, Bytes(report.report_id_ma.to_vec())),
        (32, Bytes(report.chip_id.to_vec())),
        (37, small(report.current.build)),
        (38, small(report.current.minor)),
        (39, small(report.current.major)),
        (40, small(report.committed.build)),
        (41, small(report.committed.minor)),
        (42, small(report.committed.major)),
    ];
    for (first_arc, tcb) in [
        (12, report.current_tcb),
        (28, report.reported_tcb),
        (33, report.committed_tcb),
        (43, report.launch_tcb),
    ] {
        let tcb = TcbParts::decode(product, tcb)?;
        let parts = [tcb.bootloader, tcb.snp, tcb.tee, tcb.microcode];
        claims.extend((first_arc..).zip(parts.map(small)));
    }
    claims.sort_by_key(|(arc, _)| *arc);
    Ok(claims)
}
