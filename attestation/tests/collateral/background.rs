//! What a refresher does while verifiers are busy.

use std::{sync::Arc, time::Duration};

use contrast_attestation::{
    CollateralSource, Missing,
    collateral::{Address, Bundle, Clock as _, Collaterals, Item, SystemClock},
    snp::{Product, SigningKey},
};

use crate::{
    vendor::{Reply, Vendor},
    world::*,
};

#[tokio::test]
async fn what_a_manifest_needs_is_there_before_anybody_asks_and_is_renewed_every_hour() {
    let vendor = Vendor::always(Reply::ok(&list(&GENOA, Duration::ZERO))).await;
    let clock = TestClock::new();
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &clock));
    collaterals.keep_fresh([LIST]);
    refresher.catch_up().await;
    assert!(collaterals.snp_crl(Product::Genoa, SigningKey::Vcek).is_ok());
    refresher.catch_up().await;
    assert_eq!(vendor.requests().len(), 1);
    clock.pass(HOUR);
    refresher.catch_up().await;
    assert_eq!(vendor.requests().len(), 2);
}

#[tokio::test]
async fn what_is_missing_is_fetched_for_next_time() {
    let vendor = Vendor::always(Reply::ok(&PROCESSOR.endorsements().vcek)).await;
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &TestClock::new()));
    let ask = || collaterals.snp_vcek(Product::Genoa, &PROCESSOR.chip_id(), PROCESSOR.tcb());
    assert_eq!(ask(), Err(Missing::BeingFetched));
    assert_eq!(ask(), Err(Missing::BeingFetched));
    refresher.catch_up().await;
    assert_eq!(ask().unwrap().as_ref(), PROCESSOR.endorsements().vcek);
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_fetched_is_missing_for_the_reason_of_the_failure() {
    let vendor = Vendor::always(Reply::ok(&list(&FOREIGN, Duration::ZERO))).await;
    let clock = TestClock::new();
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &clock));
    collaterals.keep_fresh([LIST]);
    assert_eq!(collaterals.snp_crl(Product::Genoa, SigningKey::Vcek), Err(Missing::BeingFetched));
    refresher.catch_up().await;
    let Err(Missing::NotFetched { reason }) = collaterals.snp_crl(Product::Genoa, SigningKey::Vcek) else {
        panic!()
    };
    assert!(reason.contains("revocation list of ARK-Genoa"), "{reason}");
    assert!(reason.contains("not signed under the root key of AMD"), "{reason}");
    assert!(collaterals.failure(&LIST).is_some());
    // What is needed is tried again after a minute, however often it fails.
    for requests in 2..5 {
        clock.pass(Duration::from_secs(60));
        refresher.catch_up().await;
        assert_eq!(vendor.requests().len(), requests);
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_renewed_stays_until_a_newer_one_comes() {
    let (first, last) = (list(&GENOA, Duration::from_secs(60)), list(&GENOA, Duration::ZERO));
    let (kept, renewed) = (first.clone(), last.clone());
    let vendor = Vendor::start(move |_, number| match number {
        0 => Reply::ok(&first),
        1 => Reply::Status(404, ""),
        _ => Reply::ok(&last),
    })
    .await;
    // Starts in the past, so that the lists are valid for the hour that passes.
    let clock = TestClock::at(SystemClock.now() - HOUR / 2);
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &clock));
    collaterals.keep_fresh([LIST]);
    for (wait, expected) in [(Duration::ZERO, &kept), (HOUR, &kept), (Duration::from_secs(60), &renewed)] {
        clock.pass(wait);
        refresher.catch_up().await;
        assert_eq!(
            collaterals.snp_crl(Product::Genoa, SigningKey::Vcek).unwrap().as_ref(),
            expected.as_slice()
        );
    }
    assert_eq!(vendor.requests().len(), 3);
}

#[tokio::test]
async fn what_evidence_once_asked_for_is_renewed_again_after_any_number_of_failures() {
    let (first, last) = (list(&GENOA, Duration::from_secs(60)), list(&GENOA, Duration::ZERO));
    let (kept, renewed) = (first.clone(), last.clone());
    let vendor = Vendor::start(move |path, number| match number {
        _ if !path.ends_with("/crl") => Reply::Status(404, ""),
        0 => Reply::ok(&first),
        1..4 => Reply::Status(404, ""),
        _ => Reply::ok(&last),
    })
    .await;
    let clock = TestClock::at(SystemClock.now() - HOUR / 2);
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &clock));
    let ask = || collaterals.snp_crl(Product::Genoa, SigningKey::Vlek);
    assert_eq!(ask(), Err(Missing::BeingFetched));
    refresher.catch_up().await;
    for (wait, expected) in [(HOUR, &kept), (HOUR / 60, &kept), (HOUR / 60, &kept), (HOUR / 60, &renewed)] {
        clock.pass(wait);
        refresher.catch_up().await;
        assert_eq!(ask().unwrap().as_ref(), expected.as_slice());
    }
    assert_eq!(vendor.requests().len(), 5);
    // Chips that somebody made up do not push it out.
    (0..300).for_each(|number| make_up(&collaterals, number));
    clock.pass(HOUR);
    refresher.catch_up().await;
    assert_eq!(vendor.requests().iter().filter(|path| path.starts_with("/vlek")).count(), 6);
    assert_eq!(vendor.requests()[5], "/vlek/v1/Genoa/crl");
}

