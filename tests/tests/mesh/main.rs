//! Pods of a service mesh, with real Envoys: each a network namespace with an initializer, a sidecar and an application.
//!
//! Every test runs in namespaces of its own, so that they neither meet each other nor change the machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod change;
mod faults;
mod guide;
mod peers;
mod ports;
mod rules;
mod validate;
mod world;
