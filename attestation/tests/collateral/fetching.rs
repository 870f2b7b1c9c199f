//! One item, from a server that may not feel like it.

use std::time::Duration;

use contrast_attestation::collateral::{ContentError, FetchError, Origin, Patience};

use crate::{
    vendor::{Reply, Vendor},
    world::*,
};

#[tokio::test]
async fn a_list_is_fetched_from_the_proxy_under_the_path_of_the_vendor() {
    let body = list(&GENOA, Duration::ZERO);
    let vendor = Vendor::always(Reply::ok(&body)).await;
    let fetched = fetcher(&vendor, None, &TestClock::new()).fetch(&LIST).await.unwrap();
    assert_eq!(fetched.item.body, body);
    assert!(matches!(fetched.origin, Origin::Network));
    fetcher(&vendor, None, &TestClock::new()).fetch(&VLEK_LIST).await.unwrap();
    assert_eq!(vendor.requests(), ["/vcek/v1/Genoa/crl", "/vlek/v1/Genoa/crl"]);
}

#[tokio::test]
async fn a_service_that_throttles_is_left_alone_for_as_long_as_it_asks() {
    let body = list(&GENOA, Duration::ZERO);
    let vendor = Vendor::start(move |_, number| match number {
        0 => Reply::Status(429, "Retry-After: 25\r\n"),
        1 => Reply::Status(503, "Retry-After: 0\r\n"),
        _ => Reply::ok(&body),
    })
    .await;
    let clock = TestClock::new();
    fetcher(&vendor, None, &clock).fetch(&LIST).await.unwrap();
    let waits: Vec<_> = clock.waits().into_iter().filter(|wait| *wait > 0).collect();
    // Its "0" does not undercut our own second delay.
    assert_eq!(waits, [25, 2]);
}

#[tokio::test]
async fn a_service_that_asks_for_more_patience_than_there_is_gets_no_second_request() {
    let vendor = Vendor::always(Reply::Status(429, "Retry-After: 121\r\n")).await;
    let error = fetcher(&vendor, None, &TestClock::new()).fetch(&LIST).await.unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 429, .. }), "{error}");
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn a_service_that_wants_rest_gets_it_from_all_requests() {
    let (body, vcek) = (list(&GENOA, Duration::ZERO), PROCESSOR.endorsements().vcek.clone());
    let vendor = Vendor::start(move |path, number| match (number, path.ends_with("/crl")) {
        (0, _) => Reply::Status(429, "Retry-After: 600\r\n"),
        (_, true) => Reply::ok(&body),
        (_, false) => Reply::ok(&vcek),
    })
    .await;
    let clock = TestClock::new();
    let fetcher = fetcher(&vendor, None, &clock);
    fetcher.fetch(&LIST).await.unwrap_err();
    let error = fetcher.fetch(&chip_key()).await.unwrap_err();
    assert!(matches!(error, FetchError::AskedToWait { .. }), "{error}");
    assert_eq!(vendor.requests().len(), 1);
    // Close to the end of it, waiting is worthwhile.
    clock.pass(Duration::from_secs(520));
    fetcher.fetch(&chip_key()).await.unwrap();
    assert_eq!(clock.waits().iter().sum::<u64>(), 600);
    assert_eq!(vendor.requests().len(), 2);
}

