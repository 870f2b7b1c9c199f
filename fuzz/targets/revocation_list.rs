//! Revocation lists of an AMD root key.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::revocation_list(bytes));
