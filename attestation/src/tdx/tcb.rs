//! Which part of a platform is behind, and by how much.

use dcap_qvl::{SvnComponent, SvnShortfall, TcbInfo, TcbStatus};

/// What the platform would need to meet the level that is up to date, or the nearest of several. Empty if it meets
/// one, or if there is none.
pub(super) fn shortfalls(
    info: &TcbInfo,
    cpu_svn: &[u8; 16],
    pce_svn: u16,
    tee_tcb_svn: &[u8; 16],
) -> Vec<String> {
    let platform = info
        .tcb_levels
        .iter()
        .filter(|level| level.tcb_status == TcbStatus::UpToDate)
        .filter_map(|level| level.shortfalls(cpu_svn, pce_svn, Some(tee_tcb_svn)).ok())
        .min_by_key(Vec::len)
        .unwrap_or_default();
    let module = info.tdx_module_identity(tee_tcb_svn).ok().flatten().and_then(|identity| {
        let mut levels = identity.tcb_levels.iter();
        levels.find(|level| level.tcb_status == TcbStatus::UpToDate)?.shortfall(tee_tcb_svn)
    });
    platform.into_iter().chain(module).map(|shortfall| in_words(&shortfall)).collect()
}

fn in_words(SvnShortfall { component, have, needs }: &SvnShortfall) -> String {
    let component = match component {
        SvnComponent::Sgx(number) => format!("SGX TCB component {number}"),
        SvnComponent::Tdx(number) => format!("TDX TCB component {number}"),
        SvnComponent::PceSvn => "PCE".to_owned(),
        SvnComponent::TdxModuleIsvSvn => "TDX module".to_owned(),
    };
    format!("{component} has SVN {have} and needs {needs}")
}
