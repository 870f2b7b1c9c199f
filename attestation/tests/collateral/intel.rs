//! Intel's answers: those that belong to the captured quote, played back in the month when they were valid.
//!
//! The captures are not part of this repository. They are looked for in the directory that
//! `CONTRAST_SHARED_DATA` names, by default next to the repository. In CI they must be there.

use std::{
    env, fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use contrast_attestation::{
    CollateralSource, Missing,
    collateral::{Address, Collaterals, ContentError, FetchError, Fetcher, Patience, Roots},
    tdx::{CollateralParts, PckCa, TrustRoot},
};

use crate::{
    vendor::{Reply, Vendor},
    world::{HOUR, TestClock},
};

/// 2025-07-01.
const IN_JULY: Duration = Duration::from_secs(1_751_328_000);
const FMSPC: [u8; 6] = [0xB0, 0xC0, 0x6F, 0, 0, 0];

/// `None`, after a message, if there are no captures and this is not CI.
fn capture() -> Option<CollateralParts> {
    let file = env::var_os("CONTRAST_SHARED_DATA")
        .map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
            PathBuf::from,
        )
        .join("tdx/quote-v4-collateral.json");
    if !file.exists() {
        assert!(env::var_os("CI").is_none(), "{} does not exist, which CI must have", file.display());
        eprintln!("skipped: {} does not exist", file.display());
        return None;
    }
    Some(serde_json::from_slice(&fs::read(file).unwrap()).unwrap())
}

/// Answers as Intel's service does.
fn answer(parts: &CollateralParts, path: &str) -> Reply {
    let chain =
        |name: &str, pem: &str| vec![format!("{name}: {}", pem.replace(' ', "%20").replace('\n', "%0A"))];
    let signed = |member: &str, object: &str, signature: &[u8]| {
        format!("{{\"{member}\":{object},\"signature\":\"{}\"}}", hex::encode(signature)).into_bytes()
    };
    match path {
        "/tdx/certification/v4/tcb?fmspc=b0c06f000000" => Reply::Ok(
            signed("tcbInfo", &parts.tcb_info, &parts.tcb_info_signature),
            chain("TCB-Info-Issuer-Chain", &parts.tcb_info_issuer_chain),
        ),
        "/tdx/certification/v4/qe/identity" => Reply::Ok(
            signed("enclaveIdentity", &parts.qe_identity, &parts.qe_identity_signature),
            chain("SGX-Enclave-Identity-Issuer-Chain", &parts.qe_identity_issuer_chain),
        ),
        "/sgx/certification/v4/pckcrl?ca=platform&encoding=der" => {
            Reply::Ok(parts.pck_crl.clone(), chain("SGX-PCK-CRL-Issuer-Chain", &parts.pck_crl_issuer_chain))
        }
        "/IntelSGXRootCA.der" => Reply::ok(&parts.root_ca_crl),
        _ => Reply::Status(404, ""),
    }
}

fn fetcher(vendor: &Vendor, clock: &Arc<TestClock>) -> Fetcher {
    let proxy = Some(vendor.url().parse().unwrap());
    Fetcher::with(None, proxy, Roots::published(), Patience::default(), Arc::clone(clock) as _)
}

fn july() -> Arc<TestClock> {
    TestClock::at(SystemTime::UNIX_EPOCH + IN_JULY)
}

#[tokio::test]
async fn four_answers_of_intel_make_collateral_that_verifies() {
    let Some(parts) = capture() else { return };
    let played = parts.clone();
    let vendor = Vendor::start(move |path, _| answer(&played, path)).await;
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, &july()));
    let ask = || collaterals.tdx_collateral(FMSPC, PckCa::Platform);
    assert_eq!(ask().unwrap_err(), Missing::BeingFetched);
    refresher.catch_up().await;
    let collateral = ask().unwrap();
    assert_eq!(collateral.fmspc(), FMSPC);
    assert_eq!(collateral.parts().tcb_info, parts.tcb_info);
    collateral.verify(&TrustRoot::Intel).unwrap();
    // It is put together once.
    assert!(Arc::ptr_eq(&collateral, &ask().unwrap()));
    assert_eq!(vendor.requests().len(), 4);
    // Another kind of platform needs two more, which this server does not have.
    assert_eq!(collaterals.tdx_collateral([1; 6], PckCa::Processor).unwrap_err(), Missing::BeingFetched);
    refresher.catch_up().await;
    let error = collaterals.tdx_collateral([1; 6], PckCa::Processor).unwrap_err().to_string();
    assert!(error.contains("010101010101") && error.contains("404"), "{error}");
}

