//! `WorkloadOwnerPubKeys`, `WorkloadOwnerKeyDigests` and `SeedshareOwnerPubKeys`.

use super::at::{At, Members, list};
use crate::{JsonPath, Limit, SeedShareOwner, WorkloadOwner, WorkloadOwners, error::Faults};

pub(super) fn workload_owners(top: &Members<'_>, faults: &mut Faults) -> Option<WorkloadOwners> {
    let (keys, digests) = (top.get("WorkloadOwnerPubKeys"), top.get("WorkloadOwnerKeyDigests"));
    let count = keys.as_ref().map_or(0, At::len) + digests.as_ref().map_or(0, At::len);
    faults.check(&JsonPath::default().field("WorkloadOwnerPubKeys"), Limit::WorkloadOwners, count)?;
    let keys = list(keys, Limit::WorkloadOwners, faults, |at, faults| {
        let der = at.hex(faults)?;
        WorkloadOwner::from_spki_der(der).map_err(|fault| faults.add(&at.path, fault)).ok()
    });
    let digests = list(digests, Limit::WorkloadOwners, faults, |at, faults| {
        at.hex_array(faults).map(WorkloadOwner::from_digest)
    });
    let mut owners = keys?;
    owners.extend(digests?);
    Some(WorkloadOwners::new(owners))
}

pub(super) fn seedshare_owners(top: &Members<'_>, faults: &mut Faults) -> Option<Vec<SeedShareOwner>> {
    list(top.get("SeedshareOwnerPubKeys"), Limit::SeedShareOwners, faults, |at, faults| {
        let der = at.hex(faults)?;
        SeedShareOwner::from_pkcs1_der(der).map_err(|fault| faults.add(&at.path, fault)).ok()
    })
}
