//! Certificates that a host hands to its guest.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::certificate_table(bytes));
