//! What can be wrong with an image.

/// Why a firmware image cannot be measured.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirmwareError {
    /// The length is none that can be mapped.
    #[error("the image has {length} bytes, which is no whole number of pages of 4096 bytes below 4 GiB")]
    Length {
        /// In bytes.
        length: usize,
    },
    /// Longer than any firmware.
    #[error(
        "the image has {length} bytes, and at most {} are read; name the firmware's file",
        super::Image::MAX_LENGTH
    )]
    TooLong {
        /// In bytes.
        length: usize,
    },
    /// The end of the image is none of OVMF.
    #[error("the image does not end with OVMF's table of GUIDed structures")]
    NoTable,
    /// The length of the table is impossible.
    #[error(
        "the table of GUIDed structures claims {length} bytes, which is more than there is or less than its own end"
    )]
    TableLength {
        /// In bytes, as the table says.
        length: u16,
    },
    /// An entry reaches beyond the table.
    #[error("an entry in the table of GUIDed structures claims {length} bytes, which it cannot have")]
    EntryLength {
        /// In bytes, as the entry says.
        length: u16,
    },
    /// Two entries say the same thing.
    #[error("the table of GUIDed structures has more than one entry for the {what}")]
    TwoEntries {
        /// What the entry is for.
        what: Structure,
    },
    /// There is no entry.
    #[error("the image has no {what}, so it was built without support for it")]
    Missing {
        /// What the entry is for.
        what: Structure,
    },
    /// An entry, or what it leads to, ends too early, lies outside the image or has another signature.
    #[error("the image's {what} is cut, or is not where the table says")]
    Cut {
        /// What is cut.
        what: Structure,
    },
    /// More sections than any firmware has.
    #[error("the image's {what} has {count} sections, and at most {} are read", super::MAX_SECTIONS)]
    TooManySections {
        /// What has them.
        what: Structure,
        /// How many.
        count: u32,
    },
    /// The layout is not known.
    #[error("the image's {what} has version {version}, and this program knows version 1")]
    Version {
        /// What has another version.
        what: Structure,
        /// The version.
        version: u32,
    },
    /// A processor cannot start at address zero.
    #[error("the image's {} is zero", Structure::SevResetBlock)]
    ZeroApEip,
    /// A section is of a kind that is not known.
    #[error("section {index} of the image's {what} has type {kind:#x}, which QEMU does not load")]
    SectionType {
        /// Where the section stands.
        what: Structure,
        /// Its number, from 0.
        index: usize,
        /// The type.
        kind: u32,
    },
    /// A section has attributes that are not known, or none of its kind can have.
    #[error(
        "section {index} of the image's {what} has attributes {attributes:#x}, which QEMU does not load for its type"
    )]
    Attributes {
        /// Where the section stands.
        what: Structure,
        /// Its number, from 0.
        index: usize,
        /// All of its attributes.
        attributes: u32,
    },
    /// A section cannot be mapped.
    #[error(
        "section {index} of the image's {what} is at {address:#x} with {length:#x} bytes, and must be pages below 4 GiB, \
         as many as its type has"
    )]
    Pages {
        /// Where the section stands.
        what: Structure,
        /// Its number, from 0.
        index: usize,
        /// Guest address.
        address: u64,
        /// In bytes.
        length: u64,
    },
    /// A section's content is not in the image, or has not the length of its pages.
    #[error(
        "the content of section {index} of the image's {what} is not in the image, or does not fill its pages"
    )]
    Content {
        /// Where the section stands.
        what: Structure,
        /// Its number, from 0.
        index: usize,
    },
    /// A page would be added to the guest twice.
    #[error("two sections of the image's {what} have the page at {address:#x}")]
    Overlap {
        /// Where the sections stand.
        what: Structure,
        /// Guest address.
        address: u64,
    },
}

/// A structure that OVMF's table leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Structure {
    /// Start address of application processors.
    SevResetBlock,
    /// Which pages an SEV-SNP guest starts with.
    SevMetadata,
    /// Where the hashes of kernel, initrd and command line go.
    SevHashTable,
    /// Which pages a TD starts with.
    TdvfMetadata,
}

impl std::fmt::Display for Structure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SevResetBlock => "start address of application processors for SEV (AP reset EIP)",
            Self::SevMetadata => "SEV metadata",
            Self::SevHashTable => "SEV hash table entry",
            Self::TdvfMetadata => "TDX metadata",
        })
    }
}
