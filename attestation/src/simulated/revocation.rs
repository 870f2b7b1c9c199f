//! Revocation lists of a simulated root key (RFC 5280, section 5.1).

use std::time::SystemTime;

use super::{Hierarchy, SimulatorError, der};

impl Hierarchy {
    /// Issues a list in DER that names certificates by their serial numbers and is valid between two moments.
    ///
    /// # Errors
    /// If a date cannot be encoded or the cryptographic library cannot sign.
    pub fn revocation_list(
        &self,
        serials: &[u64],
        this_update: SystemTime,
        next_update: SystemTime,
    ) -> Result<Vec<u8>, SimulatorError> {
        const VERSION_2: u64 = 1;
        let time = |time| der::time(time).ok_or(SimulatorError::Validity);
        let entries = serials
            .iter()
            .map(|serial| Ok(der::sequence(&[&der::integer(*serial), &time(this_update)?])))
            .collect::<Result<Vec<_>, SimulatorError>>()?;
        // An empty list of entries is left out.
        let entries = if entries.is_empty() { Vec::new() } else { der::sequence(&[&entries.concat()]) };
        let signed = der::sequence(&[
            &der::integer(VERSION_2),
            &der::RSASSA_PSS_SHA384,
            &der::name(&self.root_name()),
            &time(this_update)?,
            &time(next_update)?,
            &entries,
        ]);
        self.sign_with_root(signed)
    }
}
