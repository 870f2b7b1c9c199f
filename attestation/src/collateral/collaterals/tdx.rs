//! Four items of Intel's make one collateral.

use std::sync::Arc;

use super::{Address, Item, Missing};
use crate::{
    collateral::content::SignedJson,
    tdx::{Collateral, CollateralParts, PckCa},
};

/// TCB info, QE identity, PCK revocation list, root revocation list.
type Items = [Arc<Item>; 4];

/// Collateral for one kind of platform, and what it was made from.
#[derive(Clone)]
pub(super) struct Assembled {
    items: Items,
    pub(super) collateral: Arc<Collateral>,
}

impl Assembled {
    /// Is this still what `items` make?
    pub(super) fn is_from(&self, items: &Items) -> bool {
        self.items.iter().zip(items).all(|(own, other)| Arc::ptr_eq(own, other))
    }

    pub(super) fn of(items: Items) -> Result<Self, Missing> {
        let collateral = read(&items).map_err(|reason| Missing::NotFetched { reason })?;
        Ok(Self { items, collateral: Arc::new(collateral) })
    }
}

/// All items, or why one is missing.
pub(super) fn items(
    fmspc: [u8; 6],
    ca: PckCa,
    require: impl Fn(&Address) -> Result<Arc<Item>, Missing>,
) -> Result<Items, Missing> {
    // Each is asked for before any of the answers counts, so that all that are missing are fetched.
    let [tcb_info, qe_identity, pck_crl, root_crl] = [
        require(&Address::IntelTcbInfo(fmspc)),
        require(&Address::IntelQeIdentity),
        require(&Address::IntelPckRevocationList(ca)),
        require(&Address::IntelRootRevocationList),
    ];
    Ok([tcb_info?, qe_identity?, pck_crl?, root_crl?])
}

/// Reads what was verified item by item. The reason of a failure is for a message.
fn read([tcb_info, qe_identity, pck_crl, root_crl]: &Items) -> Result<Collateral, String> {
    let chain = |item: &Item| item.issuer_chain.clone().unwrap_or_default();
    let unreadable = |item: &Item| format!("the {} cannot be read", item.address);
    let tcb = SignedJson::of_tcb_info(&tcb_info.body).map_err(|_| unreadable(tcb_info))?;
    let identity = SignedJson::of_qe_identity(&qe_identity.body).map_err(|_| unreadable(qe_identity))?;
    let parts = CollateralParts {
        pck_crl_issuer_chain: chain(pck_crl),
        root_ca_crl: root_crl.body.clone(),
        pck_crl: pck_crl.body.clone(),
        tcb_info_issuer_chain: chain(tcb_info),
        tcb_info: tcb.object.to_owned(),
        tcb_info_signature: hex::decode(&tcb.signature).map_err(|_| unreadable(tcb_info))?,
        qe_identity_issuer_chain: chain(qe_identity),
        qe_identity: identity.object.to_owned(),
        qe_identity_signature: hex::decode(&identity.signature).map_err(|_| unreadable(qe_identity))?,
    };
    Collateral::new(parts).map_err(|error| error.to_string())
}
