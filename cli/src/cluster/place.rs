//! Where the user says that the Coordinator is.

/// The port of the Coordinator's user API.
pub(crate) const USER_API_PORT: u16 = 1313;
/// What begins a place in a cluster.
const CLUSTER: &str = "kubernetes";
/// The Service of the released Coordinator.
const SERVICE: &str = "coordinator";

/// Where the Coordinator is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// `HOST:PORT`.
    Address(String),
    /// Wherever a cluster has it.
    Cluster(Sought),
}

/// A Service of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sought {
    /// Its namespace, if it is not that of the context.
    pub(crate) namespace: Option<String>,
    /// Its name.
    pub(crate) service: String,
}

impl Default for Place {
    fn default() -> Self {
        Self::Address(String::new())
    }
}

impl Place {
    /// Reads what `-c` was given.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix(CLUSTER) else { return address(text).map(Self::Address) };
        let sought = |namespace: Option<&str>, service: &str| {
            if namespace.is_some_and(|name| !is_name(name)) || !is_name(service) {
                return Err(format!(
                    "`{text}` is not kubernetes[:NAMESPACE[/SERVICE]]; an example is kubernetes:shop/coordinator"
                ));
            }
            let namespace = namespace.map(str::to_owned);
            Ok(Self::Cluster(Sought { namespace, service: service.to_owned() }))
        };
        match (rest.is_empty(), rest.strip_prefix(':')) {
            (true, _) => sought(None, SERVICE),
            // A host of that name, with a port.
            (_, Some(port)) if port.parse::<u16>().is_ok() => address(text).map(Self::Address),
            (_, Some(inside)) => match inside.split_once('/') {
                Some((namespace, service)) => sought(Some(namespace), service),
                None => sought(Some(inside), SERVICE),
            },
            // Another host whose name begins like that.
            (_, None) => address(text).map(Self::Address),
        }
    }
}

/// A label of DNS (RFC 1123), as names of namespaces and Services are.
fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A host with a port, which is added where it was left out.
pub(super) fn address(text: &str) -> Result<String, String> {
    let bad = || format!("`{text}` is not HOST:PORT; an example is coordinator.example:1313");
    let (host, port) = match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') && !host.starts_with('[') => {
            (format!("[{text}]"), USER_API_PORT)
        }
        Some((host, port)) if !text.ends_with(']') => (host.to_owned(), port.parse().map_err(|_| bad())?),
        _ => (text.to_owned(), USER_API_PORT),
    };
    let plain = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]%".contains(c));
    if plain { Ok(format!("{host}:{port}")) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_gets_that_of_the_user_api() {
        assert_eq!(address("coordinator").as_deref(), Ok("coordinator:1313"));
        assert_eq!(address("10.0.0.1:99").as_deref(), Ok("10.0.0.1:99"));
        assert_eq!(address("[::1]").as_deref(), Ok("[::1]:1313"));
        assert_eq!(address("[::1]:99").as_deref(), Ok("[::1]:99"));
        assert_eq!(address("::1").as_deref(), Ok("[::1]:1313"));
        for bad in ["", ":99", "host:", "host:port", "https://host:1", "host:70000"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_in_a_cluster_has_a_namespace_and_a_service_if_they_are_not_the_usual_ones() {
        let cluster = |namespace: Option<&str>, service: &str| {
            let namespace = namespace.map(str::to_owned);
            Ok(Place::Cluster(Sought { namespace, service: service.to_owned() }))
        };
        assert_eq!(Place::parse("kubernetes"), cluster(None, "coordinator"));
        assert_eq!(Place::parse("kubernetes:shop"), cluster(Some("shop"), "coordinator"));
        assert_eq!(Place::parse("kubernetes:shop/second"), cluster(Some("shop"), "second"));
        for bad in ["kubernetes:", "kubernetes:Shop", "kubernetes:a/", "kubernetes:a/b/c", "kubernetes:a b"] {
            assert!(Place::parse(bad).is_err(), "{bad}");
        }
        for host in ["kubernetes:1313", "kubernetes.example:1313", "kubernetes-1:1313"] {
            assert_eq!(Place::parse(host), Ok(Place::Address(host.to_owned())));
        }
    }
}
