//! Headers of encrypted volumes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::volume_header(bytes));
