//! Whole deployments: the real programs on one machine.
//!
//! One test binary, so that the processor and the owners' keys are made once. `refusals`, `stores`, `disk`, `clients` and
//! `accidents` go through everything that may be wrong or go wrong, `first` and `reference` through who comes first, and
//! what is known of it, `hand_over` through peers that ask for the seed; `life`, `wire`, `evidence` and
//! `renewal` show what is right,
//! `limits` what the most costs that is right.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod accidents;
mod clients;
mod disk;
mod evidence;
mod first;
mod hand_over;
mod life;
mod limits;
mod memory;
mod reference;
mod refusals;
mod renewal;
mod status;
mod stores;
mod strangers;
mod wire;
