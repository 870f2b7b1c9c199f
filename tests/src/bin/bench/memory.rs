//! Memory of a Coordinator that has nothing to do.

use contrast_tests::{Deployment, mib};

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
