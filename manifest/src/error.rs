//! What can be wrong with a manifest.

use std::fmt;

use crate::{JsonPath, Limit, MAX_NESTING, OwnerKeyFault, Place, limits::Purpose};

/// Faults that one report lists at most; more are only counted.
const MOST_FAULTS: usize = 1000;
/// Bytes of paths that one report has at most.
const MOST_PATH_BYTES: usize = 64 * 1024;

/// Why some bytes are not a valid manifest.
#[derive(thiserror::Error, Debug)]
pub enum ManifestErrors {
    /// There are no bytes.
    #[error("the manifest is empty (0 bytes); was the file written completely?")]
    Empty,
    /// There are too many bytes.
    #[error(
        "the manifest has {length} bytes, more than the {longest} that are allowed; divide the deployment into several, \
         each with a Coordinator of its own"
    )]
    TooLong {
        /// How many there are.
        length: usize,
        /// How many there may be.
        longest: usize,
    },
    /// Lists and objects are inside of each other more than [`MAX_NESTING`] times.
    #[error(
        "the manifest nests lists and objects deeper than {MAX_NESTING} levels ({place}); docs/manifest.md says what \
         belongs into one"
    )]
    TooDeep {
        /// The first bracket that goes deeper.
        place: Place,
    },
    /// The bytes are no text.
    #[error("the manifest is not UTF-8 text ({place}); save it in this encoding")]
    NotUtf8 {
        /// The first byte that does not belong there.
        place: Place,
    },
    /// It begins with a byte order mark, which no JSON text does (RFC 8259, section 8.1).
    #[error(
        "the manifest begins with a byte order mark (U+FEFF), which JSON does not have; save it as UTF-8 without one"
    )]
    ByteOrderMark,
    /// The bytes are no JSON text (RFC 8259).
    #[error("the manifest is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON, but not what a manifest must say. At least one fault.
    #[error("{}", Lines { faults, omitted: *omitted })]
    Invalid {
        /// Every fault, in the order of the checks.
        faults: Vec<Fault>,
        /// Faults beyond those that are listed.
        omitted: usize,
    },
}

impl ManifestErrors {
    /// The faults, if it was JSON at all.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Invalid { faults, .. } => faults,
            _ => &[],
        }
    }

    /// The paths that the user has yet to fill in, if nothing else is wrong.
    ///
    /// A freshly generated manifest is in this state where no default can be known.
    #[must_use]
    pub fn only_missing_values(&self) -> Option<Vec<&JsonPath>> {
        let Self::Invalid { faults, omitted: 0 } = self else { return None };
        faults
            .iter()
            .map(|fault| (fault.problem == Problem::ExpectedMissing).then_some(&fault.path))
            .collect()
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where it stands.
    pub path: JsonPath,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.as_str().is_empty() {
            return write!(f, "{}", self.problem);
        }
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// What can be wrong with one value.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// There is more of something than may be.
    #[error("has {found} {}, more than the {} that are allowed; {}", limit.noun(), limit.maximum(), limit.remedy())]
    TooMuch {
        /// What there is too much of.
        limit: Limit,
        /// How much there is.
        found: usize,
    },
    /// The text, or the name of a member, has an escape that stands for no character.
    #[error(
        "has an escape that stands for no character (half of a surrogate pair); write the character itself"
    )]
    NoText,
    /// The value has another JSON type.
    #[error("must be {expected}, but is {found}")]
    WrongType {
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The manifest's schema has no such member.
    #[error("is not a field of a manifest{}", Suggestion(*suggestion))]
    UnknownField {
        /// The member that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// The object has this member more than once.
    #[error("is there more than once")]
    DuplicateKey,
    /// A member that must be there is not.
    #[error("is missing")]
    Missing,
    /// A reference value that the user has to fill in is not there yet.
    #[error("has no value yet; fill in the value of your hardware or runtime")]
    ExpectedMissing,
    /// The text is not hexadecimal.
    #[error("must be hexadecimal text without a prefix")]
    NotHex,
    /// The text is hexadecimal, but has upper-case letters where that would hide a duplicate.
    #[error("must be written in lower case")]
    UpperCase,
    /// The bytes are too many or too few.
    #[error("must have {expected} bytes ({} hexadecimal digits), but has {found} bytes", expected * 2)]
    WrongLength {
        /// How many bytes there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A bit field has bits without a meaning.
    #[error("has reserved bits ({reserved:#018x} as a number), so nothing could ever match; clear them")]
    ReservedBits {
        /// The bits, and no others.
        reserved: u64,
    },
    /// A list has too many or too few elements.
    #[error("must have exactly {expected} elements, but has {found}")]
    WrongCount {
        /// How many elements there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The number is negative or too large.
    #[error("must be from 0 to {maximum}, but is {found}")]
    OutOfRange {
        /// The largest number that fits.
        maximum: u64,
        /// The number.
        found: i128,
    },
    /// A policy entry has a role that does not exist.
    #[error("must be absent or \"coordinator\"")]
    UnknownRole,
    /// There is no such processor.
    #[error("must be Milan, Genoa or Turin")]
    UnknownProduct,
    /// The marker of the simulated platform is something else.
    #[error("must be \"Simulated\" in this list")]
    NotSimulated,
    /// The processor has no such TCB part.
    #[error("exists only on Turin processors")]
    OnlyOnTurin,
    /// A part of the guest policy that every Contrast pod is launched with was changed.
    #[error("must not be modified: every Contrast pod is launched with {expected}")]
    Modified {
        /// What it must be.
        expected: &'static str,
    },
    /// A subject alternative name is empty, or has characters that a certificate cannot hold.
    #[error("must be a DNS name, IP address or URI of printable ASCII characters without spaces")]
    BadSubjectAltName,
    /// A workload without a DNS name cannot get a certificate: its name is the first DNS name.
    #[error("must have at least one DNS name; it becomes the name of the mesh certificate")]
    NoDnsName,
    /// No policy has the role of the Coordinator.
    #[error(
        "no entry has the role \"coordinator\"; is the Coordinator's resource file among those that were generated from?"
    )]
    NoCoordinator,
    /// There is not a single reference value entry.
    #[error("has no entry for any platform, so no pod could ever be accepted")]
    NoReferenceValues,
    /// Simulated and real hardware are trusted by the same manifest.
    #[error(
        "must not list simulated processors together with real hardware: whoever holds the simulator's files could pose as hardware"
    )]
    SimulatedBesideHardware,
    /// An owner's key is not what it must be.
    #[error("{0}")]
    OwnerKey(#[from] OwnerKeyFault),
    /// The version is not written as `v1`.
    #[error("must be an API version like \"v1\"")]
    BadApiVersion,
}

