//! Command line and environment of the program.

use std::{net::SocketAddr, time::Duration};

use clap::{Parser, Subcommand};

/// An example application of four services.
///
/// `[::]` means all addresses of both families, also where the kernel has only IPv4.
#[derive(Parser, Debug)]
#[command(name = "shop", version)]
pub(crate) struct Options {
    /// Which of the services to be.
    #[command(subcommand)]
    pub(crate) role: Role,
    /// Where Kubernetes asks whether the service is well, over plain HTTP.
    #[arg(long, value_name = "ADDR", env = "SHOP_HEALTH", default_value = "[::]:9090", global = true)]
    pub(crate) health: SocketAddr,
}

/// The services.
#[derive(Subcommand, Debug)]
pub(crate) enum Role {
    /// The front end.
    Web {
        /// Where it listens.
        #[arg(long, value_name = "ADDR", env = "SHOP_LISTEN", default_value = "[::]:8080")]
        listen: SocketAddr,
        /// Host and port of `stock`.
        #[arg(long, value_name = "HOST:PORT", env = "SHOP_STOCK")]
        stock: String,
        /// Host and port of `orders`.
        #[arg(long, value_name = "HOST:PORT", env = "SHOP_ORDERS")]
        orders: String,
    },
    /// What there is to buy, and how much of it is left.
    Stock {
        /// Where it listens.
        #[arg(long, value_name = "ADDR", env = "SHOP_LISTEN", default_value = "[::]:8080")]
        listen: SocketAddr,
    },
    /// What was bought.
    Orders {
        /// Where it listens.
        #[arg(long, value_name = "ADDR", env = "SHOP_LISTEN", default_value = "[::]:8080")]
        listen: SocketAddr,
    },
    /// Visitors, who look at the page and buy something, one after the other.
    Visitors {
        /// Host and port of `web`.
        #[arg(long, value_name = "HOST:PORT", env = "SHOP_WEB")]
        web: String,
        /// Milliseconds between two visitors.
        #[arg(long, value_name = "MS", env = "SHOP_PAUSE", default_value = "200", value_parser = milliseconds)]
        pause: Duration,
    },
}

fn milliseconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}
