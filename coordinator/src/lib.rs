//! The Coordinator: verifier and certificate authority of a confidential deployment.
//!
//! Event sourcing in the plain sense: [`command::decide`] says which events a command leads to,
//! [`state::State::apply`] is the only way in which they change anything, and [`authority::Authority`]
//! is the only one to write them down. The three APIs around it hold no state of their own.

pub mod answers;
pub mod authority;
pub mod ca;
mod chatter;
pub mod command;
pub mod crowd;
pub mod event;
mod field_count;
pub mod grpc;
pub mod history;
pub mod initial_owners;
pub mod limits;
pub mod listener;
pub mod manifests;
pub mod mesh_api;
pub mod metrics;
pub mod ops_api;
pub mod options;
pub mod pace;
pub mod process;
pub mod recovery;
pub mod refusal;
pub mod request_body;
pub mod seed;
pub mod seed_shares;
pub mod serve;
pub mod sockets;
pub mod state;
pub mod state_device;
pub mod store_check;
pub mod turns;
pub mod user_api;
pub mod user_calls;
pub mod workers;
