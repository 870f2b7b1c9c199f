//! Against the kernel, and against bytes of any kind.

use std::process::Command;

use proptest::prelude::*;

use super::*;

/// Takes CAP_SYS_ADMIN and CAP_NET_ADMIN, as root has them.
#[test]
fn what_ip_made_in_a_namespace_is_found_there() {
    let script = "ip link add eth0 type veth peer name peer0 && ip link set eth0 address 0a:58:0a:f4:00:07 mtu 1400 up && ip link set peer0 up && \
                  ip address add 10.244.0.7/24 dev eth0 && ip route add default via 10.244.0.1 && \
                  ip neighbour add 10.244.0.1 lladdr 0a:58:0a:f4:00:01 dev eth0 nud permanent && echo made && read end";
    let mut child = Command::new("unshare")
        .args(["--net", "sh", "-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    io::BufRead::read_line(&mut io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    assert_eq!(line, "made\n", "unshare takes CAP_SYS_ADMIN");
    let namespace = Namespace::open(&format!("/proc/{}/ns/net", child.id())).unwrap();
    assert!(!namespace.is_of_node().unwrap());
    let network = namespace.read().unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();

    let interface = network.interfaces.iter().find(|interface| interface.name == "eth0").unwrap();
    assert_eq!(network.interfaces.len(), 2, "{network:?}");
    assert_eq!(interface.mtu, 1400);
    assert_eq!(interface.hardware, "0a:58:0a:f4:00:07");
    assert!(interface.addresses.contains(&Address { address: "10.244.0.7".to_owned(), prefix: 24 }));
    let default = network.routes.iter().find(|route| route.destination.is_empty()).unwrap();
    assert_eq!((default.gateway.as_str(), default.interface.as_str()), ("10.244.0.1", "eth0"));
    let local = network.routes.iter().find(|route| route.destination == "10.244.0.0/24").unwrap();
    assert_eq!((local.source.as_str(), local.scope), ("10.244.0.7", 253));
    let [neighbour] = network.neighbours.as_slice() else { panic!("{network:?}") };
    assert_eq!((neighbour.address.as_str(), neighbour.state), ("10.244.0.1", 128));
}

#[test]
fn the_node_s_own_namespace_is_known_as_such() {
    assert!(Namespace::open("/proc/self/ns/net").unwrap().is_of_node().unwrap());
    assert!(Namespace::open("/proc/self/ns/absent").is_err());
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 0_u16..32) {
        messages::steps(&bytes);
        let length = u32::try_from(bytes.len() + 16).unwrap();
        let framed = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], &bytes].concat();
        prop_assert!(messages::steps(&framed).len() == 1);
    }
}
