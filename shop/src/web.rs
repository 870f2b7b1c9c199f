//! `web`: the front end. Asks `stock` and `orders` for everything and keeps nothing.

use std::fmt::Write as _;

use axum::{
    Router,
    extract::{Path, State},
    http::{Method, StatusCode, header::LOCATION},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;

use crate::ask::{AskError, Service};

#[derive(Clone)]
struct Backs {
    stock: Service,
    orders: Service,
}

/// `GET /`: the page. `POST /buy/ITEM`: buys one, and leads back to the page.
pub(crate) fn router(stock: Service, orders: Service) -> Router {
    Router::new().route("/", get(page)).route("/buy/{item}", post(buy)).with_state(Backs { stock, orders })
}

/// Why there is no page.
struct Trouble(StatusCode, String);

async fn page(State(backs): State<Backs>) -> Result<Html<String>, Trouble> {
    let items = json(&backs.stock, "/items").await?;
    let orders = json(&backs.orders, "/orders").await?;
    let mut page = String::from("<!DOCTYPE html>\n<title>The shop</title>\n<h1>The shop</h1>\n<ul>\n");
    for (item, left) in items.as_object().into_iter().flatten() {
        let item = escaped(item);
        let _ = writeln!(
            page,
            "<li><form method=\"post\" action=\"/buy/{item}\">{item}: {left} left <button>Buy</button></form>"
        );
    }
    let count = orders.get("count").and_then(Value::as_u64).unwrap_or_default();
    let last = orders.get("last").and_then(Value::as_array).into_iter().flatten();
    let last: Vec<_> = last.filter_map(Value::as_str).map(escaped).collect();
    let _ = writeln!(page, "</ul>\n<p>{count} orders so far. The last: {}</p>", last.join(", "));
    Ok(Html(page))
}

async fn buy(State(backs): State<Backs>, Path(item): Path<String>) -> Result<Response, Trouble> {
    // It becomes part of a path.
    if !item.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Trouble(StatusCode::NOT_FOUND, "there is no such item\n".to_owned()));
    }
    let taken = backs.stock.ask(Method::POST, &format!("/items/{item}/take"), "").await?;
    if taken.status != StatusCode::OK {
        return Err(Trouble(taken.status, taken.text));
    }
    let written = backs.orders.ask(Method::POST, "/orders", &item).await?;
    if written.status != StatusCode::OK {
        return Err(Trouble(StatusCode::BAD_GATEWAY, format!("orders refused: {}", written.text)));
    }
    Ok((StatusCode::SEE_OTHER, [(LOCATION, "/")], format!("order {}\n", written.text)).into_response())
}

async fn json(service: &Service, path: &str) -> Result<Value, Trouble> {
    let answer = service.ask(Method::GET, path, "").await?;
    serde_json::from_str(&answer.text).map_err(|_| {
        Trouble(StatusCode::BAD_GATEWAY, format!("{path} was answered with {}\n", answer.status))
    })
}

/// Text as it may stand in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl From<AskError> for Trouble {
    fn from(error: AskError) -> Self {
        Self(StatusCode::BAD_GATEWAY, format!("{error}\n"))
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        tracing::warn!(status = %self.0, reason = self.1.trim(), "refused");
        (self.0, self.1).into_response()
    }
}
