//! `ReferenceValues.snp` and `ReferenceValues.simulated`: the same values, for real chips and for
//! simulated ones.

use contrast_attestation::snp::{GuestPolicy, PlatformInfo, Product, ReferenceValues, TcbParts};

use super::at::{At, Members, list};
use crate::{Limit, Problem, SimulatedEntry, SnpEntry, error::Faults};

const HARDWARE_MEMBERS: &[&str] = &[
    "Platform",
    "ProductName",
    "TrustedMeasurement",
    "APEIP",
    "MinimumTCB",
    "GuestPolicy",
    "PlatformInfo",
    "MinimumMitigationVector",
    "AllowedChipIDs",
];

const SIMULATED_MEMBERS: &[&str] = &[
    "Platform",
    "Root",
    "ProductName",
    "TrustedMeasurement",
    "APEIP",
    "MinimumTCB",
    "GuestPolicy",
    "PlatformInfo",
    "MinimumMitigationVector",
    "AllowedChipIDs",
];

pub(super) fn hardware_entry(at: &At<'_>, faults: &mut Faults) -> Option<SnpEntry> {
    let members = at.object(HARDWARE_MEMBERS, faults)?;
    let platform = members.optional_text("Platform", Limit::PlatformLen, faults);
    let values = values(&members, faults);
    Some(SnpEntry { platform: platform?, values: values? })
}

pub(super) fn simulated_entry(at: &At<'_>, faults: &mut Faults) -> Option<SimulatedEntry> {
    let members = at.object(SIMULATED_MEMBERS, faults)?;
    if let Some(at) = members.get("Platform")
        && !at.text(faults)?.eq_ignore_ascii_case("Simulated")
    {
        faults.add(&at.path, Problem::NotSimulated);
    }
    let root = members.required("Root", faults).and_then(|at| at.hex_array(faults));
    let values = values(&members, faults);
    Some(SimulatedEntry { root: root?, values: values? })
}

fn values(members: &Members<'_>, faults: &mut Faults) -> Option<ReferenceValues> {
    let product = product(members, faults);
    let measurement = members.expected("TrustedMeasurement", faults).and_then(|at| at.hex_array(faults));
    let ap_eip = match members.get("APEIP") {
        None => Some(None),
        Some(at) => at.hex_array(faults).map(|bytes| Some(u32::from_be_bytes(bytes))),
    };
    let minimum_tcb = minimum_tcb(members, product, faults);
    let guest_policy = guest_policy(members, faults);
    let platform_info = platform_info(members, faults);
    let mitigations =
        members.get("MinimumMitigationVector").map_or(Some(0), |at| at.integer(u64::MAX, faults));
    let allowed_chip_ids =
        list(members.get("AllowedChipIDs"), Limit::Machines, faults, |at, faults| at.hex_array(faults));
    Some(ReferenceValues {
        product: product?,
        measurement: measurement?,
        ap_eip: ap_eip?,
        minimum_tcb: minimum_tcb?,
        guest_policy: guest_policy?,
        platform_info: platform_info?,
        minimum_mitigation_vector: mitigations?,
        allowed_chip_ids: allowed_chip_ids?,
        allowed_host_data: Default::default(),
    })
}

fn product(members: &Members<'_>, faults: &mut Faults) -> Option<Product> {
    let at = members.required("ProductName", faults)?;
    match at.text(faults)?.as_ref() {
        "Milan" => Some(Product::Milan),
        "Genoa" => Some(Product::Genoa),
        "Turin" => Some(Product::Turin),
        _ => faults.none(&at.path, Problem::UnknownProduct),
    }
}

