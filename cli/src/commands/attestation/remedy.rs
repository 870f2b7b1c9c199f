//! What a mismatch has to do with the manifest, and what can be done about it.

use contrast_attestation::Cause;

#[cfg(test)]
mod tests;

/// The value of the manifest behind a finding, below its entry, and the next step. `None` where no value of the
/// manifest has a say. Simulated hardware has a root of its own in the manifest, and nobody publishes anything
/// about it.
pub(super) fn remedy(cause: Cause, simulated: bool) -> (Option<&'static str>, &'static str) {
    match cause {
        Cause::EvidenceType => (None, "add an entry for this kind of machine, or use other machines"),
        Cause::Unreadable => (None, "update the older side: this program, or what made the evidence"),
        Cause::ReportData => {
            (None, "do not go on: it was made for another key or connection; look for a proxy in between")
        }
        Cause::HostData => (
            Some("Policies"),
            "make the manifest from the resource files that are deployed, and deploy them again",
        ),
        Cause::Signature => (None, "do not use the evidence: it was changed after it was signed"),

        Cause::NotSigned => {
            (None, "let the host sign reports with a VCEK or VLEK, and switch off MASK_CHIP_KEY there")
        }
        Cause::CertificateNotSent | Cause::CertificateMissing if simulated => {
            (None, "give the whole document of the simulated processor: nobody publishes its certificates")
        }
        Cause::CertificateNotSent => (
            None,
            "have the host send the certificate with the evidence: it is not published, or cannot be found without \
             a chip ID and a TCB version of this product line",
        ),
        Cause::CertificateMissing => (
            None,
            "let the program reach AMD or a proxy, or fetch a bundle with `contrast collateral fetch --url`",
        ),
        Cause::ForeignRoot if simulated => {
            (Some("Root"), "use the simulated processor that the entry names, or production hardware")
        }
        Cause::ForeignRoot => {
            (None, "use production hardware: the evidence is simulated, of a pre-production chip, or forged")
        }
        Cause::CertificateDates => (None, "check the clock of this machine"),
        Cause::BrokenChain | Cause::OtherCertificate => (None, RENEW_CERTIFICATES),
        Cause::Revoked => (None, "do not use the machine: the vendor no longer stands behind this key"),
        Cause::RevocationListMissing => (
            None,
            "let the program reach AMD or a proxy, or use a bundle that `contrast collateral fetch` made",
        ),
        Cause::RevocationListDates => (None, "check the clock of this machine, and fetch the list again"),
        Cause::RevocationListFaulty => {
            (None, "fetch the list again, from AMD itself if it came from elsewhere")
        }

        Cause::Product => (Some("ProductName"), "add an entry for this product line"),
        Cause::TcbLayout => (
            Some("ProductName"),
            "check that the entry is of the machine's product line; if it is, use a release of this program that \
             knows these bits",
        ),
        Cause::Vmpl => (None, "ask for the evidence from VMPL 0, where the guest's kernel runs"),
        Cause::Measurement => (Some("TrustedMeasurement"), IMAGE),
        Cause::IdKey => (
            Some("TrustedMeasurement"),
            "check image and guest policy; if both fit, let the runtime launch the guest with the ID block for them",
        ),
        Cause::IdBlockNames => (None, "let the runtime launch the guest with the ID block of this project"),
        Cause::GuestPolicy => (Some("GuestPolicy"), RUNTIME),
        Cause::PlatformInfo => {
            (Some("PlatformInfo"), "change the host's BIOS settings, or the entry if you accept the risk")
        }
        Cause::UndefinedBits => (
            None,
            "use a release of this program that knows these bits: until then nobody can say what they allow the host",
        ),
        Cause::LaunchTcb => (Some("MinimumTCB"), UPDATE_FIRMWARE),
        Cause::CommittedTcb => (Some("MinimumTCB"), "commit the firmware on the host (SNP_COMMIT)"),
        Cause::ReportedTcb => (
            Some("MinimumTCB"),
            "raise the reported TCB on the host (SNP_CONFIG), then launch the guest anew",
        ),
        Cause::Contradiction => (None, "do not use the machine: its report contradicts itself"),
        Cause::Mitigations => (Some("MinimumMitigationVector"), UPDATE_FIRMWARE),
        Cause::ChipMasked => (None, UNMASK),
        Cause::ListedChipMasked => (Some("AllowedChipIDs"), UNMASK),
        Cause::ChipNotListed => (Some("AllowedChipIDs"), "add the chip to the list if it is yours"),

        Cause::CollateralMissing => (
            None,
            "fetch a bundle with `contrast collateral fetch --fmspc`, or let the program reach Intel or a proxy",
        ),
        Cause::CollateralFaulty => {
            (None, "fetch the collateral again, from Intel itself if it came from a proxy")
        }
        Cause::CollateralDates => (None, "check the clock of this machine, and fetch the collateral again"),
        Cause::CollateralTooOld => (Some("MinTCBEvaluationDataNumber"), "fetch newer collateral"),
        Cause::QuotingEnclaveVendor => (None, "let the host make quotes with Intel's quoting enclave"),
        Cause::ForeignAttestationKey => {
            (None, "do not use the machine: nothing vouches for the key that signed the quote")
        }
        Cause::QuoteRules => (
            None,
            "see which part the reason names, and update that on the host: platform, quoting enclave or TDX module; \
             if that does not help, do not use the machine",
        ),
        Cause::Module => (
            Some("MrSeam"),
            "check which TDX module the host loads; correct the entry after an update that you know of",
        ),
        Cause::ModuleSigner => (None, "let the host load a TDX module that Intel signed for production"),
        Cause::TdAttributes | Cause::ServiceTd => (None, RUNTIME),
        Cause::Xfam => (Some("Xfam"), RUNTIME),
        Cause::MrTd => (Some("MrTd"), IMAGE),
        Cause::Rtmr => (Some("Rtmrs"), IMAGE),
        Cause::PlatformTcb => (None, "update BIOS, microcode and TDX module, then launch the guest anew"),
        Cause::QuotingEnclaveTcb => (None, "update the host's Intel DCAP packages"),
        Cause::MemoryIntegrity => (Some("MemoryIntegrity"), PLATFORM),
        Cause::Smt => (Some("SMTDisabled"), PLATFORM),
        Cause::DynamicPlatform => (Some("StaticPlatform"), PLATFORM),
        Cause::PlatformUnnamed => (
            Some("AllowedPIIDs"),
            "use a platform that Intel's platform CA certifies: others have no identity to list",
        ),
        Cause::PlatformNotListed => (Some("AllowedPIIDs"), "add the platform to the list if it is yours"),
    }
}

const RENEW_CERTIFICATES: &str = "delete the certificates that the host keeps, so that it gets them anew; if that fails, do not use the machine";
const UPDATE_FIRMWARE: &str = "update the host's firmware, then launch the guest anew";
const UNMASK: &str = "have the host unmask its chip ID (MASK_CHIP_ID)";
const IMAGE: &str = "check that the guest's image is of the version that the manifest was made for";
const RUNTIME: &str = "correct how the runtime launches the guest";
const PLATFORM: &str = "use a platform with this property, or change the entry";
