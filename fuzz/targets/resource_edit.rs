//! Kubernetes resources, and changes of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::resource_edit(bytes));
