//! `contrast policy`: what policies allow, and why they deny.

mod check;
mod explain;
mod options;
mod places;
mod source;

pub(crate) use options::PolicyOptions;

use super::aside;
use crate::failure::Failure;
use options::PolicyCommand;

/// Checks, explains or compares policies.
pub(crate) async fn policy(options: PolicyOptions) -> Result<(), Failure> {
    match options.command {
        PolicyCommand::Check(options) => aside("Checking requests", move || check::check(&options)).await,
        PolicyCommand::Explain(options) => explain::explain(&options),
        PolicyCommand::Diff(options) => explain::diff(&options),
    }
}
