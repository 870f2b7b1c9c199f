//! What a handshake costs the Coordinator, in processor time: an honest one, and the most expensive ones of strangers.

use std::time::Duration;

use tokio::runtime::Builder;

use super::{
    Siege, Target,
    field::Field,
    honest::Honest,
    offers::{self, Offer},
};
use crate::{Coordinator, processor::processor_seconds};

/// Certificates for honest pods that are measured.
const HONEST: usize = 100;
/// Times that each offer of a stranger is made, at most.
const STRANGE: u32 = 5;
/// Seconds of processor time that say enough about an offer.
const ENOUGH: f64 = 1.0;

/// Of all offers of one kind, the most expensive one.
pub struct Price {
    /// Where it is presented, and what it is.
    pub what: String,
    /// Processor time of the Coordinator for each, in seconds.
    pub seconds: f64,
    /// The same for an honest pod, with its certificate.
    pub honest_seconds: f64,
}

/// Whom handshakes cost something.
pub(super) struct Victim<'a> {
    pub(super) coordinator: &'a Coordinator,
    pub(super) honest: &'a Honest,
}

/// The most expensive certificate at each API, and the most expensive evidence. Nobody else may use the Coordinator.
///
/// # Panics
/// When the Coordinator does not answer.
#[must_use]
pub fn prices(siege: &Siege) -> Vec<Price> {
    let victim = siege.victim();
    let runtime = Builder::new_current_thread().enable_all().build().expect("threads can be started");
    let Coordinator { user_api, mesh_api, .. } = *victim.coordinator;
    // What is done here is counted, not timed.
    let field = Field::new(Target { user_api, mesh_api, time: Duration::ZERO, addresses: 1 });
    let honest_seconds = victim.cost(|| victim.honest.certificates(HONEST)) / HONEST as f64;
    let evidence = runtime.block_on(offers::large_evidence(&field)).expect("the Coordinator answers");
    let kinds = [
        ("user API", user_api, offers::large_certificates()),
        ("mesh API", mesh_api, offers::large_certificates()),
        ("mesh API", mesh_api, evidence),
    ];
    let price = |(api, address, offers): (&str, _, Vec<Offer>)| {
        let costs = offers.iter().map(|offer| {
            // It may be refused.
            let once = || victim.cost(|| drop(runtime.block_on(offer.make(&field, address))));
            let (mut total, mut times) = (0.0, 0_u32);
            while times < STRANGE && total < ENOUGH {
                total += once();
                times += 1;
            }
            (total / f64::from(times), &offer.what)
        });
        let (seconds, what) = costs.max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are offers");
        Price { what: format!("{what} at the {api}"), seconds, honest_seconds }
    };
    kinds.into_iter().map(price).collect()
}

impl Victim<'_> {
    /// Seconds of processor time that the Coordinator needs for something.
    fn cost(&self, work: impl FnOnce()) -> f64 {
        let process = self.coordinator.process_id();
        let before = processor_seconds(process);
        work();
        processor_seconds(process) - before
    }
}
