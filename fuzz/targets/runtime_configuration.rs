//! Configurations for the simulated platform's runtime.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::runtime_configuration(bytes));
