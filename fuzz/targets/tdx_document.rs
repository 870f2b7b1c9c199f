//! TDX quotes as they travel.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::tdx_document(bytes));
