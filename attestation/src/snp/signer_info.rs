//! Which key signed a report.
//!
//! AMD SEV-SNP ABI specification (document 56860), report bytes 48h–4Bh.

use std::fmt;

/// The signing keys that an endorsement certificate exists for, by their `SIGNING_KEY` number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SigningKey {
    /// Versioned chip endorsement key: of one chip and one TCB version.
    Vcek = 0,
    /// Versioned loaded endorsement key: of one cloud provider and one TCB version.
    Vlek = 1,
}

impl SigningKey {
    /// The key's name, and the common name of its certificate without the prefix `SEV-`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        }
    }
}

impl fmt::Display for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bit field of a report that names its signing key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignerInfo {
    /// `AUTHOR_KEY_EN`: the digest of an author key is present.
    pub author_key_enabled: bool,
    /// `SIGNING_KEY`.
    pub signing_key: SigningKey,
}

/// Why a report is not signed by a chip.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignerInfoError {
    /// The host switched the key off (`MASK_CHIP_KEY`), so the report has no signature.
    #[error("MASK_CHIP_KEY is set, so the report is not signed")]
    Masked,
    /// Only 0 (VCEK) and 1 (VLEK) are keys.
    #[error("SIGNING_KEY is {0}, which is neither VCEK (0) nor VLEK (1)")]
    SigningKey(u8),
    /// Bits 5 to 31 are reserved.
    #[error("reserved bits {0:#010x} are set")]
    Reserved(u32),
}

impl SignerInfo {
    /// Reads the 32-bit form.
    ///
    /// # Errors
    /// If no endorsement key signed.
    pub fn from_bits(bits: u32) -> Result<Self, SignerInfoError> {
        if bits >> 5 != 0 {
            return Err(SignerInfoError::Reserved(bits & !0x1F));
        }
        if bits & 0b10 != 0 {
            return Err(SignerInfoError::Masked);
        }
        let signing_key = match bits >> 2 {
            0 => SigningKey::Vcek,
            1 => SigningKey::Vlek,
            other => return Err(SignerInfoError::SigningKey(u8::try_from(other).unwrap_or(u8::MAX))),
        };
        Ok(Self { author_key_enabled: bits & 1 == 1, signing_key })
    }
}
