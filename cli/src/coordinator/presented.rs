//! What a Coordinator presents to whoever connects, before anybody judges it.

use std::sync::Arc;

use contrast_attestation::{
    Evidence, ReportData,
    atls::{Connector, Identity, grpc},
};

use super::CoordinatorError;
use crate::output::with_progress;

/// Evidence that a Coordinator presented on one connection. Nothing about it is checked.
pub(crate) struct Presented {
    /// `None` if its certificate has none.
    pub(crate) evidence: Option<Evidence>,
    /// What the evidence has to be bound to: this connection's key and nonce.
    pub(crate) report_data: ReportData,
}

/// Connects to the Coordinator at `host_port` as a stranger, takes its evidence, and hangs up.
pub(crate) async fn presented(host_port: &str) -> Result<Presented, CoordinatorError> {
    let connector = Connector::new(Identity::Fresh, None, Arc::new([]));
    let message = format!("Asking the Coordinator at {host_port} for its evidence");
    let met = with_progress(&message, async |_| grpc::meet(host_port, &connector).await).await?;
    Ok(Presented { evidence: met.certificate.evidence().cloned(), report_data: met.report_data })
}
