//! `orders`: what was bought. Their number and the last ones, in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use serde_json::json;

/// How many orders are remembered.
const REMEMBERED: usize = 10;
/// Longest name of an item, in bytes.
const LONGEST: usize = 64;

#[derive(Default)]
struct Book {
    count: u64,
    last: VecDeque<String>,
}

type Shared = Arc<Mutex<Book>>;

/// `POST /orders`, with the name of an item: writes an order down and answers its number. `GET /orders`: a JSON object of
/// their `count` and the `last` of them, the newest first.
pub(crate) fn router() -> Router {
    Router::new().route("/orders", get(list).post(write)).with_state(Shared::default())
}

async fn list(State(book): State<Shared>) -> String {
    let book = book.lock().unwrap_or_else(PoisonError::into_inner);
    json!({ "count": book.count, "last": book.last }).to_string()
}

async fn write(State(book): State<Shared>, item: String) -> Result<String, (StatusCode, &'static str)> {
    if item.is_empty() || item.len() > LONGEST {
        return Err((StatusCode::BAD_REQUEST, "an order is the name of an item, of at most 64 bytes\n"));
    }
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    book.count += 1;
    book.last.push_front(item);
    book.last.truncate(REMEMBERED);
    Ok(book.count.to_string())
}
