//! Revocation lists that come with the evidence, where one is required.

use std::time::{Duration, SystemTime};

use contrast_attestation::{
    Cause, Finding,
    simulated::ReportBuilder,
    snp::{Revocation, SnpVerifier},
};

use crate::{certificates::with_vlek, resigned::*, support::*};

const HOUR: Duration = Duration::from_secs(60 * 60);
/// Serial numbers as the simulator gives them: of the ARK, of both ASK and ASVK, of every endorsement key.
const ARK: u64 = 0x01_0000;
const INTERMEDIATE: u64 = 0x01_0001;
const ENDORSEMENT: u64 = 0;
/// Elements of the signed part of a list.
const ISSUER: usize = 2;
const NEXT_UPDATE: usize = 4;

pub(crate) fn required() -> SnpVerifier {
    verifier(reference()).with_revocation(Revocation::Required)
}

pub(crate) fn list(serials: &[u64]) -> Vec<u8> {
    GENOA.revocation_list(serials, SystemTime::now() - HOUR, SystemTime::now() + HOUR).unwrap()
}

fn with_list<'a>(builder: ReportBuilder<'a>, list: &[u8]) -> ReportBuilder<'a> {
    builder.endorse(|certificates| certificates.revocation_list = list.to_vec())
}

/// A list that cannot be used is no better than none. (For a VLEK, what is attached can only object.)
#[track_caller]
fn refused_with(list: &[u8], reason: &str) {
    refused_for(with_list(honest(), list), reason);
}

#[track_caller]
fn refused_for(builder: ReportBuilder<'_>, reason: &str) {
    let findings = appraise(&required(), &builder.evidence().unwrap()).unwrap_err();
    let cause = match reason {
        _ if reason.starts_with("a list that names") => Cause::Revoked,
        _ if reason.contains("out of date") || reason.contains("from the future") => {
            Cause::RevocationListDates
        }
        _ => Cause::RevocationListFaulty,
    };
    let expected = Finding {
        cause,
        field: "revocation list of ARK-Genoa".to_owned(),
        expected: "a list that is valid now and names none of the certificates".to_owned(),
        found: reason.to_owned(),
    };
    assert_eq!(findings, [expected]);
}

#[test]
fn a_valid_list_shows_that_a_vcek_is_not_revoked() {
    for list in [list(&[]), list(&[0x77])] {
        appraise(&required(), &with_list(honest(), &list).evidence().unwrap()).unwrap();
    }
}

#[test]
fn a_chain_without_a_list_is_refused() {
    let findings = appraise(&required(), &honest().evidence().unwrap()).unwrap_err();
    assert_eq!(findings.len(), 1);
    assert!(findings[0].found.starts_with("none in the evidence, and "), "{findings:?}");
}

#[test]
fn a_list_that_names_the_vlek_is_refused() {
    refused_for(
        with_list(with_vlek(), &list(&[0x77, ENDORSEMENT])),
        "a list that names the VLEK certificate",
    );
}

#[test]
fn a_list_that_names_the_asvk_is_refused() {
    refused_for(with_list(with_vlek(), &list(&[INTERMEDIATE])), "a list that names the ASVK certificate");
}

#[test]
fn a_list_that_names_the_vcek_is_refused() {
    refused_for(with_list(honest(), &list(&[0x77, ENDORSEMENT])), "a list that names the VCEK certificate");
}

#[test]
fn a_list_that_names_the_ask_is_refused() {
    refused_for(with_list(honest(), &list(&[INTERMEDIATE])), "a list that names the ASK certificate");
}

#[test]
fn a_list_that_names_the_ark_is_refused() {
    for builder in [honest(), with_vlek()] {
        refused_for(with_list(builder, &list(&[ARK])), "a list that names the ARK certificate");
    }
}

#[test]
fn an_expired_list_is_refused() {
    let now = SystemTime::now();
    let list = GENOA.revocation_list(&[], now - 2 * HOUR, now - HOUR).unwrap();
    refused_with(&list, "a list that is out of date, or does not say until when it is valid");
}