#[tokio::test]
async fn a_service_that_keeps_failing_is_asked_with_growing_delays_for_two_minutes() {
    let vendor = Vendor::always(Reply::Status(500, "")).await;
    let clock = TestClock::new();
    let error = fetcher(&vendor, None, &clock).fetch(&LIST).await.unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 500, .. }), "{error}");
    let waits: Vec<_> = clock.waits().into_iter().filter(|wait| *wait > 0).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(vendor.requests().len(), 8);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let body = list(&GENOA, Duration::ZERO);
    let vendor =
        Vendor::start(move |_, number| if number == 0 { Reply::Silence } else { Reply::ok(&body) }).await;
    let patience = Patience { request: Duration::from_millis(300), ..patience() };
    patient_fetcher(&vendor, None, &TestClock::new(), patience).fetch(&LIST).await.unwrap();
    assert_eq!(vendor.requests().len(), 2);

    let silent = Vendor::always(Reply::Silence).await;
    let patience = Patience { request: Duration::from_millis(20), total: Duration::ZERO, ..patience };
    let error = patient_fetcher(&silent, None, &TestClock::new(), patience).fetch(&LIST).await.unwrap_err();
    assert!(matches!(error, FetchError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn broken_answers_are_asked_for_again() {
    let body = list(&GENOA, Duration::ZERO);
    let vendor = Vendor::start(move |_, number| match number {
        0 => Reply::Truncated(body.clone()),
        1 => Reply::Noise,
        _ => Reply::Chunked(body.clone()),
    })
    .await;
    fetcher(&vendor, None, &TestClock::new()).fetch(&LIST).await.unwrap();
    assert_eq!(vendor.requests().len(), 3);

    let broken = Vendor::always(Reply::Truncated(list(&GENOA, Duration::ZERO))).await;
    let error = fetcher(&broken, None, &TestClock::new()).fetch(&LIST).await.unwrap_err();
    assert!(matches!(error, FetchError::Http { .. }), "{error}");
}

#[tokio::test]
async fn nobody_at_the_other_end_is_an_error_that_names_it() {
    let vendor = Vendor::always(Reply::Silence).await;
    let (url, clock) = (vendor.url(), TestClock::new());
    let fetcher = fetcher(&vendor, None, &clock);
    drop(vendor);
    let patience = Patience { request: Duration::from_millis(500), total: Duration::ZERO, ..patience() };
    let fetcher = {
        drop(fetcher);
        contrast_attestation::collateral::Fetcher::with(
            None,
            Some(url.parse().unwrap()),
            roots(),
            patience,
            clock,
        )
    };
    let error = fetcher.fetch(&LIST).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn what_the_vendor_did_not_sign_is_neither_used_nor_asked_for_again_nor_kept() {
    let mut flipped = list(&GENOA, Duration::ZERO);
    *flipped.last_mut().unwrap() ^= 1;
    let page = b"<html>Please log in to the hotel's network</html>";
    for (body, expected) in [
        (page.to_vec(), ContentError::Malformed("a revocation list that says until when it is valid")),
        (list(&FOREIGN, Duration::ZERO), ContentError::NotSigned("AMD")),
        (flipped, ContentError::NotSigned("AMD")),
        (list(&GENOA, 3 * HOUR), ContentError::OutOfDate),
    ] {
        let (vendor, dir) = (Vendor::always(Reply::ok(&body)).await, tempfile::tempdir().unwrap());
        let fetcher = fetcher(&vendor, Some(dir.path()), &TestClock::new());
        let error = fetcher.fetch(&LIST).await.unwrap_err();
        assert!(matches!(&error, FetchError::Content(found) if *found == expected), "{error}");
        assert_eq!(vendor.requests().len(), 1);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_certificate_of_another_chip_or_firmware_is_off_topic() {
    let vendor = Vendor::always(Reply::ok(&PROCESSOR.endorsements().vcek)).await;
    let fetcher = fetcher(&vendor, None, &TestClock::new());
    fetcher.fetch(&chip_key()).await.unwrap();
    let error = fetcher.fetch(&other_chip_key()).await.unwrap_err();
    assert!(matches!(error, FetchError::Content(ContentError::OffTopic)), "{error}");
}

#[tokio::test]
async fn an_answer_longer_than_any_item_is_not_read() {
    for reply in [Reply::ok(&[0; 20_000]), Reply::Chunked(vec![0; 20_000])] {
        let vendor = Vendor::always(reply).await;
        let error = fetcher(&vendor, None, &TestClock::new()).fetch(&chip_key()).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLong { limit: 16_384, .. }), "{error}");
        assert_eq!(vendor.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_asked_for_again() {
    for status in [404, 400, 301] {
        let vendor = Vendor::always(Reply::Status(status, "")).await;
        let error = fetcher(&vendor, None, &TestClock::new()).fetch(&chip_key()).await.unwrap_err();
        assert!(matches!(error, FetchError::Status { status: found, .. } if found == status), "{error}");
        assert_eq!(vendor.requests().len(), 1);
    }
}

#[tokio::test]
async fn any_number_of_requests_for_one_item_are_one_request_to_the_vendor() {
    let vendor = Vendor::always(Reply::ok(&list(&GENOA, Duration::ZERO))).await;
    let fetcher = fetcher(&vendor, None, &TestClock::new());
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let fetcher = fetcher.clone();
        all.spawn(async move { fetcher.fetch(&LIST).await.unwrap().item });
    }
    let items = all.join_all().await;
    assert_eq!(items.len(), 50);
    assert_eq!(vendor.requests().len(), 1);
    // The next one is a new request: a list is always asked for.
    fetcher.fetch(&LIST).await.unwrap();
    assert_eq!(vendor.requests().len(), 2);
}

#[tokio::test]
async fn a_request_goes_on_for_the_others_when_the_first_loses_interest() {
    let vendor = Vendor::always(Reply::ok(&list(&GENOA, Duration::ZERO))).await;
    let fetcher = fetcher(&vendor, None, &TestClock::new());
    {
        let mut first = Box::pin(fetcher.fetch(&LIST));
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(first.as_mut().poll(context)))
                .await
                .is_pending()
        );
    }
    fetcher.fetch(&LIST).await.unwrap();
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn amds_service_is_asked_once_in_ten_seconds() {
    let (body, vcek) = (list(&GENOA, Duration::ZERO), PROCESSOR.endorsements().vcek.clone());
    let vendor =
        Vendor::start(move |path, _| Reply::ok(if path.ends_with("/crl") { &body } else { &vcek })).await;
    let clock = TestClock::new();
    let fetcher = patient_fetcher(&vendor, None, &clock, patience());
    fetcher.fetch(&LIST).await.unwrap();
    assert_eq!(clock.waits(), [0; 0]);
    fetcher.fetch(&chip_key()).await.unwrap();
    assert_eq!(clock.waits(), [10]);
    clock.pass(Duration::from_secs(7));
    fetcher.fetch(&LIST).await.unwrap();
    assert_eq!(clock.waits(), [10, 7, 3]);
}
