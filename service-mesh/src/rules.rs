//! Rules of the packet filter that lead incoming connections to the proxy.
//!
//! Packets are addressed to the pod already, so that transparent proxying (TPROXY) only has to choose another socket: no mark, no further
//! route. The first packet of a connection goes there whatever connection tracking says of it: that remembers a connection longer than the
//! proxy's socket lives, so that whoever begins one again from the same port would get past the proxy. Outgoing connections are not led anywhere; an application reaches its peers by the addresses that listeners of the proxy have.

mod iptables;
mod nftables;

use crate::{Ingress, tool::ToolError};

/// What keeps the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// A table of its own in nftables.
    Nftables,
    /// Chains of its own in the table `mangle` of iptables.
    Iptables,
}

/// The rules cannot be set or removed.
#[derive(thiserror::Error, Debug)]
pub enum RulesError {
    /// In neither of the two ways.
    #[error(
        "connections cannot be led to the proxy: {nftables}; and {iptables}. The container needs the capability NET_ADMIN, and the kernel transparent proxying (nft_tproxy, or xt_TPROXY and xt_conntrack)"
    )]
    Set {
        /// Why not by nftables.
        nftables: Box<ToolError>,
        /// Why not by iptables.
        iptables: Box<ToolError>,
    },
    /// Old rules stay, which could lead connections elsewhere.
    #[error("rules of an earlier start cannot be removed: {0}")]
    Remove(#[source] ToolError),
}

/// Sets the rules, all of them in one step, in place of those of an earlier start. `ingress`: ports that take connections in another
/// way than with mutual TLS.
///
/// # Errors
/// See [`RulesError`].
pub fn set(ingress: &[Ingress]) -> Result<Backend, RulesError> {
    let nftables = match nftables::set(ingress) {
        Ok(()) => {
            iptables::remove().map_err(RulesError::Remove)?;
            return Ok(Backend::Nftables);
        }
        Err(error) => error,
    };
    iptables::set(ingress)
        .map_err(|iptables| RulesError::Set { nftables: Box::new(nftables), iptables: Box::new(iptables) })?;
    // What cannot be set by nftables can hardly have been set by it before; if it was, it goes.
    nftables::remove().map_err(RulesError::Remove)?;
    Ok(Backend::Iptables)
}

/// Removes all rules that [`set`] makes. Doing it twice is the same as doing it once.
///
/// # Errors
/// If some of them stay.
pub fn remove() -> Result<(), RulesError> {
    nftables::remove().and(iptables::remove()).map_err(RulesError::Remove)
}
