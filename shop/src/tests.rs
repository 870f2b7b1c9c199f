//! The services together, on this machine and without a mesh.

use axum::Router;
use hyper::{Method, StatusCode};
use tokio::net::TcpListener;

use crate::{
    ask::{Answer, Service},
    orders, stock,
    visitors::{Count, once},
    web,
};

/// Serves on a free port.
async fn started(name: &'static str, router: Router) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Service::new(name, address)
}

/// An address where nobody listens.
async fn nobody(name: &'static str) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Service::new(name, listener.local_addr().unwrap().to_string())
}

async fn shop() -> Service {
    let (stock, orders) =
        (started("stock", stock::router()).await, started("orders", orders::router()).await);
    started("web", web::router(stock, orders)).await
}

async fn get(service: &Service, path: &str) -> Answer {
    service.ask(Method::GET, path, "").await.unwrap()
}

#[tokio::test]
async fn a_visitor_buys_and_the_page_shows_it() {
    let web = shop().await;
    let mut count = Count::default();
    once(&web, "tea", &mut count).await;
    assert_eq!(count, Count { bought: 1, ..Count::default() });
    let page = get(&web, "/").await;
    assert!(page.text.contains("tea: 99 left") && page.text.contains("coffee: 100 left"), "{}", page.text);
    assert!(page.text.contains("1 orders so far. The last: tea"), "{}", page.text);
}

#[tokio::test]
async fn what_is_sold_out_is_delivered_again() {
    let web = shop().await;
    let mut count = Count::default();
    for _ in 0..102 {
        once(&web, "cake", &mut count).await;
    }
    assert_eq!(count, Count { bought: 101, sold_out: 1, failed: 0 });
}

#[tokio::test]
async fn what_is_not_sold_is_refused_and_no_order_is_written() {
    let web = shop().await;
    for item in ["gold", "tea%2Ftake", "%3Cscript%3E", "..%2F.."] {
        let answer = web.ask(Method::POST, &format!("/buy/{item}"), "").await.unwrap();
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{item}");
    }
    assert!(get(&web, "/").await.text.contains("0 orders so far"));
}

#[tokio::test]
async fn a_back_end_that_is_away_is_named_and_visits_go_on() {
    let stock = started("stock", stock::router()).await;
    let web = started("web", web::router(stock, nobody("orders").await)).await;
    let page = get(&web, "/").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.text.contains("orders cannot be reached"), "{}", page.text);
    let mut count = Count::default();
    once(&web, "tea", &mut count).await;
    once(&nobody("web").await, "tea", &mut count).await;
    assert_eq!(count, Count { failed: 2, ..Count::default() });
}

#[tokio::test]
async fn a_stranger_cannot_fill_the_memory_of_orders() {
    let orders = started("orders", orders::router()).await;
    let answer = orders.ask(Method::POST, "/orders", &"x".repeat(65)).await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    for _ in 0..20 {
        orders.ask(Method::POST, "/orders", &"x".repeat(64)).await.unwrap();
    }
    let list = get(&orders, "/orders").await.text;
    assert!(list.contains("\"count\":20") && list.len() < 1000, "{list}");
}