#[test]
fn a_list_from_the_future_is_refused() {
    let now = SystemTime::now();
    let list = GENOA.revocation_list(&[], now + HOUR, now + 2 * HOUR).unwrap();
    refused_with(&list, "a list from the future");
}

#[test]
fn a_list_that_does_not_say_until_when_it_is_valid_is_refused() {
    let endless = resigned(&list(&[]), &KEYS.ark, |parts| {
        parts.remove(NEXT_UPDATE);
    });
    refused_with(&endless, "a list that is out of date, or does not say until when it is valid");
}

#[test]
fn a_list_of_another_issuer_is_refused_even_if_the_root_signed_it() {
    let asks_name = elements(&elements(GENOA.ask())[0])[5].clone();
    let in_other_name = resigned(&list(&[]), &KEYS.ark, |parts| parts[ISSUER] = asks_name);
    refused_with(&in_other_name, "a list of another issuer");
}

#[test]
fn a_list_that_the_ask_signed_in_its_own_name_is_refused() {
    let asks_name = elements(&elements(GENOA.ask())[0])[5].clone();
    let own = resigned(&list(&[]), &KEYS.ask, |parts| parts[ISSUER] = asks_name);
    refused_with(&own, "a list of another issuer");
}

#[test]
fn a_list_that_the_root_did_not_sign_is_refused() {
    const REASON: &str = "a list whose signature by the ARK does not verify";
    refused_with(&resigned(&list(&[]), &KEYS.ask, |_| ()), REASON);
    let now = SystemTime::now();
    refused_with(&FOREIGN.revocation_list(&[], now - HOUR, now + HOUR).unwrap(), REASON);
    let mut forged = list(&[]);
    *forged.last_mut().unwrap() ^= 1;
    refused_with(&forged, REASON);
}

/// 1.3.6.1.4.1.3704.9, whatever that may be.
fn extension(critical: bool) -> Vec<u8> {
    let name = element(0x06, &[0x2B, 6, 1, 4, 1, 0x9C, 0x78, 9]);
    let critical = if critical { element(0x01, &[0xFF]) } else { Vec::new() };
    element(0x30, &[name, critical, element(0x04, &[5, 0])].concat())
}

#[test]
fn a_list_with_an_unknown_critical_extension_is_refused() {
    let with = |critical| {
        let extensions = element(0xA0, &element(0x30, &extension(critical)));
        resigned(&list(&[]), &KEYS.ark, |parts| parts.push(extensions))
    };
    appraise(&required(), &with_list(honest(), &with(false)).evidence().unwrap()).unwrap();
    refused_with(&with(true), "a list with a critical extension that is not known");
}

#[test]
fn a_list_with_an_unknown_critical_extension_of_an_entry_is_refused() {
    let with = |critical| {
        resigned(&list(&[0x77]), &KEYS.ark, |parts| {
            let entries = parts.last_mut().unwrap();
            let mut entry = elements(&elements(entries)[0]);
            entry.push(element(0x30, &extension(critical)));
            *entries = element(0x30, &element(0x30, &entry.concat()));
        })
    };
    appraise(&required(), &with_list(honest(), &with(false)).evidence().unwrap()).unwrap();
    refused_with(&with(true), "a list with a critical extension that is not known");
}

#[test]
fn a_list_that_is_none_is_refused() {
    const REASON: &str = "bytes that are not a DER X.509 revocation list";
    refused_with(b"garbage", REASON);
    refused_with(&[list(&[]), vec![0]].concat(), REASON);
    refused_with(GENOA.ark(), REASON);
}

#[test]
fn a_list_that_must_be_in_order_only_if_sent_is_refused_for_the_same_reasons() {
    let endless = resigned(&list(&[]), &KEYS.ark, |parts| {
        parts.remove(NEXT_UPDATE);
    });
    let findings = refused(with_list(with_vlek(), &endless), &["revocation list of ARK-Genoa"]);
    assert_eq!(findings[0].found, "a list that is out of date, or does not say until when it is valid");
    refused(with_list(with_vlek(), &list(&[ENDORSEMENT])), &["revocation list of ARK-Genoa"]);
    accepted(with_list(with_vlek(), &list(&[])));
}
