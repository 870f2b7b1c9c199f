//! Configurations of containerd, for the node installer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::containerd_configuration(bytes));
