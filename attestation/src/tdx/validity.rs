//! From when until when something of Intel's may be believed.

use std::{fmt, time::SystemTime};

use crate::{Cause, Finding, moment};

/// Something that is valid for a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dated {
    /// Certificate of the root key.
    RootCertificate,
    /// Certificate of the key that signs PCK certificates and their revocation list.
    PckCaCertificate,
    /// Certificate of the platform's provisioning certification key.
    PckCertificate,
    /// Certificate of the key that signs the TCB info.
    TcbInfoSigningCertificate,
    /// Certificate of the key that signs the QE identity.
    QeIdentitySigningCertificate,
    /// Revocation list of the root key.
    RootCrl,
    /// Revocation list of PCK certificates.
    PckCrl,
    /// TCB levels of a kind of platform.
    TcbInfo,
    /// What the quoting enclave has to be.
    QeIdentity,
}

impl fmt::Display for Dated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RootCertificate => "root CA certificate",
            Self::PckCaCertificate => "PCK CA certificate",
            Self::PckCertificate => "PCK certificate",
            Self::TcbInfoSigningCertificate => "TCB info signing certificate",
            Self::QeIdentitySigningCertificate => "QE identity signing certificate",
            Self::RootCrl => "root CA revocation list",
            Self::PckCrl => "PCK revocation list",
            Self::TcbInfo => "TCB info",
            Self::QeIdentity => "QE identity",
        })
    }
}

/// A span of time, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// What is valid in it.
    pub of: Dated,
    /// First moment.
    pub not_before: SystemTime,
    /// Last moment.
    pub not_after: SystemTime,
}

impl Validity {
    /// Whether `now` is in the span.
    pub(super) fn covers(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// That `now` is not in the span.
    pub(super) fn finding(&self, now: SystemTime) -> Finding {
        let Self { of, not_before, not_after } = *self;
        let (from, until) = (moment::text(not_before), moment::text(not_after));
        let cause = match of {
            // These come with the quote, so that fetching does not help.
            Dated::PckCertificate | Dated::RootCertificate => Cause::CertificateDates,
            _ => Cause::CollateralDates,
        };
        let expected = format_args!("the time from {from} to {until}");
        Finding::new(cause, format_args!("{of} validity"), expected, moment::text(now))
    }
}

/// A moment at which everything is valid, if there is one: the first.
pub(super) fn common_moment<'a>(spans: impl Iterator<Item = &'a Validity> + Clone) -> Option<SystemTime> {
    let first = spans.clone().map(|span| span.not_before).max()?;
    let last = spans.map(|span| span.not_after).min()?;
    (first <= last).then_some(first)
}
