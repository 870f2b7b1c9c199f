//! The life of a simulated processor's directory.

use std::{fs, os::unix::fs::PermissionsExt as _, time::SystemTime};

use super::{Processor, SimulatorError, files};
use crate::{
    Attester as _, EvidenceType, ReportData, Verifier as _,
    snp::{ReferenceValues, SnpVerifier},
};

#[test]
fn a_processor_is_the_same_after_it_is_opened_again() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("processor");
    let made = Processor::init(&dir).unwrap();
    let opened = Processor::open(&dir).unwrap();
    assert_eq!(made.reference_values(), opened.reference_values());
    assert_eq!(made.trust_anchor(), opened.trust_anchor());

    let host_data = [7; 32];
    let reference = ReferenceValues { allowed_host_data: [host_data].into(), ..made.reference_values() };
    let verifier = SnpVerifier::new("simulated-0", reference, made.trust_anchor());
    let evidence = opened.attester(host_data).attest(&ReportData([1; 64])).unwrap();
    let claims = verifier.appraise(&evidence, &ReportData([1; 64]), SystemTime::now()).unwrap();
    assert_eq!(claims.evidence_type, EvidenceType::Simulated);
    assert_eq!(claims.host_data, host_data);

    keys_are_for_their_owner_only(&dir);
    an_existing_processor_is_never_overwritten(&dir);
    files_that_do_not_belong_together_are_refused(&dir);
}

fn keys_are_for_their_owner_only(dir: &std::path::Path) {
    for file in fs::read_dir(dir).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
    }
}

fn an_existing_processor_is_never_overwritten(dir: &std::path::Path) {
    let before = fs::read(dir.join(files::ARK_KEY)).unwrap();
    assert!(matches!(Processor::init(dir), Err(SimulatorError::Exists { .. })));
    assert_eq!(fs::read(dir.join(files::ARK_KEY)).unwrap(), before);
}

fn files_that_do_not_belong_together_are_refused(dir: &std::path::Path) {
    fs::copy(dir.join(files::ASK_KEY), dir.join(files::VCEK_KEY)).unwrap();
    assert!(matches!(Processor::open(dir), Err(SimulatorError::Key { .. })));
    fs::remove_file(dir.join(files::VCEK_KEY)).unwrap();
    assert!(matches!(Processor::open(dir), Err(SimulatorError::Missing { .. })));
}

#[test]
fn a_directory_without_a_processor_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let error = Processor::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("contrast simulator init --dir"), "{error}");
}
