//! `visitors`: look at the page and buy something, one after the other.

use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::ask::{AskError, Service};

/// How often the log says how it goes.
const REPORT: Duration = Duration::from_secs(10);
const GOODS: [&str; 4] = ["tea", "coffee", "cocoa", "cake"];

/// How visits went.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Count {
    /// Bought something.
    pub(crate) bought: u64,
    /// Found it sold out.
    pub(crate) sold_out: u64,
    /// Found the shop closed, or something broken.
    pub(crate) failed: u64,
}

/// Goes on for ever; a visit that fails is counted, and the next one is made in time.
pub(crate) async fn visit(web: Service, pause: Duration) {
    let mut rounds = interval(pause.max(Duration::from_millis(1)));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut count, mut reported) = (Count::default(), Instant::now());
    for item in GOODS.iter().cycle() {
        rounds.tick().await;
        once(&web, item, &mut count).await;
        if reported.elapsed() >= REPORT {
            let Count { bought, sold_out, failed } = count;
            tracing::info!(bought, sold_out, failed, "visits so far");
            reported = Instant::now();
        }
    }
}

/// One visit.
pub(crate) async fn once(web: &Service, item: &str, count: &mut Count) {
    match looked_and_bought(web, item).await {
        Ok(StatusCode::SEE_OTHER) => count.bought += 1,
        Ok(StatusCode::CONFLICT) => count.sold_out += 1,
        Ok(status) => {
            tracing::warn!(%status, "a visit failed");
            count.failed += 1;
        }
        Err(error) => {
            tracing::warn!(%error, "a visit failed");
            count.failed += 1;
        }
    }
}

async fn looked_and_bought(web: &Service, item: &str) -> Result<StatusCode, AskError> {
    let page = web.ask(Method::GET, "/", "").await?;
    if page.status != StatusCode::OK {
        return Ok(page.status);
    }
    Ok(web.ask(Method::POST, &format!("/buy/{item}"), "").await?.status)
}
