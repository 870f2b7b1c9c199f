//! Sealed logs that a host has edited.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::sealed_record(bytes));
