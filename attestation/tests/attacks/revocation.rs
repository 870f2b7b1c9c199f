//! Revocation lists that are missing, out of time, forged, or that name the chain.

use std::time::{Duration, SystemTime};

use contrast_attestation::snp::{Revocation, SnpVerifier};

use crate::support::*;

const LIST: &str = "revocation list of ARK-Genoa";
const HOUR: Duration = Duration::from_secs(60 * 60);

fn required(list: Option<Vec<u8>>) -> SnpVerifier {
    verifier(reference()).with_revocation(Revocation::Required { list: list.map(Into::into) })
}

fn list(serials: &[u64]) -> Vec<u8> {
    GENOA.revocation_list(serials, SystemTime::now() - HOUR, SystemTime::now() + HOUR).unwrap()
}

#[track_caller]
fn refused_because(list: Option<Vec<u8>>, reason: &str) {
    let findings = refused_by(&required(list), &honest().evidence().unwrap(), &[LIST]);
    assert!(findings[0].found.contains(reason), "{findings:?}");
}

#[test]
fn a_valid_list_is_taken_from_the_verifier_or_from_the_evidence() {
    appraise(&required(Some(list(&[0x77]))), &honest().evidence().unwrap()).unwrap();
    appraise(&required(Some(list(&[]))), &honest().evidence().unwrap()).unwrap();
    let attached = honest().endorse(|certificates| certificates.revocation_list = list(&[0x77]));
    appraise(&required(None), &attached.evidence().unwrap()).unwrap();
}

#[test]
fn a_missing_list_is_refused_where_one_is_required() {
    refused_because(None, "no revocation list");
}

#[test]
fn a_list_out_of_its_time_is_refused() {
    let now = SystemTime::now();
    let expired = GENOA.revocation_list(&[], now - 2 * HOUR, now - HOUR).unwrap();
    refused_because(Some(expired), "out of date");
    let future = GENOA.revocation_list(&[], now + HOUR, now + 2 * HOUR).unwrap();
    refused_because(Some(future), "from the future");
}

#[test]
fn a_list_that_the_root_did_not_sign_is_refused() {
    let mut forged = list(&[]);
    *forged.last_mut().unwrap() ^= 1;
    refused_because(Some(forged), "signature");
    let now = SystemTime::now();
    refused_because(Some(FOREIGN.revocation_list(&[], now - HOUR, now + HOUR).unwrap()), "signature");
    refused_because(Some(b"garbage".to_vec()), "not a DER");
    let mut long = list(&[]);
    long.push(0);
    refused_because(Some(long), "not a DER");
}

#[test]
fn a_list_that_names_a_certificate_of_the_chain_is_refused() {
    refused_because(Some(list(&[0x77, 0x01_0001])), "names the ASK");
    refused_because(Some(list(&[0])), "names the VCEK");
    refused_because(Some(list(&[0x01_0000])), "names the ARK");
}

#[test]
fn a_list_of_ones_own_wins_over_that_of_the_evidence() {
    let attached = honest().endorse(|certificates| certificates.revocation_list = list(&[]));
    let verifier = required(Some(list(&[0x01_0001])));
    refused_by(&verifier, &attached.evidence().unwrap(), &[LIST]);
}
