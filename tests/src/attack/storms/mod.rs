//! The attacks, a module for each kind. None of them has a right to anything.

mod bodies;
mod calls;
mod floods;
mod handshakes;
mod places;
mod silence;

use std::pin::Pin;

use super::field::Field;

/// One way to attack.
pub struct Attack {
    /// Name, as it is chosen by.
    pub name: &'static str,
    /// What is done, in a few words.
    pub what: &'static str,
    storm: fn(Field) -> Storm,
}

type Storm = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Attack {
    const fn new(name: &'static str, what: &'static str, storm: fn(Field) -> Storm) -> Self {
        Self { name, what, storm }
    }

    /// Goes on until time is up.
    pub(super) async fn go(&self, field: Field) {
        (self.storm)(field).await;
    }
}

/// All of them; those that want the most memory come last, since it is not given back.
pub const ATTACKS: [Attack; 14] = [
    Attack::new("silent-tcp", "4,800 TCP connections that say nothing", |field| {
        Box::pin(silence::after_tcp(field))
    }),
    Attack::new("slow-hello", "500 handshakes that come byte by byte", |field| {
        Box::pin(silence::byte_by_byte(field))
    }),
    Attack::new("silent-tls", "1,000 connections that say nothing after their handshake", |field| {
        Box::pin(silence::after_tls(field))
    }),
    Attack::new("churn", "connections that are closed as soon as they are open", |field| {
        Box::pin(handshakes::and_nothing_else(field))
    }),
    Attack::new("frames", "endless PING, SETTINGS, WINDOW_UPDATE, PRIORITY and DATA frames", |field| {
        Box::pin(floods::of_frames(field))
    }),
    Attack::new("resets", "requests that are reset at once, without end", |field| {
        Box::pin(floods::of_resets(field))
    }),
    Attack::new("headers", "header fields without end, and some that grow a thousandfold", |field| {
        Box::pin(floods::of_headers(field))
    }),
    Attack::new("certificates", "client certificates with thousands of extensions, on both APIs", |field| {
        Box::pin(handshakes::with_large_certificates(field))
    }),
    Attack::new("evidence", "evidence with huge certificates and tables", |field| {
        Box::pin(handshakes::with_large_evidence(field))
    }),
    Attack::new("calls", "1,000 connections that call everything, with nonsense", |field| {
        Box::pin(calls::of_everything(field))
    }),
    Attack::new("unfinished", "500 connections of 8 requests that never end, on both APIs", |field| {
        Box::pin(places::unfinished(field))
    }),
    Attack::new(
        "slow-readers",
        "1,024 readers of the history and of all manifests on 128 connections, 4 KB/s each",
        |field| Box::pin(places::slow_readers(field)),
    ),
    Attack::new("manifests", "manifests of 2 and 8 MB that are much larger once they are read", |field| {
        Box::pin(bodies::bloated(field))
    }),
    Attack::new(
        "bodies",
        "32 bodies of 15.8 MB and 32 of 4 MB, all but the last byte, then that too",
        |field| Box::pin(bodies::large(field)),
    ),
];