/// Collects faults while a manifest is read.
pub(crate) struct Faults {
    purpose: Purpose,
    listed: Vec<Fault>,
    path_bytes: usize,
    omitted: usize,
}

impl Faults {
    /// What the manifest is read for decides what is a fault.
    pub(crate) fn new(purpose: Purpose) -> Self {
        Self { purpose, listed: Vec::new(), path_bytes: 0, omitted: 0 }
    }

    pub(crate) fn add(&mut self, path: &JsonPath, problem: impl Into<Problem>) {
        if self.listed.len() < MOST_FAULTS && self.path_bytes < MOST_PATH_BYTES {
            self.path_bytes += path.as_str().len();
            self.listed.push(Fault { path: path.clone(), problem: problem.into() });
        } else {
            self.omitted += 1;
        }
    }

    /// How many parts of a value need to be looked at.
    pub(crate) fn maximum(&self, limit: Limit) -> usize {
        self.purpose.maximum(limit)
    }

    /// Whether the manifest is to be set: what a history has by now is not refused for what could only be useless.
    pub(crate) fn is_to_be_set(&self) -> bool {
        self.purpose == Purpose::Set
    }

    /// Adds a fault, and gives nothing, if there are more than may be.
    pub(crate) fn check(&mut self, path: &JsonPath, limit: Limit, found: usize) -> Option<()> {
        if found <= self.maximum(limit) {
            return Some(());
        }
        self.none(path, Problem::TooMuch { limit, found })
    }

    /// Adds a fault and gives nothing, for `?` and tail positions of readers.
    pub(crate) fn none<T>(&mut self, path: &JsonPath, problem: impl Into<Problem>) -> Option<T> {
        self.add(path, problem);
        None
    }

    pub(crate) fn into_result(self) -> Result<(), ManifestErrors> {
        if self.listed.is_empty() {
            return Ok(());
        }
        Err(ManifestErrors::Invalid { faults: self.listed, omitted: self.omitted })
    }
}

struct Lines<'a> {
    faults: &'a [Fault],
    omitted: usize,
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the manifest is not valid:")?;
        for fault in self.faults {
            write!(f, "\n  {fault}")?;
        }
        if self.omitted > 0 {
            write!(f, "\n  … and {} more", self.omitted)?;
        }
        Ok(())
    }
}

struct Suggestion(Option<&'static str>);

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean {name}?"),
            None => Ok(()),
        }
    }
}
