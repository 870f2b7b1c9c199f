//! What one side presents: a key, and a certificate that binds evidence to it.

use std::{sync::Arc, time::SystemTime};

use rustls::sign::CertifiedKey;

use super::{
    error::IssueError,
    issue::self_signed,
    key::{ClientKey, Identity},
    nonce::Nonce,
};
use crate::{Attester, ReportData};

/// Makes the certificate for one connection, with evidence bound to the other side's `nonce` if there is an
/// attester, else without evidence. Blocks for as long as the attester does.
///
/// # Errors
/// When the platform cannot be asked for evidence, or no certificate can be made.
pub(super) fn present(
    identity: &Identity,
    attester: Option<&dyn Attester>,
    nonce: &Nonce,
) -> Result<Arc<CertifiedKey>, IssueError> {
    let key = match identity {
        Identity::Fresh => ClientKey::fresh()?,
        Identity::Key(key) => key.clone(),
    };
    let report_data = ReportData::for_tls_key(key.spki_der(), nonce.as_bytes());
    let evidence = attester.map(|attester| attester.attest(&report_data)).transpose()?;
    let certificate =
        self_signed(key.private().as_ref(), key.spki_der(), evidence.as_ref(), SystemTime::now())?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate], Arc::clone(key.private()))))
}
