//! Annotations of the service mesh.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::mesh_annotation(bytes));