#[tokio::test]
async fn tcb_info_is_renewed_after_any_number_of_failures() {
    const PATH: &str = "/tdx/certification/v4/tcb?fmspc=b0c06f000000";
    let Some(parts) = capture() else { return };
    let down = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&down);
    let vendor = Vendor::start(move |path, _| match failing.load(Ordering::Relaxed) {
        true => Reply::Status(404, ""),
        false => answer(&parts, path),
    })
    .await;
    let clock = july();
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, &clock));
    let address = Address::IntelTcbInfo(FMSPC);
    for (hours, is_down) in [(0, false), (1, true), (2, true), (3, true), (4, false)] {
        let _ = collaterals.tdx_collateral(FMSPC, PckCa::Platform);
        down.store(is_down, Ordering::Relaxed);
        clock.pass(HOUR);
        refresher.catch_up().await;
        assert_eq!(collaterals.failure(&address).is_some(), is_down, "{hours}");
        assert_eq!(vendor.requests().iter().filter(|path| *path == PATH).count(), hours + 1);
    }
    assert!(collaterals.tdx_collateral(FMSPC, PckCa::Platform).is_ok());
}

#[tokio::test]
async fn an_answer_of_intel_that_was_changed_or_is_out_of_date_is_not_used() {
    let Some(parts) = capture() else { return };
    type Change = fn(&mut CollateralParts);
    let not_signed = ContentError::NotSigned("Intel");
    let changes: [(Address, ContentError, Change); 8] = [
        (Address::IntelTcbInfo(FMSPC), not_signed, |parts| {
            parts.tcb_info = parts.tcb_info.replace("UpToDate", "Uptodate");
        }),
        (Address::IntelTcbInfo(FMSPC), not_signed, |parts| parts.tcb_info_signature[9] ^= 1),
        (Address::IntelTcbInfo(FMSPC), not_signed, |parts| parts.tcb_info_issuer_chain.clear()),
        (Address::IntelTcbInfo(FMSPC), not_signed, |parts| {
            // Genuine, but of a key that signs no TCB info.
            parts.tcb_info_issuer_chain = parts.pck_crl_issuer_chain.clone();
        }),
        (Address::IntelQeIdentity, not_signed, |parts| parts.qe_identity_signature[0] ^= 1),
        (Address::IntelPckRevocationList(PckCa::Platform), not_signed, |parts| {
            *parts.pck_crl.last_mut().unwrap() ^= 1;
        }),
        (Address::IntelPckRevocationList(PckCa::Platform), ContentError::OffTopic, |parts| {
            parts.pck_crl = parts.root_ca_crl.clone();
        }),
        (Address::IntelRootRevocationList, not_signed, |parts| *parts.root_ca_crl.last_mut().unwrap() ^= 1),
    ];
    for (address, expected, change) in changes {
        let mut changed = parts.clone();
        change(&mut changed);
        let vendor = Vendor::start(move |path, _| answer(&changed, path)).await;
        let error = fetcher(&vendor, &july()).fetch(&address).await.unwrap_err();
        assert!(matches!(&error, FetchError::Content(found) if *found == expected), "{address}: {error}");
    }
    for (when, expected) in [(400, ContentError::OutOfDate), (-100, ContentError::FromTheFuture)] {
        let played = parts.clone();
        let vendor = Vendor::start(move |path, _| answer(&played, path)).await;
        let days = Duration::from_secs(86_400) * i32::unsigned_abs(when);
        let july = SystemTime::UNIX_EPOCH + IN_JULY;
        let clock = TestClock::at(if when < 0 { july - days } else { july + days });
        let error = fetcher(&vendor, &clock).fetch(&Address::IntelTcbInfo(FMSPC)).await.unwrap_err();
        assert!(matches!(&error, FetchError::Content(found) if *found == expected), "{error}");
    }
}

#[tokio::test]
async fn tcb_info_of_another_platform_is_off_topic() {
    let Some(parts) = capture() else { return };
    let vendor =
        Vendor::start(move |_, _| answer(&parts, "/tdx/certification/v4/tcb?fmspc=b0c06f000000")).await;
    let error = fetcher(&vendor, &july()).fetch(&Address::IntelTcbInfo([1; 6])).await.unwrap_err();
    assert!(matches!(error, FetchError::Content(ContentError::OffTopic)), "{error}");
}

#[tokio::test]
async fn the_list_of_another_authority_of_intels_is_not_taken() {
    let Some(parts) = capture() else { return };
    let vendor =
        Vendor::start(move |_, _| answer(&parts, "/sgx/certification/v4/pckcrl?ca=platform&encoding=der"))
            .await;
    let processor = Address::IntelPckRevocationList(PckCa::Processor);
    let error = fetcher(&vendor, &july()).fetch(&processor).await.unwrap_err();
    assert!(matches!(error, FetchError::Content(ContentError::NotSigned("Intel"))), "{error}");
    fetcher(&vendor, &july()).fetch(&Address::IntelPckRevocationList(PckCa::Platform)).await.unwrap();
}
