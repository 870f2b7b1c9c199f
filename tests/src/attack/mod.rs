//! Attacks of strangers on a running Coordinator, beside honest clients whose waiting is measured.
//!
//! A stranger reaches both APIs and has no right to anything. [`ATTACKS`] are bounded in number and time, go to addresses
//! of this machine only, and stop by themselves. [`Siege`] lets them loose one by one, each in a process of its own.

mod field;
mod flow;
mod frames;
mod honest;
mod http2;
mod offers;
mod prices;
mod siege;
mod storms;
mod stranger;
mod waits;

pub use field::Target;
pub use prices::{Price, prices};
pub use siege::{Manner, Outcome, Siege};
pub use storms::{ATTACKS, Attack};
pub use waits::Waits;

use contrast_coordinator::limits;
use field::Field;
use tokio::runtime::Builder;

/// Most bytes of memory that the Coordinator may have resident, whatever strangers send. An unoptimised one has more code
/// resident, by more than this.
pub const MOST_BYTES: u64 = limits::MEMORY + if cfg!(debug_assertions) { 16 * 1024 * 1024 } else { 0 };

/// Attacks from within this process until time is up or `enough` ends, and says in words what was sent.
///
/// # Panics
/// When threads cannot be started.
#[must_use]
pub fn let_loose(attack: &Attack, target: Target, enough: impl FnOnce() + Send + 'static) -> String {
    let runtime = Builder::new_multi_thread().enable_all().build().expect("threads can be started");
    let said = runtime.block_on(async {
        let field = Field::new(target);
        tokio::select! {
            () = attack.go(field.clone()) => {}
            _ = tokio::task::spawn_blocking(enough) => {}
        }
        field.to_string()
    });
    runtime.shutdown_background();
    said
}
