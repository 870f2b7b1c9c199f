//! `stock`: what there is to buy, and how much of it is left. All in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::json;

/// What the shop sells.
const GOODS: [&str; 4] = ["tea", "coffee", "cocoa", "cake"];
/// How much is delivered at once.
const DELIVERY: u32 = 100;

type Shelf = Arc<Mutex<BTreeMap<&'static str, u32>>>;

/// `GET /items`: a JSON object of names and numbers. `POST /items/NAME/take`: takes one away.
pub(crate) fn router() -> Router {
    let shelf: Shelf = Arc::new(Mutex::new(GOODS.map(|item| (item, DELIVERY)).into()));
    Router::new().route("/items", get(items)).route("/items/{item}/take", post(take)).with_state(shelf)
}

async fn items(State(shelf): State<Shelf>) -> String {
    json!(*shelf.lock().unwrap_or_else(PoisonError::into_inner)).to_string()
}

/// Whoever finds nothing left is told so, and the next finds a delivery.
async fn take(State(shelf): State<Shelf>, Path(item): Path<String>) -> (StatusCode, &'static str) {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    match shelf.get_mut(item.as_str()) {
        None => (StatusCode::NOT_FOUND, "there is no such item\n"),
        Some(left @ 0) => {
            *left = DELIVERY;
            (StatusCode::CONFLICT, "sold out; a delivery is on its way\n")
        }
        Some(left) => {
            *left -= 1;
            (StatusCode::OK, "taken\n")
        }
    }
}
