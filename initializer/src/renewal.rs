//! Keeps a pod's certificate fresh for as long as the pod lives.
//!
//! About every three quarters of a minute the pod looks which mesh CA the Coordinator has, which costs no report. It asks for a new
//! certificate when that is another one than its own (after an update of the manifest, or a recovery), or when half of the
//! certificate's time is over. All pods look at times of their own, so that they do not come all at once when something
//! happens: after a recovery, ten thousand pods ask three hundred times a second. Whatever fails, the pod keeps what it has. One that
//! the manifest refuses asks ever more rarely, until there is another manifest.

mod log;
mod mesh_ca;
mod metrics;
mod record;
mod refused;

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::signal::unix::Signal;
use tracing::info;

use crate::{
    backoff::shortened,
    credentials::Validity,
    pod::{Certified, Pod},
};
use log::Troubles;
use mesh_ca::MeshCa;
pub(crate) use mesh_ca::{News, Source};
pub(crate) use metrics::serve as serve_metrics;
pub(crate) use record::Record;
use refused::Refused;

/// A certificate whose half is over is not renewed more often than this. It would be, where this pod's clock is wrong.
const LEAST_BETWEEN: Duration = Duration::from_secs(3600);

/// Renews a pod's certificates.
pub(crate) struct Renewal<'a> {
    /// The pod.
    pub(crate) pod: &'a Pod,
    /// Who tells which mesh CA there is.
    pub(crate) source: Source,
    /// The longest time between two looks; the shortest is half of it.
    pub(crate) pause: Duration,
    /// What it did so far.
    pub(crate) record: Arc<Record>,
    /// Who asks for a new certificate (SIGHUP): at once, but not sooner after the last attempt than the shortest pause.
    pub(crate) asked: Signal,
    /// When it asked for a certificate last.
    pub(crate) tried: Option<Instant>,
}

/// Why a certificate is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reason {
    OtherMeshCa,
    HalfOver,
    Signal,
}

/// What the pod has.
struct Held {
    mesh_ca: MeshCa,
    validity: Validity,
    /// By a clock that does not jump.
    since: Instant,
    /// A mesh CA that was told, and by which the Coordinator issued no certificate when it was asked.
    disproved: Option<MeshCa>,
    /// The Coordinator refused to replace it.
    refused: Refused,
}

impl Held {
    fn new(certified: &Certified) -> Self {
        Self {
            mesh_ca: MeshCa::of(&certified.credentials.mesh_ca),
            validity: certified.credentials.validity,
            since: Instant::now(),
            disproved: None,
            refused: Refused::default(),
        }
    }

    /// Whether it has to be replaced, by what the Coordinator tells at this time.
    fn due(&self, told: Option<MeshCa>, now: SystemTime) -> Option<Reason> {
        if let Some(told) = told
            && told != self.mesh_ca
            && Some(told) != self.disproved
        {
            return Some(Reason::OtherMeshCa);
        }
        let may_again = self.since.elapsed() >= LEAST_BETWEEN.min(self.validity.length() / 4);
        // The host sets the pod's clock, and may have set it back.
        let is_half_over =
            self.validity.is_half_over(now) || self.since.elapsed() >= self.validity.length() / 2;
        (is_half_over && may_again).then_some(Reason::HalfOver)
    }
}

