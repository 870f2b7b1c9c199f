//! Memory of a Coordinator that has nothing to do.

use contrast_tests::Deployment;

use crate::table::{Bound, Row};

/// After its first manifest, and a certificate issued.
pub(crate) fn idle() -> Row {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    deployment.pod(&coordinator, "web").finish();
    let resident = mib(coordinator.resident_bytes());
    Row {
        what: "resident memory of an idle Coordinator".into(),
        measured: format!("{resident:.1} MiB"),
        against: "–".into(),
        value: resident,
        bound: Bound::Mib(20.0),
    }
}

/// Bytes in MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    // Exact below 2⁵³ bytes.
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let bytes = bytes as f64;
    bytes / (1024.0 * 1024.0)
}
