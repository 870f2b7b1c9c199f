//! What a refresher does while verifiers are busy.

use std::{sync::Arc, time::Duration};

use contrast_attestation::{
    CollateralSource, Missing,
    collateral::{Address, Clock as _, Collaterals, SystemClock},
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