impl Renewal<'_> {
    /// Replaces what the pod has whenever it is due.
    pub(crate) async fn keep_fresh(&mut self, first: &Certified) -> Infallible {
        let (mut held, mut troubles) = (Held::new(first), Troubles::default());
        loop {
            let (reason, told) = self.until_due(&held, &mut troubles).await;
            let certified = self.pod.certified().await;
            self.tried = Some(Instant::now());
            match certified {
                Err(error) => {
                    // Whoever sends a signal did not look what is told.
                    if error.is_refusal() && reason != Reason::Signal {
                        held.refused.again(told, self.pause, Instant::now());
                    }
                    troubles.not_certified(&error);
                }
                Ok(certified) => match self.pod.write(&certified) {
                    Err(error) => troubles.not_written(&error),
                    Ok(()) => {
                        held = Held::new(&certified);
                        held.disproved = told.filter(|told| *told != held.mesh_ca);
                        troubles.are_over();
                        self.record.renewed(held.validity);
                        info!("replaced the certificate and its key: {reason}");
                        continue;
                    }
                },
            }
            self.record.failed();
        }
    }

    /// Waits until the certificate has to be replaced. Says why, and which mesh CA was told.
    async fn until_due(&mut self, held: &Held, troubles: &mut Troubles) -> (Reason, Option<MeshCa>) {
        loop {
            let pause = shortened(self.pause, getrandom::u32().unwrap_or(u32::MAX));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.asked.recv() => {
                    tokio::time::sleep(self.too_early()).await;
                    return (Reason::Signal, None);
                }
            }
            let news = self.source.ask().await;
            troubles.heard(&news);
            self.record.looked(&news);
            let told = news.mesh_ca();
            if let Some(reason) = held.due(told, SystemTime::now())
                && !held.refused.is_too_early(told, Instant::now())
            {
                return (reason, told);
            }
        }
    }

    /// How long it is too early for another attempt because somebody asks.
    fn too_early(&self) -> Duration {
        let since = self.tried.map(|tried| tried.elapsed());
        since.map_or(Duration::ZERO, |since| (self.pause / 2).saturating_sub(since))
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OtherMeshCa => "the Coordinator has another mesh CA",
            Self::HalfOver => "half of its time was over",
            Self::Signal => "somebody asked for it (SIGHUP)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn held(since: Duration) -> Held {
        let from = SystemTime::UNIX_EPOCH + 100 * DAY;
        Held {
            mesh_ca: MeshCa::of(b"mine"),
            validity: Validity { from, until: from + 10 * DAY },
            since: Instant::now().checked_sub(since).unwrap(),
            disproved: Some(MeshCa::of(b"disproved")),
            refused: Refused::default(),
        }
    }

    fn day(number: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + number * DAY
    }

    #[test]
    fn a_certificate_is_replaced_when_half_of_its_time_is_over_or_the_mesh_ca_is_another() {
        let held = held(LEAST_BETWEEN);
        let told = |pem: &[u8]| Some(MeshCa::of(pem));
        assert_eq!(held.due(None, day(104)), None);
        assert_eq!(held.due(None, day(105)), Some(Reason::HalfOver));
        assert_eq!(held.due(None, day(111)), Some(Reason::HalfOver));
        assert_eq!(held.due(told(b"mine"), day(104)), None);
        assert_eq!(held.due(told(b"other"), day(104)), Some(Reason::OtherMeshCa));
    }

    /// Whoever is between can say anything.
    #[test]
    fn a_mesh_ca_that_is_none_of_the_coordinator_s_is_not_asked_for_twice() {
        assert_eq!(held(LEAST_BETWEEN).due(Some(MeshCa::of(b"disproved")), day(104)), None);
    }

    #[test]
    fn a_clock_that_jumps_does_not_make_a_pod_ask_all_the_time() {
        assert_eq!(held(LEAST_BETWEEN - Duration::from_secs(60)).due(None, day(109)), None);
        assert_eq!(held(LEAST_BETWEEN).due(None, day(50)), None, "before it was issued");
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_a_certificate_for_ever() {
        assert_eq!(held(4 * DAY).due(None, day(50)), None);
        assert_eq!(held(5 * DAY).due(None, day(50)), Some(Reason::HalfOver));
    }

    #[test]
    fn short_lived_certificates_are_replaced_as_often_as_they_need() {
        let mut held = held(Duration::from_secs(61));
        held.validity.until = held.validity.from + Duration::from_secs(240);
        assert_eq!(held.due(None, held.validity.from + Duration::from_secs(120)), Some(Reason::HalfOver));
    }
}
