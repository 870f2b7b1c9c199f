//! Captured evidence.
//!
//! It is not part of this repository, and looked for in the directory that `CONTRAST_SHARED_DATA` names, by default
//! next to the repository. In CI it must be there.

use std::{env, fs, path::PathBuf, time::SystemTime};

use contrast_attestation::{
    collateral::{Address, Bundle, Item},
    tdx::{CollateralParts, PckCa},
};

/// The kind of platform of the captured quote.
const FMSPC: [u8; 6] = [0xB0, 0xC0, 0x6F, 0, 0, 0];

/// `None`, after a message, if there are no captures and this is not CI.
pub(crate) fn captured(name: &str) -> Option<Vec<u8>> {
    let path = env::var_os("CONTRAST_SHARED_DATA")
        .map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
            PathBuf::from,
        )
        .join(name);
    if !path.exists() {
        assert!(env::var_os("CI").is_none(), "{} does not exist, which CI must have", path.display());
        eprintln!("skipped: {} does not exist", path.display());
        return None;
    }
    Some(fs::read(path).unwrap())
}

/// What Intel published about the platform of the captured quote, good from 2025-06-19 to 2025-07-19.
pub(crate) fn tdx_bundle() -> Option<Bundle> {
    let parts: CollateralParts = serde_json::from_slice(&captured("tdx/quote-v4-collateral.json")?).unwrap();
    let signed = |member: &str, object: &str, signature: &[u8]| {
        format!("{{\"{member}\":{object},\"signature\":\"{}\"}}", hex::encode(signature)).into_bytes()
    };
    let items = [
        (
            Address::IntelTcbInfo(FMSPC),
            signed("tcbInfo", &parts.tcb_info, &parts.tcb_info_signature),
            Some(parts.tcb_info_issuer_chain),
        ),
        (
            Address::IntelQeIdentity,
            signed("enclaveIdentity", &parts.qe_identity, &parts.qe_identity_signature),
            Some(parts.qe_identity_issuer_chain),
        ),
        (Address::IntelPckRevocationList(PckCa::Platform), parts.pck_crl, Some(parts.pck_crl_issuer_chain)),
        (Address::IntelRootRevocationList, parts.root_ca_crl, None),
    ];
    let mut bundle = Bundle::default();
    for (address, body, issuer_chain) in items {
        bundle.add(Item { address, fetched: SystemTime::UNIX_EPOCH, issuer_chain, body }).unwrap();
    }
    Some(bundle)
}
