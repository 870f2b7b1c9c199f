//! What a renewal did so far, for whoever watches it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::News;
use crate::credentials::Validity;

/// Numbers that only grow, and times in seconds since 1970.
#[derive(Default, Debug)]
pub(crate) struct Record {
    from: AtomicU64,
    until: AtomicU64,
    renewed: AtomicU64,
    failed: AtomicU64,
    answered: AtomicU64,
    unanswered: AtomicU64,
}

impl Record {
    pub(super) fn renewed(&self, validity: Validity) {
        self.hold(validity);
        self.renewed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn looked(&self, news: &News) {
        let counter = if matches!(news, News::MeshCa(_)) { &self.answered } else { &self.unanswered };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The pod has a certificate.
    pub(crate) fn hold(&self, validity: Validity) {
        self.from.store(seconds(validity.from), Ordering::Relaxed);
        self.until.store(seconds(validity.until), Ordering::Relaxed);
    }

    /// In Prometheus' text format, version 0.0.4.
    pub(super) fn text(&self) -> String {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{validity}\
# HELP contrast_certificate_renewals_total Attempts to replace the certificate.
# TYPE contrast_certificate_renewals_total counter
contrast_certificate_renewals_total{{outcome=\"replaced\"}} {renewed}
contrast_certificate_renewals_total{{outcome=\"failed\"}} {failed}
# HELP contrast_mesh_ca_looks_total How often the pod asked which mesh CA the Coordinator has.
# TYPE contrast_mesh_ca_looks_total counter
contrast_mesh_ca_looks_total{{outcome=\"told\"}} {answered}
contrast_mesh_ca_looks_total{{outcome=\"not_told\"}} {unanswered}
",
            validity = self.validity_text(),
            renewed = value(&self.renewed),
            failed = value(&self.failed),
            answered = value(&self.answered),
            unanswered = value(&self.unanswered),
        )
    }

    /// Nothing before there is a certificate: a time of 0 would be an alarm.
    fn validity_text(&self) -> String {
        let (from, until) = (self.from.load(Ordering::Relaxed), self.until.load(Ordering::Relaxed));
        if until == 0 {
            return String::new();
        }
        format!(
            "\
# HELP contrast_certificate_not_before_timestamp_seconds Since when the pod's certificate is valid.
# TYPE contrast_certificate_not_before_timestamp_seconds gauge
contrast_certificate_not_before_timestamp_seconds {from}
# HELP contrast_certificate_not_after_timestamp_seconds Until when the pod's certificate is valid.
# TYPE contrast_certificate_not_after_timestamp_seconds gauge
contrast_certificate_not_after_timestamp_seconds {until}
"
        )
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
