//! The OCI runtime of the simulated platform.
