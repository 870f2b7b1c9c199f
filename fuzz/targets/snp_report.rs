//! Attestation reports of AMD SEV-SNP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contrast_fuzz::snp_report(bytes));
