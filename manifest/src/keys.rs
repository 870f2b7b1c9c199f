//! The private keys that a deployment's owners keep in files.

mod owner;
mod pem;
mod seedshare_owner;
mod workload_owner;

pub use pem::KeyFileError;
pub use seedshare_owner::SeedShareOwnerKey;
pub use workload_owner::WorkloadOwnerKey;
