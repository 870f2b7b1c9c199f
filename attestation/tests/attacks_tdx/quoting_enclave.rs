//! The quoting enclave, which vouches for the key that signs quotes.

use crate::world::*;

#[test]
fn an_unsigned_or_foreign_qe_identity_is_refused() {
    let mut made = honest().make();
    made.parts.qe_identity_signature = vec![0; 64];
    made.refused_saying("collateral", "QE identity: its signature does not verify");
    made.parts.qe_identity_signature = sign(&key(), made.parts.qe_identity.as_bytes()).to_vec();
    made.refused_saying("collateral", "QE identity: its signature does not verify");
    made.parts.qe_identity_signature.clear();
    made.refused_saying("collateral", "QE identity: its signature does not verify");
    // A key of Intel's, but one for other purposes.
    made.parts.qe_identity_signature = sign(&made.keys.pck_ca, made.parts.qe_identity.as_bytes()).to_vec();
    made.parts.qe_identity_issuer_chain = made.parts.pck_crl_issuer_chain.clone();
    made.refused_saying("collateral", "Intel SGX PCK Platform CA");
}

#[test]
fn the_identity_of_another_enclave_is_refused() {
    for (member, value) in [("id", "QE".into()), ("id", "QVE".into()), ("version", 1.into())] {
        let mut recipe = honest();
        recipe.qe_identity[member] = value;
        recipe.make().refused_saying("collateral", "must be TD_QE version 2 or 3");
    }
}

#[test]
fn a_qe_of_another_product_is_refused() {
    let mut recipe = honest();
    recipe.qe_report = |report| report.isv_prod_id = 1;
    recipe.make().refused_saying("quote", "ISVPRODID");
}

#[test]
fn a_qe_of_another_vendor_is_refused() {
    let mut recipe = honest();
    recipe.qe_report = |report| report.mr_signer[31] ^= 1;
    recipe.make().refused_saying("quote", "MRSIGNER");
    let mut recipe = honest();
    recipe.header.qe_vendor_id[0] ^= 1;
    recipe.make().refused(&["quote", "quote field QE_VENDOR_ID"]);
}

#[test]
fn an_old_qe_is_refused() {
    let mut recipe = honest();
    recipe.qe_report = |report| report.isv_svn = 1;
    recipe.make().refused_saying("quote", "below minimum");
    recipe.qe_report = |report| report.isv_svn = 3;
    recipe.make().refused_saying("quoting enclave TCB status", "OutOfDate");
}

#[test]
fn a_debug_qe_and_one_with_other_attributes_are_refused() {
    let mut recipe = honest();
    recipe.qe_report = |report| report.attributes[0] |= 2;
    recipe.make().refused_saying("quote", "Debug");
    recipe.qe_report = |report| report.attributes[7] |= 0x80;
    recipe.make().refused_saying("quote", "ATTRIBUTES");
    recipe.qe_report = |report| report.misc_select = 1;
    recipe.make().refused_saying("quote", "MISCSELECT");
}

#[test]
fn an_attestation_key_of_nobody_is_refused() {
    let mut made = honest().make();
    let own = key();
    let quote = &mut made.document.quote;
    quote.attestation_key = point(&own);
    quote.signature = sign(&own, &quote.signed_bytes());
    made.refused(&["QE report field REPORTDATA"]);
}

#[test]
fn authentication_data_that_the_qe_did_not_hash_is_refused() {
    let mut made = honest().make();
    made.document.quote.qe_auth_data[0] ^= 1;
    made.refused(&["QE report field REPORTDATA"]);
    made.document.quote.qe_auth_data.clear();
    made.refused(&["QE report field REPORTDATA"]);
}

#[test]
fn a_qe_report_with_more_report_data_than_the_hash_is_refused() {
    let mut recipe = honest();
    recipe.qe_report = |report| report.report_data[63] = 1;
    recipe.make().refused(&["QE report field REPORTDATA"]);
}

#[test]
fn a_qe_report_that_the_platform_did_not_sign_is_refused() {
    let mut made = honest().make();
    made.document.quote.qe_report_signature = sign(&key(), &made.document.quote.qe_report.encode());
    made.refused_saying("quote", "qe_report");
    made.document.quote.qe_report_signature = [0; 64];
    made.refused_saying("quote", "qe_report");
}
