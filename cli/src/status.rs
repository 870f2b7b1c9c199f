//! How a deployment is: what its Coordinator attests to, and, apart from that, what the cluster says of its pods.
//!
//! [`attested`] asks the Coordinator, [`observed`] the API server; [`judge`] turns both into what is shown, without asking
//! anybody, and [`screen`] writes that down.

pub(crate) mod attested;
mod events;
pub(crate) mod judge;
mod model;
mod nodes;
pub(crate) mod observed;
mod pods;
pub(crate) mod screen;
#[cfg(test)]
mod tests;

pub(crate) use model::{
    Attested, Cluster, CoordinatorState, Missing, Node, Pod, PodState, Runtime, Status, Verdict, Workload,
};
