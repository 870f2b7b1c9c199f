//! `ReferenceValues.tdx`.

use contrast_attestation::tdx::XFAM;

use super::at::{At, Members, list};
use crate::{JsonPath, Limit, Problem, TdxEntry, error::Faults};

const MEMBERS: &[&str] = &[
    "Platform",
    "MinTCBEvaluationDataNumber",
    "MrTd",
    "MrSeam",
    "Rtmrs",
    "Xfam",
    "AllowedPIIDs",
    "MemoryIntegrity",
    "SMTDisabled",
    "StaticPlatform",
];

pub(super) fn entry(at: &At<'_>, faults: &mut Faults) -> Option<TdxEntry> {
    let members = at.object(MEMBERS, faults)?;
    let platform = members.optional_text("Platform", Limit::PlatformLen, faults);
    let number = evaluation_data_number(&members, faults);
    let mr_td = members.expected("MrTd", faults).and_then(|at| at.hex_array(faults));
    let mr_seam = mr_seam(&members, faults);
    let rtmrs = rtmrs(&members, faults);
    let xfam = xfam(&members, faults);
    let allowed_piids =
        list(members.get("AllowedPIIDs"), Limit::Machines, faults, |at, faults| at.hex_array(faults));
    let memory_integrity = members.flag("MemoryIntegrity", faults);
    let smt_disabled = members.flag("SMTDisabled", faults);
    let static_platform = members.flag("StaticPlatform", faults);
    Some(TdxEntry {
        platform: platform?,
        minimum_tcb_evaluation_data_number: number?,
        mr_td: mr_td?,
        mr_seam: mr_seam?,
        rtmrs: rtmrs?,
        xfam: xfam?,
        allowed_piids: allowed_piids?,
        memory_integrity: memory_integrity?,
        smt_disabled: smt_disabled?,
        static_platform: static_platform?,
    })
}

/// Zero means the same as absence: it is never compared.
fn evaluation_data_number(members: &Members<'_>, faults: &mut Faults) -> Option<Option<u32>> {
    let Some(at) = members.get("MinTCBEvaluationDataNumber") else { return Some(None) };
    at.integer::<u32>(u32::MAX.into(), faults).map(|number| (number > 0).then_some(number))
}

/// The module launches no TD with a reserved bit, so such an entry could never accept one.
fn xfam(members: &Members<'_>, faults: &mut Faults) -> Option<[u8; 8]> {
    let at = members.required("Xfam", faults)?;
    let bytes = at.hex_array(faults)?;
    let reserved = XFAM.iter().fold(u64::from_le_bytes(bytes), |bits, (_, named)| bits & !named);
    if reserved == 0 || !faults.is_to_be_set() {
        Some(bytes)
    } else {
        faults.none(&at.path, Problem::ReservedBits { reserved })
    }
}

/// Nobody but the owner of the hardware knows it, so a wrong length means "not filled in yet".
fn mr_seam(members: &Members<'_>, faults: &mut Faults) -> Option<[u8; 48]> {
    let path = members.path.field("MrSeam");
    let Some(at) = members.get("MrSeam") else { return faults.none(&path, Problem::ExpectedMissing) };
    let bytes = at.hex(faults)?;
    bytes.try_into().ok().or_else(|| faults.none(&path, Problem::ExpectedMissing))
}

fn rtmrs(members: &Members<'_>, faults: &mut Faults) -> Option<[[u8; 48]; 4]> {
    let at = members.expected("Rtmrs", faults)?;
    if let Some(found) = at.count().filter(|found| *found != 4) {
        return faults.none(&at.path, Problem::WrongCount { expected: 4, found });
    }
    let mut number = 0;
    let registers = list(Some(at), Limit::Machines, faults, |element, faults| {
        number += 1;
        register(element, &members.path, number, faults)
    })?;
    registers.try_into().ok()
}

/// Registers are numbered from 1 in messages, as everywhere in the product.
fn register(element: &At<'_>, entry: &JsonPath, number: usize, faults: &mut Faults) -> Option<[u8; 48]> {
    let path = entry.field("RTMR").index(number);
    if element.value.is_null() {
        return faults.none(&path, Problem::ExpectedMissing);
    }
    At { value: element.value, path }.hex_array(faults)
}
