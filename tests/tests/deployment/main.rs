//! Whole deployments: the real programs on one machine.
//!
//! One test binary, so that the processor and the owners' keys are made once. `refusals`, `stores`, `clients` and
//! `accidents` go through everything that may be wrong or go wrong; `life`, `wire` and `evidence` show what is right;
//! `limits` measures what the most costs that is right.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod accidents;
mod clients;
mod evidence;
mod life;
mod limits;
mod refusals;
mod stores;
mod wire;
