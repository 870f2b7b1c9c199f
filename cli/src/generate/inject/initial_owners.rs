//! What a Coordinator among the resources is told: who may set the first manifest, and whom to ask for collateral.

use serde_json::Value;

use super::{
    Fault, Injection,
    container::{default_variable, list},
};

/// The container's name.
pub(super) const NAME: &str = "coordinator";
const INITIAL_OWNERS: &str = "CONTRAST_INITIAL_OWNERS";
/// The server to ask instead of AMD and Intel.
pub(super) const COLLATERAL_PROXY: &str = "CONTRAST_COLLATERAL_PROXY";

/// Adds the variables that are not there. What stands there stays: another value is another policy, and another Coordinator.
pub(super) fn put(template: &mut Value, injection: &Injection<'_>) -> Result<(), Fault> {
    let containers = list(template, "containers")?;
    let named = containers.iter().position(|found| found.get("name").and_then(Value::as_str) == Some(NAME));
    let Some(container) = containers.get_mut(named.unwrap_or_default()) else { return Ok(()) };
    if let Some(owners) = injection.initial_owners {
        default_variable(container, INITIAL_OWNERS, owners);
    }
    if let Some(proxy) = injection.collateral_proxy {
        default_variable(container, COLLATERAL_PROXY, proxy);
    }
    Ok(())
}
