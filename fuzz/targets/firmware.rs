//! OVMF images.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::firmware(bytes));
