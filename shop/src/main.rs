//! The program `shop`: an example application of four services, each a pod of its own.
//!
//! `web` is the front end, `stock` and `orders` are what it stands on, and `visitors` come and buy. All of them speak plain
//! HTTP and know nothing of certificates: the service mesh, which a pod's annotations ask for, makes mutual TLS of it.

mod ask;
mod options;
mod orders;
mod serve;
mod stock;
#[cfg(test)]
mod tests;
mod visitors;
mod web;

use std::{
    io::{IsTerminal as _, stderr},
    process::ExitCode,
};

use clap::Parser as _;

use crate::{
    ask::Service,
    options::{Options, Role},
    serve::{ServeError, Shop},
};

fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt().with_writer(stderr).with_ansi(stderr().is_terminal()).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(ServeError::System).and_then(|runtime| runtime.block_on(run(options)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), ServeError> {
    let shop = Shop::open(options.health).await?;
    match options.role {
        Role::Stock { listen } => shop.serve(listen, stock::router()).await,
        Role::Orders { listen } => shop.serve(listen, orders::router()).await,
        Role::Web { listen, stock, orders } => {
            let router = web::router(Service::new("stock", stock), Service::new("orders", orders));
            shop.serve(listen, router).await
        }
        Role::Visitors { web, pause } => shop.send(visitors::visit(Service::new("web", web), pause)).await,
    }
}
