//! Certificates that are expired or not yet valid, each alone in a chain that is right in everything else.

use std::time::SystemTime;

use contrast_attestation::{
    Cause, Evidence, Finding, Verifier,
    snp::{SnpVerifier, TrustAnchor},
};
use sha2::{Digest, Sha256};

use crate::{
    certificates::{reissued, with_vcek, with_vlek},
    resigned::*,
    support::*,
};

type Period = (SystemTime, SystemTime);

fn expired() -> Period {
    (SystemTime::now() - 30 * DAY, SystemTime::now() - DAY)
}

fn future() -> Period {
    (SystemTime::now() + DAY, SystemTime::now() + 30 * DAY)
}

fn valid_for(certificate: &[u8], key: &aws_lc_rs::signature::RsaKeyPair, period: Period) -> Vec<u8> {
    const VALIDITY: usize = 4;
    resigned(certificate, key, |parts| {
        parts[VALIDITY] = element(0x30, &[time(period.0), time(period.1)].concat());
    })
}

/// The only reason is the validity of the certificate at `place`, and it is told in full.
#[track_caller]
fn refused_for(verifier: &SnpVerifier, evidence: &Evidence, place: &str, period: Period) {
    let now = SystemTime::now();
    let findings = verifier.appraise(evidence, &REPORT_DATA, now).unwrap_err().findings;
    let expected = Finding {
        cause: Cause::CertificateDates,
        field: format!("{place} certificate validity"),
        expected: format!("the time from {} to {}", date(period.0), date(period.1)),
        found: date(now).to_string(),
    };
    assert_eq!(findings, [expected]);
}

#[track_caller]
fn refused_vcek(period: Period) {
    let vcek = reissued(|template| (template.not_before, template.not_after) = period);
    refused_for(&verifier(reference()), &with_vcek(vcek).evidence().unwrap(), "VCEK", period);
}

#[test]
fn an_expired_vcek_is_refused() {
    refused_vcek(expired());
}

#[test]
fn a_vcek_that_is_not_yet_valid_is_refused() {
    refused_vcek(future());
}

#[track_caller]
fn refused_ask(period: Period) {
    let ask = valid_for(GENOA.ask(), &KEYS.ark, period);
    let evidence = honest().endorse(|certificates| certificates.ask = ask).evidence().unwrap();
    refused_for(&verifier(reference()), &evidence, "ASK", period);
}

#[test]
fn an_expired_ask_is_refused() {
    refused_ask(expired());
}

#[test]
fn an_ask_that_is_not_yet_valid_is_refused() {
    refused_ask(future());
}

#[track_caller]
fn refused_ark(period: Period) {
    let ark = valid_for(GENOA.ark(), &KEYS.ark, period);
    // It is the root that the verifier trusts.
    let anchor = TrustAnchor::Simulated { root_digest: Sha256::digest(&ark).into() };
    let evidence = honest().endorse(|certificates| certificates.ark = ark).evidence().unwrap();
    refused_for(&SnpVerifier::new("simulated-0", reference(), anchor), &evidence, "ARK", period);
}

#[test]
fn an_expired_ark_is_refused() {
    refused_ark(expired());
}

#[test]
fn an_ark_that_is_not_yet_valid_is_refused() {
    refused_ark(future());
}

#[test]
fn an_expired_vlek_or_asvk_is_refused() {
    let period = expired();
    let asvk = valid_for(&GENOA.asvk().unwrap(), &KEYS.ark, period);
    let evidence = with_vlek().endorse(|certificates| certificates.ask = asvk).evidence().unwrap();
    refused_for(&verifier(reference()), &evidence, "ASVK", period);
    let builder = with_vlek()
        .endorse(|certificates| certificates.vlek = valid_for(&certificates.vlek, &KEYS.ask, period));
    refused_for(&verifier(reference()), &builder.evidence().unwrap(), "VLEK", period);
}

#[test]
fn a_certificate_is_valid_to_the_end_and_from_the_beginning() {
    let now = SystemTime::now();
    for period in [(now - DAY, now + DAY / 24), (now - DAY / 24, now + DAY)] {
        accepted(with_vcek(reissued(|template| (template.not_before, template.not_after) = period)));
    }
}

#[test]
fn a_chain_that_was_verified_and_is_remembered_is_refused_at_another_time() {
    let (now, evidence, verifier) = (SystemTime::now(), honest().evidence().unwrap(), verifier(reference()));
    let all = ["ARK certificate validity", "ASK certificate validity", "VCEK certificate validity"];
    for (time, fields) in [
        (now, &[][..]),
        (now + 8 * 365 * DAY, &all[2..]),
        (now + 26 * 365 * DAY, &all),
        (SystemTime::UNIX_EPOCH, &all),
    ] {
        let rejection = verifier.appraise(&evidence, &REPORT_DATA, time).err();
        let findings = rejection.map(|rejection| rejection.findings).unwrap_or_default();
        let found: Vec<_> = findings.iter().map(|finding| finding.field.as_str()).collect();
        assert_eq!(found, fields);
        assert!(findings.iter().all(|finding| finding.found == date(time).to_string()), "{findings:?}");
    }
}
