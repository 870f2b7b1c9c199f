//! What is kept in a directory, and what it is worth.

use std::{fs, path::Path, time::Duration};

use contrast_attestation::{
    collateral::{Address, ContentError, FetchError, Fetched, Fetcher, Origin},
    snp::Product,
};

use crate::{
    vendor::{Reply, Vendor},
    world::*,
};

fn down() -> Reply {
    Reply::Status(404, "")
}

/// Fetches `address` from a server that has it, so that it is kept in `dir`.
async fn keep(dir: &Path, address: &Address, body: &[u8]) {
    let vendor = Vendor::always(Reply::ok(body)).await;
    fetcher(&vendor, Some(dir), &TestClock::new()).fetch(address).await.unwrap();
}

/// What comes of it after a restart, while the vendor cannot be reached.
async fn fetch_offline(dir: &Path, address: &Address) -> Result<Fetched, FetchError> {
    let vendor = Vendor::always(down()).await;
    fetcher(&vendor, Some(dir), &TestClock::new()).fetch(address).await
}

fn the_file(dir: &Path) -> std::path::PathBuf {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[tokio::test]
async fn a_certificate_is_never_asked_for_twice_not_even_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let vendor = Vendor::always(Reply::ok(&PROCESSOR.endorsements().vcek)).await;
    for origin_is_network in [true, false] {
        let fetched = fetcher(&vendor, Some(dir.path()), &TestClock::new()).fetch(&chip_key()).await.unwrap();
        assert_eq!(matches!(fetched.origin, Origin::Network), origin_is_network, "{fetched:?}");
    }
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn without_a_directory_memory_serves_as_long_as_the_program_runs() {
    let vendor = Vendor::always(Reply::ok(&PROCESSOR.endorsements().vcek)).await;
    let fetcher: Fetcher = fetcher(&vendor, None, &TestClock::new());
    fetcher.fetch(&chip_key()).await.unwrap();
    assert!(matches!(fetcher.fetch(&chip_key()).await.unwrap().origin, Origin::Cache));
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn a_list_is_always_asked_for_and_the_kept_one_is_only_a_fallback() {
    let dir = tempfile::tempdir().unwrap();
    keep(dir.path(), &LIST, &list(&GENOA, Duration::from_secs(60))).await;
    let newer = list(&GENOA, Duration::ZERO);
    let vendor = Vendor::always(Reply::ok(&newer)).await;
    let fetched = fetcher(&vendor, Some(dir.path()), &TestClock::new()).fetch(&LIST).await.unwrap();
    assert!(matches!(fetched.origin, Origin::Network));
    let fetched = fetch_offline(dir.path(), &LIST).await.unwrap();
    assert!(matches!(fetched.origin, Origin::CacheInstead(FetchError::Status { status: 404, .. })));
    assert_eq!(fetched.item.body, newer);
}

#[tokio::test]
async fn a_kept_list_that_is_out_of_date_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    keep(dir.path(), &LIST, &list(&GENOA, Duration::ZERO)).await;
    let (vendor, clock) = (Vendor::always(down()).await, TestClock::new());
    let fetcher = fetcher(&vendor, Some(dir.path()), &clock);
    fetcher.fetch(&LIST).await.unwrap();
    clock.pass(2 * HOUR);
    let error = fetcher.fetch(&LIST).await.unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 404, .. }), "{error}");
}

#[tokio::test]
async fn an_older_list_never_takes_the_place_of_a_newer_one() {
    let dir = tempfile::tempdir().unwrap();
    let newer = list(&GENOA, Duration::ZERO);
    keep(dir.path(), &LIST, &newer).await;
    let vendor = Vendor::always(Reply::ok(&list(&GENOA, Duration::from_secs(60)))).await;
    let fetched = fetcher(&vendor, Some(dir.path()), &TestClock::new()).fetch(&LIST).await.unwrap();
    assert!(matches!(fetched.origin, Origin::CacheInstead(FetchError::Content(ContentError::Older))));
    assert_eq!(fetched.item.body, newer);
}

#[tokio::test]
async fn a_file_that_somebody_changed_is_as_good_as_none() {
    let dir = tempfile::tempdir().unwrap();
    keep(dir.path(), &chip_key(), &PROCESSOR.endorsements().vcek).await;
    let file = the_file(dir.path());
    let honest = fs::read_to_string(&file).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&honest).unwrap();
    let mut poisons = vec![String::new(), honest[..honest.len() / 2].to_owned(), "{}".to_owned()];
    // A certificate of a foreign root, and the right one under the address of another chip.
    let foreign = contrast_attestation::simulated::Processor::new(&FOREIGN).unwrap();
    json["body"] = base64(&foreign.endorsements().vcek).into();
    poisons.push(json.to_string());
    json = serde_json::from_str(&honest).unwrap();
    json["url"] = other_chip_key().url().into();
    poisons.push(json.to_string());
    poisons.push(" ".repeat(3 << 20) + &honest);
    // Genuine and in order, but of another chip.
    let neighbour = contrast_attestation::simulated::Processor::new(&GENOA).unwrap();
    let address =
        Address::AmdChipKey { product: Product::Genoa, chip_id: neighbour.chip_id(), tcb: neighbour.tcb() };
    let other_dir = tempfile::tempdir().unwrap();
    keep(other_dir.path(), &address, &neighbour.endorsements().vcek).await;
    poisons.push(fs::read_to_string(the_file(other_dir.path())).unwrap());
    for poison in poisons {
        fs::write(&file, poison).unwrap();
        assert!(fetch_offline(dir.path(), &chip_key()).await.is_err());
        // The next answer from the vendor repairs it.
        keep(dir.path(), &chip_key(), &PROCESSOR.endorsements().vcek).await;
        fetch_offline(dir.path(), &chip_key()).await.unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_costs_nothing_but_the_keeping() {
    let dir = tempfile::tempdir().unwrap();
    let not_a_directory = dir.path().join("file");
    fs::write(&not_a_directory, []).unwrap();
    keep(&not_a_directory, &LIST, &list(&GENOA, Duration::ZERO)).await;
    assert!(fetch_offline(&not_a_directory, &LIST).await.is_err());
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}
