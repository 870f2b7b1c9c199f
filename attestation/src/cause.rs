//! Why evidence is refused, as a closed list.

/// What kind of fault a [`Finding`](crate::Finding) is. Two findings have the same cause if the same value of the
/// reference values has a say in them and the same thing can be done about them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// Evidence of a type that the verifier does not look at.
    EvidenceType,
    /// The document cannot be read.
    Unreadable,
    /// Evidence for another key or connection.
    ReportData,
    /// Host data that is not allowed.
    HostData,
    /// The attester's signature does not verify.
    Signature,

    /// The host switched signing off, or the report names no key that there are certificates for.
    NotSigned,
    /// A certificate that only the evidence could bring is not in it.
    CertificateNotSent,
    /// A certificate that the vendor publishes is neither in the evidence nor at hand.
    CertificateMissing,
    /// The certificates are not a chain.
    BrokenChain,
    /// The chain ends in another root than the trusted one.
    ForeignRoot,
    /// A certificate that came with the evidence, or is part of the program, is not valid now.
    CertificateDates,
    /// The certificate is that of another chip, or of another TCB version, than the report's.
    OtherCertificate,
    /// The vendor revoked a key.
    Revoked,
    /// There is no revocation list.
    RevocationListMissing,
    /// The revocation list does not cover this moment.
    RevocationListDates,
    /// The revocation list is unreadable, or not the root key's.
    RevocationListFaulty,

    /// Another product line than the entry's.
    Product,
    /// A TCB version in another layout than that of the entry's product line.
    TcbLayout,
    /// The report was requested by less privileged code of the guest.
    Vmpl,
    /// Another launch digest.
    Measurement,
    /// Launched with another ID block, or with none.
    IdKey,
    /// The ID block gives names that it must not have.
    IdBlockNames,
    /// The guest was launched with more rights for the host.
    GuestPolicy,
    /// The host is configured in another way.
    PlatformInfo,
    /// Bits of the guest policy or the platform info that the program knows no meaning of.
    UndefinedBits,
    /// The firmware was too old at launch.
    LaunchTcb,
    /// The host can go back to firmware that is too old.
    CommittedTcb,
    /// The host reports firmware that is too old.
    ReportedTcb,
    /// Versions of which one cannot be above the other.
    Contradiction,
    /// Mitigations are missing, or the firmware cannot tell.
    Mitigations,
    /// Nothing tells the processor, as the host masks the chip's ID.
    ChipMasked,
    /// The reference values list chips, and the host masks the chip's ID.
    ListedChipMasked,
    /// A chip that the reference values do not list.
    ChipNotListed,

    /// There is no collateral for this kind of platform.
    CollateralMissing,
    /// Collateral that is not the vendor's, or whose parts do not belong together or to the platform.
    CollateralFaulty,
    /// Collateral that is not valid now.
    CollateralDates,
    /// The collateral is older than the reference values ask for.
    CollateralTooOld,
    /// The quoting enclave is another vendor's.
    QuotingEnclaveVendor,
    /// The quoting enclave did not make the key that signed the quote.
    ForeignAttestationKey,
    /// Intel's rules do not accept the quote.
    QuoteRules,
    /// The TDX module is another one.
    Module,
    /// The TDX module is not Intel's, or has attributes.
    ModuleSigner,
    /// The TD was launched with other attributes.
    TdAttributes,
    /// Other extended features.
    Xfam,
    /// Another launch measurement of a TD.
    MrTd,
    /// Other measurements of what a TD runs.
    Rtmr,
    /// A service TD has power over this one.
    ServiceTd,
    /// The platform lacks updates.
    PlatformTcb,
    /// The quoting enclave lacks updates.
    QuotingEnclaveTcb,
    /// Memory without cryptographic integrity.
    MemoryIntegrity,
    /// Simultaneous multithreading is on, or may be.
    Smt,
    /// Processors can be added, or may be.
    DynamicPlatform,
    /// The reference values list platform instances, and the platform has no identity of its own.
    PlatformUnnamed,
    /// A platform instance that the reference values do not list.
    PlatformNotListed,
}
