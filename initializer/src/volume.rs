//! Encrypted volumes.

pub mod header;
