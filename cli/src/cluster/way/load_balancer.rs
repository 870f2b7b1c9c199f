//! The address of a Service of type LoadBalancer.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};

use super::{Obstacle, Subject};
use crate::cluster::place::address as checked;

/// Whoever is reachable accepts a connection sooner.
const PATIENCE: Duration = Duration::from_secs(3);

/// The first of its addresses that accepts connections.
pub(super) async fn address(subject: &Subject<'_>) -> Result<String, Obstacle> {
    let service = subject.service.as_ref();
    let spec = service.and_then(|service| service.spec.as_ref());
    let kind = spec.and_then(|spec| spec.type_.as_deref()).unwrap_or("ClusterIP");
    if kind != "LoadBalancer" {
        return Err(Obstacle::Unsuitable(format!("the Service is of type {kind}")));
    }
    let status =
        service.and_then(|service| service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_deref());
    let hosts = status.unwrap_or_default().iter();
    let hosts: Vec<_> =
        hosts.filter_map(|ingress| ingress.ip.as_deref().or(ingress.hostname.as_deref())).collect();
    if hosts.is_empty() {
        return Err(Obstacle::NotYet("the cluster has given it no address yet".to_owned()));
    }
    let (port, _) = subject.port();
    let mut reasons = Vec::new();
    for host in hosts {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let Ok(address) = checked(&format!("{host}:{port}")) else {
            reasons.push(format!("the cluster gives it `{host}`, which is no address"));
            continue;
        };
        match timeout(PATIENCE, TcpStream::connect(&address)).await {
            Ok(Ok(_)) => return Ok(address),
            Ok(Err(error)) => reasons.push(format!("{address} cannot be reached: {error}")),
            Err(_) => {
                reasons.push(format!("{address} does not answer within {} seconds", PATIENCE.as_secs()))
            }
        }
    }
    Err(Obstacle::Silent(reasons.join("; ")))
}
