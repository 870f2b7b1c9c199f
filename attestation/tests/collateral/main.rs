//! Collateral from vendors that are slow, throttled, broken or hostile, and from what is kept.
//!
//! A server on this machine plays AMD's and Intel's services. It is reached as a collateral proxy, so over plain
//! HTTP; nothing else differs. Time passes only when somebody waits.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod appraising;
mod background;
mod fetching;
mod intel;
mod keeping;
mod vendor;
mod world;
