//! The quote as hardware makes it.
//!
//! Intel "TDX DCAP Quoting Library API", appendix "Quote format": versions 4 and 5, ECDSA P-256.

use super::{EnclaveReport, TdReport};
use crate::cursor::{Cursor, Ended};

/// A quote, field by field. Nothing is verified yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quote {
    /// What kind of quote it is.
    pub header: Header,
    /// What it says about the TD.
    pub body: TdReport,
    /// Over header and body, by the attestation key: r and s, big endian.
    pub signature: [u8; 64],
    /// P-256 point: x and y, big endian.
    pub attestation_key: [u8; 64],
    /// Report of the quoting enclave that owns the attestation key.
    pub qe_report: EnclaveReport,
    /// Over the QE report, by the platform's PCK: r and s, big endian.
    pub qe_report_signature: [u8; 64],
    /// Data that the QE hashed together with the attestation key.
    pub qe_auth_data: Vec<u8>,
    /// Certificate of the PCK and those above it, in PEM.
    pub pck_chain: Vec<u8>,
}

/// The start of a quote, 48 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Version of the format: 4 or 5.
    pub version: u16,
    /// `QE SVN`; zero in present quotes.
    pub qe_svn: [u8; 2],
    /// `PCE SVN`; zero in present quotes.
    pub pce_svn: [u8; 2],
    /// `QE Vendor ID`, a UUID.
    pub qe_vendor_id: [u8; 16],
    /// Identifies the platform to Intel's quoting library.
    pub user_data: [u8; 20],
}

/// Why bytes are not a TDX quote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QuoteError {
    /// Longer than any quote.
    #[error("quote is {found} bytes long, but no quote is longer than {}", Quote::MAX_LEN)]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// The bytes end inside a field, or a length reaches beyond the end.
    #[error("quote ends in the middle of a field")]
    Ended,
    /// Bytes follow a part that is complete.
    #[error("{length} bytes follow the end of the {part}")]
    Trailing {
        /// What was complete.
        part: &'static str,
        /// How many bytes follow.
        length: usize,
    },
    /// Neither version 4 nor 5.
    #[error("quote has version {0}, but only 4 and 5 are known")]
    Version(u16),
    /// Not an ECDSA P-256 key.
    #[error("quote has attestation key type {0}, but only 2 (ECDSA P-256) is known")]
    AttestationKeyType(u32),
    /// Not a TDX quote.
    #[error("quote is of TEE type {0:#x}, but TDX is 0x81")]
    TeeType(u32),
    /// A body that is not one of TDX 1.0 or 1.5.
    #[error("quote has body type {0}, but only 2 (TDX 1.0) and 3 (TDX 1.5) are known")]
    BodyType(u16),
    /// The declared length does not fit the type of body.
    #[error("quote declares a body of {found} bytes, but one of its type has {expected}")]
    BodySize {
        /// What its type asks for.
        expected: usize,
        /// What the quote says.
        found: u32,
    },
    /// Endorsed in another way than with a QE report, or the PCK in another way than with certificates.
    #[error("quote has certification data of type {found}, but must have type {expected}")]
    CertificationDataType {
        /// 6 for the QE report, 5 for the certificates in it.
        expected: u16,
        /// What the quote says.
        found: u32,
    },
}

pub(super) const ATTESTATION_KEY_TYPE: u16 = 2;
pub(super) const TEE_TYPE: u32 = 0x81;
/// Type of the certification data around the QE report.
pub(super) const QE_REPORT_CERTIFICATION: u16 = 6;
/// Type of the certification data with the PCK's certificates.
pub(super) const PCK_CHAIN_CERTIFICATION: u16 = 5;
const BODY_TDX_1_0: u16 = 2;
const BODY_TDX_1_5: u16 = 3;

impl Quote {
    /// Longest quote that is read, in bytes. Real ones have 5,000.
    pub const MAX_LEN: usize = 1 << 16;