#[tokio::test]
async fn what_came_in_a_bundle_is_renewed_once_it_is_used_and_there_is_a_server() {
    let (old, new) = (list(&GENOA, Duration::from_secs(60)), list(&GENOA, Duration::ZERO));
    let renewed = new.clone();
    let vendor = Vendor::always(Reply::ok(&new)).await;
    let clock = TestClock::new();
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &clock));
    let mut bundle = Bundle::default();
    bundle
        .add(Item { address: VLEK_LIST, fetched: clock.now(), issuer_chain: None, body: old.clone() })
        .unwrap();
    assert!(collaterals.add(&bundle).is_empty());
    assert_eq!(refresher.catch_up().await, 0);
    let ask = || collaterals.snp_crl(Product::Genoa, SigningKey::Vlek).unwrap();
    assert_eq!(ask().as_ref(), old);
    assert_eq!(refresher.catch_up().await, 1);
    assert_eq!(ask().as_ref(), renewed);
    assert_eq!(refresher.catch_up().await, 0);
}

/// Evidence of a chip that does not exist.
fn make_up(collaterals: &Collaterals, number: u16) {
    let mut chip_id = [0xEE; 64];
    chip_id[..2].copy_from_slice(&number.to_be_bytes());
    assert_eq!(collaterals.snp_vcek(Product::Genoa, &chip_id, PROCESSOR.tcb()), Err(Missing::BeingFetched));
}

#[tokio::test]
async fn whoever_made_up_chips_keeps_nobody_waiting_unless_more_are_made_up() {
    let genuine = chip_key().url();
    let vcek = PROCESSOR.endorsements().vcek.clone();
    let vendor = Vendor::start(move |path, _| match genuine.ends_with(path) {
        true => Reply::ok(&vcek),
        false => Reply::Status(404, ""),
    })
    .await;
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &TestClock::new()));
    (0..300).for_each(|number| make_up(&collaterals, number));
    let ask = || collaterals.snp_vcek(Product::Genoa, &PROCESSOR.chip_id(), PROCESSOR.tcb());
    assert_eq!(ask(), Err(Missing::BeingFetched));
    // Even then, whoever asks again has another chance.
    (300..310).for_each(|number| make_up(&collaterals, number));
    assert_eq!(ask(), Err(Missing::BeingFetched));
    assert_eq!(refresher.catch_up().await, 256);
    assert!(chip_key().url().ends_with(&vendor.requests()[0]), "{}", vendor.requests()[0]);
    assert_eq!(ask().unwrap().as_ref(), PROCESSOR.endorsements().vcek);
}

#[tokio::test]
async fn a_chip_that_gets_no_answer_holds_up_the_others_for_a_quarter_of_a_minute() {
    let vendor = Vendor::always(Reply::Status(503, "")).await;
    let spent_on = async |keep_fresh: Option<Address>| {
        let clock = TestClock::new();
        let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &clock));
        match keep_fresh {
            Some(address) => collaterals.keep_fresh([address]),
            None => make_up(&collaterals, 1),
        }
        assert_eq!(refresher.catch_up().await, 1);
        clock.waits().iter().sum::<u64>()
    };
    assert_eq!(spent_on(None).await, 15);
    // A list is worth more.
    assert!(spent_on(Some(LIST)).await > 60);
}

#[tokio::test]
async fn amds_troubles_do_not_hold_up_intels_answers() {
    let vendor = Vendor::start(|path, _| match path.starts_with("/vcek") {
        true => Reply::Silence,
        false => Reply::Status(404, ""),
    })
    .await;
    let clock = TestClock::new();
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &clock));
    collaterals.keep_fresh([LIST]);
    // What waits longest comes first: AMD's list, if there were only one queue.
    clock.pass(Duration::from_secs(1));
    collaterals.keep_fresh([Address::IntelQeIdentity, Address::IntelRootRevocationList]);
    {
        let catching_up = refresher.catch_up();
        let intel_failed = async {
            while collaterals.failure(&Address::IntelRootRevocationList).is_none()
                || collaterals.failure(&Address::IntelQeIdentity).is_none()
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = catching_up => panic!("AMD answered"),
            () = intel_failed => {}
        }
    }
    assert!(collaterals.failure(&LIST).is_none());
}

#[tokio::test]
async fn a_running_refresher_wakes_up_when_something_is_missing() {
    let vendor = Vendor::always(Reply::ok(&list(&GENOA, Duration::ZERO))).await;
    let proxy = Some(vendor.url().parse().unwrap());
    let fetcher = contrast_attestation::collateral::Fetcher::with(
        None,
        proxy,
        roots(),
        patience(),
        Arc::new(SystemClock),
    );
    let (collaterals, refresher) = Collaterals::online(fetcher);
    let running = tokio::spawn(refresher.run());
    let fetched = async {
        while collaterals.snp_crl(Product::Genoa, SigningKey::Vcek).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), fetched).await.unwrap();
    running.abort();
}
