//! From JSON to a [`Manifest`]: every part is read even where an earlier one is wrong, so that
//! all faults are reported at once.

mod at;
mod owner_keys;
pub(crate) mod policies;
pub(crate) mod snp;
pub(crate) mod tdx;

use crate::{
    JsonPath, Limit, Manifest, ManifestErrors, Problem, ReferenceValues, error::Faults, json::Json,
    limits::Purpose,
};
use at::{At, Members};

/// Members of a manifest.
pub(crate) const TOP: &[&str] = &[
    "Policies",
    "ReferenceValues",
    "WorkloadOwnerPubKeys",
    "WorkloadOwnerKeyDigests",
    "SeedshareOwnerPubKeys",
    "MinimumAPIVersion",
];

/// Members of `ReferenceValues`.
pub(crate) const LISTS: &[&str] = &["snp", "tdx", "simulated"];

/// Reads and validates a whole manifest.
pub(crate) fn manifest(top: Json<'_>, purpose: Purpose) -> Result<Manifest, ManifestErrors> {
    let mut faults = Faults::new(purpose);
    let manifest = read(&At::top(top), &mut faults);
    faults.into_result()?;
    // A reader that gives nothing has added a fault; the type system does not know that.
    manifest.ok_or(ManifestErrors::Invalid { faults: Vec::new(), omitted: 1 })
}

fn read(top: &At<'_>, faults: &mut Faults) -> Option<Manifest> {
    let members = top.object(TOP, faults)?;
    let policies = policies::read(&members, faults);
    let reference_values = reference_values(&members, faults);
    let workload_owners = owner_keys::workload_owners(&members, faults);
    let seedshare_owners = owner_keys::seedshare_owners(&members, faults);
    let minimum_api_version = api_version(&members, faults);
    Some(Manifest {
        policies: policies?,
        reference_values: reference_values?,
        workload_owners: workload_owners?,
        seedshare_owners: seedshare_owners?,
        minimum_api_version: minimum_api_version?,
    })
}

fn reference_values(top: &Members<'_>, faults: &mut Faults) -> Option<ReferenceValues> {
    let path = JsonPath::default().field("ReferenceValues");
    let Some(lists) = top.get("ReferenceValues") else {
        return faults.none(&path, Problem::NoReferenceValues);
    };
    let lists = lists.object(LISTS, faults)?;
    let entries = |name| lists.get(name);
    let (snp, tdx, simulated) = (entries("snp"), entries("tdx"), entries("simulated"));
    let count = |list: &Option<At<'_>>| list.as_ref().map_or(0, At::len);
    let hardware = count(&snp) + count(&tdx);
    if hardware + count(&simulated) == 0 {
        faults.add(&path, Problem::NoReferenceValues);
    } else if hardware > 0 && count(&simulated) > 0 {
        faults.add(&path, Problem::SimulatedBesideHardware);
    }
    faults.check(&path, Limit::Entries, hardware + count(&simulated))?;
    let snp = at::list(snp, Limit::Entries, faults, snp::hardware_entry);
    let tdx = at::list(tdx, Limit::Entries, faults, tdx::entry);
    let simulated = at::list(simulated, Limit::Entries, faults, snp::simulated_entry);
    Some(ReferenceValues { snp: snp?, tdx: tdx?, simulated: simulated? })
}

fn api_version(top: &Members<'_>, faults: &mut Faults) -> Option<Option<u32>> {
    let Some(at) = top.get("MinimumAPIVersion") else { return Some(None) };
    let text = at.text(faults)?;
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.strip_prefix('v').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(version) => Some(Some(version)),
        None => faults.none(&at.path, Problem::BadApiVersion),
    }
}
