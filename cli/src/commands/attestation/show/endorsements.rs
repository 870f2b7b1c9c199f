//! Certificates and dates, alike for all platforms.

use std::time::SystemTime;

use contrast_attestation::CertificateFacts;

use super::fields::Fields;

/// What a certificate says.
pub(super) fn certificate(facts: &CertificateFacts, now: SystemTime) -> Fields {
    let mut fields = Fields::default();
    fields.add("from", facts.origin.name());
    fields.add("subject", facts.subject.clone());
    fields.add("issuer", facts.issuer.clone());
    // AMD numbers every VCEK certificate 0.
    let serial = if facts.serial.is_empty() { &[0][..] } else { &facts.serial };
    fields.add("serial number", serial);
    fields.add("SHA-256", &facts.digest);
    fields.add("not before", facts.not_before);
    fields.add("not after", facts.not_after);
    fields.add("dates", relation(facts.not_before, Some(facts.not_after), now));
    fields
}

/// How a span of time, both ends included, lies to `now`.
pub(super) fn relation(first: SystemTime, last: Option<SystemTime>, now: SystemTime) -> &'static str {
    match last {
        _ if now < first => "in the future",
        Some(last) if now <= last => "current",
        Some(_) => "in the past",
        None => "without end",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn both_ends_of_a_span_belong_to_it() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (now, expected) in [(1, "in the future"), (2, "current"), (3, "current"), (4, "in the past")] {
            assert_eq!(relation(at(2), Some(at(3)), at(now)), expected, "{now}");
        }
        assert_eq!(relation(at(2), None, at(3)), "without end");
    }
}
