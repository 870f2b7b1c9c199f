//! Kernels that a TD boots.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::kernel(bytes));
