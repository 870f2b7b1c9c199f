//! The names in a mesh certificate.

use std::net::IpAddr;

/// One entry of a policy's `SANs`, by what it becomes in a certificate (RFC 5280, 4.2.1.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubjectAltName<'a> {
    /// An IP address.
    Ip(IpAddr),
    /// A URI with a scheme, for example a SPIFFE ID.
    Uri(&'a str),
    /// Anything else; wildcards are kept as they are.
    Dns(&'a str),
}

impl<'a> SubjectAltName<'a> {
    /// Tells what kind of name `text` is. `None` where a certificate cannot hold it: it is empty, or has
    /// characters other than printable ASCII.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        if let Ok(address) = text.parse() {
            return Some(Self::Ip(address));
        }
        Some(if has_scheme(text) { Self::Uri(text) } else { Self::Dns(text) })
    }
}

/// Whether the text begins with a URI scheme (RFC 3986, 3.1).
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_uris_and_dns_names_are_told_apart() {
        use SubjectAltName::{Dns, Ip, Uri};
        assert_eq!(SubjectAltName::parse("10.0.0.1"), Some(Ip([10, 0, 0, 1].into())));
        assert_eq!(SubjectAltName::parse("::1"), Some(Ip("::1".parse().unwrap())));
        assert_eq!(SubjectAltName::parse("spiffe://shop/cart"), Some(Uri("spiffe://shop/cart")));
        assert_eq!(SubjectAltName::parse("*"), Some(Dns("*")));
        assert_eq!(SubjectAltName::parse("web.shop"), Some(Dns("web.shop")));
        for bad in ["", "a b", "grüße", "a\n"] {
            assert_eq!(SubjectAltName::parse(bad), None, "{bad:?}");
        }
    }
}
