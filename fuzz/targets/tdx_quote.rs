//! TDX quotes as hardware makes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::tdx_quote(bytes));
