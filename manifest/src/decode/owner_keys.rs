//! `WorkloadOwnerPubKeys`, `WorkloadOwnerKeyDigests` and `SeedshareOwnerPubKeys`.

use super::at::{Members, list};
use crate::{SeedShareOwner, WorkloadOwner, WorkloadOwners, error::Faults};

pub(super) fn workload_owners(top: &Members<'_>, faults: &mut Faults) -> Option<WorkloadOwners> {
    let keys = list(top.get("WorkloadOwnerPubKeys"), faults, |at, faults| {
        let der = at.hex(faults)?;
        WorkloadOwner::from_spki_der(der).map_err(|fault| faults.add(&at.path, fault)).ok()
    });
    let digests = list(top.get("WorkloadOwnerKeyDigests"), faults, |at, faults| {
        at.hex_array(faults).map(WorkloadOwner::from_digest)
    });
    let mut owners = keys?;
    owners.extend(digests?);
    Some(WorkloadOwners::new(owners))
}

pub(super) fn seedshare_owners(top: &Members<'_>, faults: &mut Faults) -> Option<Vec<SeedShareOwner>> {
    list(top.get("SeedshareOwnerPubKeys"), faults, |at, faults| {
        let der = at.hex(faults)?;
        SeedShareOwner::from_pkcs1_der(der).map_err(|fault| faults.add(&at.path, fault)).ok()
    })
}
