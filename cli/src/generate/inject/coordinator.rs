//! What a Coordinator among the resources is told: who may set the first manifest, whom to ask for collateral, and that it has to
//! open its pod's network.

use serde_json::Value;

use super::{
    Fault, Injection,
    container::{ATTESTER, SIMULATED, add_capability, default_variable, list, remove_variable, variable},
};
use crate::generate::platform::Platform;

/// The container's name.
pub(super) const NAME: &str = "coordinator";
/// Makes the Coordinator open the pod's network: no Initializer runs there.
const OPEN_NETWORK: &str = "CONTRAST_OPEN_NETWORK";
const INITIAL_OWNERS: &str = "CONTRAST_INITIAL_OWNERS";
/// The server to ask instead of AMD and Intel.
pub(super) const COLLATERAL_PROXY: &str = "CONTRAST_COLLATERAL_PROXY";

/// Adds the variables that are not there. What stands there stays: another value is another policy, and another Coordinator.
pub(super) fn put(
    template: &mut Value,
    injection: &Injection<'_>,
    platform: Platform,
    notes: &mut Vec<String>,
) -> Result<(), Fault> {
    let containers = list(template, "containers")?;
    let named = containers.iter().position(|found| found.get("name").and_then(Value::as_str) == Some(NAME));
    let Some(container) = containers.get_mut(named.unwrap_or_default()) else { return Ok(()) };
    if let Some(owners) = injection.initial_owners {
        default_variable(container, INITIAL_OWNERS, owners);
        let there = variable(container, INITIAL_OWNERS).unwrap_or_default();
        let is_missing = |owner: &str| !there.split(',').any(|other| other == owner);
        if injection.is_first && owners.split(',').any(is_missing) {
            notes.push(format!(
                "{INITIAL_OWNERS} names others than the present owners, who cannot set the first manifest; remove the variable to have it written anew"
            ));
        }
    }
    if let Some(proxy) = injection.collateral_proxy {
        default_variable(container, COLLATERAL_PROXY, proxy);
    }
    attester(container, platform);
    if platform.blocks_incoming() {
        default_variable(container, OPEN_NETWORK, "true");
        // The second for `iptables-legacy`, which speaks to the kernel through a raw socket: our YAML drops what is not named.
        ["NET_ADMIN", "NET_RAW"].into_iter().for_each(|name| add_capability(container, name));
    }
    Ok(())
}

/// Says where evidence comes from, on platforms where a program does not find out by itself. What an earlier run for such a platform
/// said goes away.
fn attester(container: &mut Value, platform: Platform) {
    if platform == Platform::Simulated {
        default_variable(container, ATTESTER, SIMULATED);
    } else if variable(container, ATTESTER) == Some(SIMULATED) {
        remove_variable(container, ATTESTER);
    }
}
