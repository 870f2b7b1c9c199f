//! Agent policies: what the host may ask of a pod's agent, and why a request is denied.

#![forbid(unsafe_code)]

pub mod request;
