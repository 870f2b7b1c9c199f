//! What Intel publishes about platforms, and bundles of what vendors publish.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::collateral(bytes));
