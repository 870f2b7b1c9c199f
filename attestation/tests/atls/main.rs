//! Attested TLS from end to end: our two sides with each other, with strangers that break its rules one at
//! a time, and with `openssl` as an independent peer.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod clients;
#[cfg(test)]
#[path = "../support/clock.rs"]
mod clock;
#[cfg(test)]
mod costs;
#[cfg(feature = "grpc")]
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod hostile_servers;
#[cfg(test)]
mod nonces;
#[cfg(test)]
mod openssl;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod queue;
