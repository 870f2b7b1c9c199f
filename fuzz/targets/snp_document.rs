//! Attestation documents: a report and its endorsements, as they travel.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::snp_document(bytes));
