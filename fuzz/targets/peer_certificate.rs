//! Certificates of TLS peers, with their attestation extension.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::peer_certificate(bytes));