/// Each part is a value of the user's hardware and may be waiting to be filled in.
fn minimum_tcb(members: &Members<'_>, product: Option<Product>, faults: &mut Faults) -> Option<TcbParts> {
    const PARTS: [&str; 5] =
        ["BootloaderVersion", "TEEVersion", "SNPVersion", "MicrocodeVersion", "FMCVersion"];
    let path = members.path.field("MinimumTCB");
    let object = match members.get("MinimumTCB") {
        Some(at) => Some(at.object(&PARTS, faults)?),
        None => None,
    };
    let mut part = |name: &str| -> Option<u8> {
        match object.as_ref().and_then(|parts| parts.get(name)) {
            Some(at) => at.integer(u8::MAX.into(), faults),
            None => faults.none(&path.field(name), Problem::ExpectedMissing),
        }
    };
    let [bootloader, tee, snp, microcode] =
        ["BootloaderVersion", "TEEVersion", "SNPVersion", "MicrocodeVersion"].map(&mut part);
    let has_fmc = object.as_ref().is_some_and(|parts| parts.get("FMCVersion").is_some());
    let fmc = match product {
        Some(Product::Turin) => part("FMCVersion").map(Some),
        Some(_) if has_fmc => faults.none(&path.field("FMCVersion"), Problem::OnlyOnTurin),
        _ => Some(None),
    };
    Some(TcbParts { bootloader: bootloader?, tee: tee?, snp: snp?, microcode: microcode?, fmc: fmc? })
}

/// The policy that every pod is launched with is fixed; the manifest repeats it to be read by people.
/// Only the parts that do not weaken a pod may differ.
fn guest_policy(members: &Members<'_>, faults: &mut Faults) -> Option<GuestPolicy> {
    const MUST_BE_OFF: [&str; 7] = [
        "MigrateMA",
        "Debug",
        "SingleSocket",
        "CXLAllowed",
        "MemAES256XTS",
        "RAPLDis",
        "CipherTextHidingDRAM",
    ];
    const OTHERS: [&str; 4] = ["ABIMinor", "ABIMajor", "SMT", "PageSwapDisable"];
    let known = [&OTHERS[..], &MUST_BE_OFF[..]].concat();
    let policy = members.required("GuestPolicy", faults)?.object(&known, faults)?;
    let mut flags_are_right = true;
    for name in MUST_BE_OFF {
        flags_are_right &= unmodified(&policy, name, false, faults).is_some();
    }
    let smt = unmodified(&policy, "SMT", true, faults);
    let page_swap_disable = policy.flag("PageSwapDisable", faults);
    let abi_major = abi_version(&policy, "ABIMajor", &[0], "0", faults);
    let abi_minor = abi_version(&policy, "ABIMinor", &[0, 31], "0 or 31", faults);
    Some(GuestPolicy {
        abi_minor: abi_minor?,
        abi_major: abi_major?,
        smt: smt?,
        page_swap_disable: page_swap_disable?,
        ..flags_are_right.then(GuestPolicy::default)?
    })
}

fn unmodified(policy: &Members<'_>, name: &str, must_be: bool, faults: &mut Faults) -> Option<bool> {
    let found = policy.flag(name, faults)?;
    if found == must_be {
        return Some(found);
    }
    let expected = if must_be { "true" } else { "false" };
    faults.none(&policy.path.field(name), Problem::Modified { expected })
}

fn abi_version(
    policy: &Members<'_>,
    name: &str,
    allowed: &[u8],
    expected: &'static str,
    faults: &mut Faults,
) -> Option<u8> {
    let version = policy.get(name).map_or(Some(0), |at| at.integer(u8::MAX.into(), faults))?;
    if allowed.contains(&version) {
        return Some(version);
    }
    faults.none(&policy.path.field(name), Problem::Modified { expected })
}

/// `None` inside: the entry does not speak of it, as in older manifests, and it is not checked.
fn platform_info(members: &Members<'_>, faults: &mut Faults) -> Option<Option<PlatformInfo>> {
    const FLAGS: [&str; 7] = [
        "SMTEnabled",
        "TSMEEnabled",
        "ECCEnabled",
        "RAPLDisabled",
        "CiphertextHidingDRAMEnabled",
        "AliasCheckComplete",
        "TIOEnabled",
    ];
    let Some(at) = members.get("PlatformInfo") else { return Some(None) };
    let info = at.object(&FLAGS, faults)?;
    let [smt, tsme, ecc, rapl, ciphertext_hiding, alias_check, tio] =
        FLAGS.map(|name| info.flag(name, faults));
    Some(Some(PlatformInfo {
        smt_enabled: smt?,
        tsme_enabled: tsme?,
        ecc_enabled: ecc?,
        rapl_disabled: rapl?,
        ciphertext_hiding_dram_enabled: ciphertext_hiding?,
        alias_check_complete: alias_check?,
        tio_enabled: tio?,
    }))
}
