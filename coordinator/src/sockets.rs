//! Sockets that listen, on one address or on all of both families.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use rustix::{io::Errno, net::sockopt::set_ipv6_v6only};
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the operating system keeps until they are accepted. If there are more in a moment, their clients
/// repeat themselves a second later.
const BACKLOG: u32 = 4096;

/// Listens. `[::]` means all addresses of both families (RFC 3493, section 5.3), also where the kernel has no IPv6.
///
/// # Errors
/// What the operating system says: the address is in use, or is none of this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    match bind(address) {
        Err(error) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && is_without_ipv6(&error) => {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        listener => listener,
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        // Some machines are set up to take this for IPv6 alone.
        set_ipv6_v6only(&socket, false)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The kernel was built without it; or started without it, or has none in this network namespace.
fn is_without_ipv6(error: &io::Error) -> bool {
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL]
        .iter()
        .any(|errno| Some(errno.raw_os_error()) == error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn all_addresses_are_those_of_both_families() {
        let listener = listen((Ipv6Addr::UNSPECIFIED, 0).into()).unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        if !listener.local_addr().unwrap().is_ipv6() {
            // This machine has one family.
            return;
        }
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.unwrap();
    }

    #[tokio::test]
    async fn a_port_that_somebody_has_is_not_taken_for_a_missing_family() {
        let other = listen((Ipv6Addr::UNSPECIFIED, 0).into()).unwrap();
        let port = other.local_addr().unwrap().port();
        let refused = listen((Ipv6Addr::UNSPECIFIED, port).into()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }
}