    /// Reads a quote, which must end where the bytes do.
    ///
    /// # Errors
    /// See [`QuoteError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, QuoteError> {
        let (quote, rest) = Self::parse_start(bytes)?;
        nothing_after("quote", rest)?;
        Ok(quote)
    }

    /// Reads the quote that `bytes` begin with. The platform can leave a buffer that is longer than the quote.
    ///
    /// # Errors
    /// See [`QuoteError`].
    pub fn parse_start(bytes: &[u8]) -> Result<(Self, &[u8]), QuoteError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(QuoteError::TooLong { found: bytes.len() });
        }
        let mut cursor = Cursor::new(bytes);
        let header = Header::read(&mut cursor)?;
        let body = match header.version {
            4 => TdReport::read(&mut cursor, false)?,
            _ => described_body(&mut cursor)?,
        };
        let signed_data_size = cursor.u32()?;
        let signed_data = cursor.bytes(length(signed_data_size)?)?;
        let quote = Self::with_signed_data(header, body, signed_data)?;
        Ok((quote, cursor.remaining()))
    }

    fn with_signed_data(header: Header, body: TdReport, bytes: &[u8]) -> Result<Self, QuoteError> {
        let mut cursor = Cursor::new(bytes);
        let signature = cursor.array()?;
        let attestation_key = cursor.array()?;
        let certification = certification_data(&mut cursor, QE_REPORT_CERTIFICATION)?;
        nothing_after("QE report certification data", cursor.remaining())?;

        let mut cursor = Cursor::new(certification);
        let qe_report = EnclaveReport::read(&mut cursor)?;
        let qe_report_signature = cursor.array()?;
        let auth_data_size = cursor.u16()?;
        let qe_auth_data = cursor.bytes(auth_data_size.into())?.to_vec();
        let pck_chain = certification_data(&mut cursor, PCK_CHAIN_CERTIFICATION)?.to_vec();
        nothing_after("PCK certificate chain data", cursor.remaining())?;
        Ok(Self {
            header,
            body,
            signature,
            attestation_key,
            qe_report,
            qe_report_signature,
            qe_auth_data,
            pck_chain,
        })
    }

    /// The bytes that [`Quote::parse`] reads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let certification = self.certification();
        let signed_data = [
            &self.signature[..],
            &self.attestation_key,
            &QE_REPORT_CERTIFICATION.to_le_bytes(),
            &size(&certification),
            &certification,
        ]
        .concat();
        [&self.signed_bytes()[..], &size(&signed_data), &signed_data].concat()
    }

    /// Header and body: what the attestation key signs.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let body = self.body.encode();
        let mut bytes = self.header.encode();
        if self.header.version != 4 {
            let body_type = if self.body.tdx_1_5.is_some() { BODY_TDX_1_5 } else { BODY_TDX_1_0 };
            bytes.extend(body_type.to_le_bytes());
            bytes.extend(size(&body));
        }
        bytes.extend(body);
        bytes
    }

    /// What endorses the attestation key.
    fn certification(&self) -> Vec<u8> {
        let auth_data_size = u16::try_from(self.qe_auth_data.len()).unwrap_or(u16::MAX);
        [
            &self.qe_report.encode()[..],
            &self.qe_report_signature,
            &auth_data_size.to_le_bytes(),
            &self.qe_auth_data,
            &PCK_CHAIN_CERTIFICATION.to_le_bytes(),
            &size(&self.pck_chain),
            &self.pck_chain,
        ]
        .concat()
    }

    /// Length of the signature and of all that endorses it, in bytes.
    pub(super) fn signed_data_size(&self) -> usize {
        // Two P-256 values, and the type and length of what follows.
        64 + 64 + 2 + 4 + self.certification_size()
    }

    /// Length of the QE report with its signature, authentication data and certificates, in bytes.
    pub(super) fn certification_size(&self) -> usize {
        EnclaveReport::LEN + 64 + 2 + self.qe_auth_data.len() + 2 + 4 + self.pck_chain.len()
    }
}

impl Header {
    /// `Attestation Key Type` of every quote that is read: ECDSA P-256.
    pub const ATTESTATION_KEY_TYPE: u16 = ATTESTATION_KEY_TYPE;
    /// `TEE Type` of every quote that is read: TDX.
    pub const TEE_TYPE: u32 = TEE_TYPE;

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, QuoteError> {
        let version = cursor.u16()?;
        if ![4, 5].contains(&version) {
            return Err(QuoteError::Version(version));
        }
        let key_type = cursor.u16()?;
        if key_type != ATTESTATION_KEY_TYPE {
            return Err(QuoteError::AttestationKeyType(key_type.into()));
        }
        let tee_type = cursor.u32()?;
        if tee_type != TEE_TYPE {
            return Err(QuoteError::TeeType(tee_type));
        }
        Ok(Self {
            version,
            qe_svn: cursor.array()?,
            pce_svn: cursor.array()?,
            qe_vendor_id: cursor.array()?,
            user_data: cursor.array()?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        [
            &self.version.to_le_bytes()[..],
            &ATTESTATION_KEY_TYPE.to_le_bytes(),
            &TEE_TYPE.to_le_bytes(),
            &self.qe_svn,
            &self.pce_svn,
            &self.qe_vendor_id,
            &self.user_data,
        ]
        .concat()
    }
}

impl From<Ended> for QuoteError {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}

/// The body of a version 5 quote, after its type and length.
fn described_body(cursor: &mut Cursor<'_>) -> Result<TdReport, QuoteError> {
    let body_type = cursor.u16()?;
    let found = cursor.u32()?;
    let (has_tdx_1_5, expected) = match body_type {
        BODY_TDX_1_0 => (false, TdReport::LEN),
        BODY_TDX_1_5 => (true, TdReport::LEN_1_5),
        other => return Err(QuoteError::BodyType(other)),
    };
    if usize::try_from(found) != Ok(expected) {
        return Err(QuoteError::BodySize { expected, found });
    }
    Ok(TdReport::read(cursor, has_tdx_1_5)?)
}

fn certification_data<'a>(cursor: &mut Cursor<'a>, expected: u16) -> Result<&'a [u8], QuoteError> {
    let found = cursor.u16()?;
    if found != expected {
        return Err(QuoteError::CertificationDataType { expected, found: found.into() });
    }
    let size = cursor.u32()?;
    Ok(cursor.bytes(length(size)?)?)
}

fn nothing_after(part: &'static str, rest: &[u8]) -> Result<(), QuoteError> {
    if rest.is_empty() { Ok(()) } else { Err(QuoteError::Trailing { part, length: rest.len() }) }
}

/// A length that memory can hold; one that cannot reaches beyond the end in any case.
fn length(size: u32) -> Result<usize, QuoteError> {
    usize::try_from(size).map_err(|_| QuoteError::Ended)
}

/// A length as a quote holds it. A quote that was read cannot be longer than that.
fn size(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}
