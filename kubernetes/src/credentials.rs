//! Who asks: a token, a file with a token, a name and a password, or what a plugin gives.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::{
    error::AccessError,
    kubeconfig::read_bounded,
    plugin::{Credential, PluginCall},
    settings::Source,
    tls::Identity,
};

/// Kubelet replaces tokens in files, long before they are over.
const FILE_AGE: Duration = Duration::from_secs(60);
/// A credential that is over so soon is not used any more.
const MARGIN: Duration = Duration::from_secs(10);

/// What is shown to the server, beside the certificate that a kubeconfig may have.
pub(crate) struct Credentials {
    kind: Kind,
    /// What was shown last, as long as it need not be made anew.
    shown: Mutex<Option<Shown>>,
}

enum Kind {
    None,
    Fixed(HeaderValue, &'static str),
    TokenFile(PathBuf),
    Plugin(Box<PluginCall>),
}

#[derive(Clone)]
struct Shown {
    header: Option<HeaderValue>,
    until: Option<Until>,
}

#[derive(Clone, Copy)]
enum Until {
    /// By the clock that only runs forward.
    Reread(Instant),
    Expiry(SystemTime),
}

impl Credentials {
    pub(crate) fn none() -> Self {
        Self::of(Kind::None)
    }

    pub(crate) fn token(token: &str, from: Source) -> Result<Self, AccessError> {
        Ok(Self::of(Kind::Fixed(bearer(token, &from)?, "the token of the kubeconfig")))
    }

    pub(crate) fn token_file(path: PathBuf) -> Self {
        Self::of(Kind::TokenFile(path))
    }

    pub(crate) fn basic(name: &str, password: &str) -> Result<Self, AccessError> {
        let pair = Zeroizing::new(format!("{name}:{password}"));
        let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let header = header(&text, &Source::Inline("username"))?;
        Ok(Self::of(Kind::Fixed(header, "the name and password of the kubeconfig")))
    }

    pub(crate) fn plugin(call: PluginCall) -> Self {
        Self::of(Kind::Plugin(Box::new(call)))
    }

    fn of(kind: Kind) -> Self {
        Self { kind, shown: Mutex::new(None) }
    }

    /// Adds what is needed to a request; what is needed on the level of TLS goes to `identity`.
    pub(crate) async fn show(&self, headers: &mut HeaderMap, identity: &Identity) -> Result<(), AccessError> {
        let mut shown = self.shown.lock().await;
        if !shown.as_ref().is_some_and(Shown::holds) {
            *shown = Some(self.make(identity).await?);
        }
        if let Some(header) = shown.as_ref().and_then(|shown| shown.header.clone()) {
            headers.insert(AUTHORIZATION, header);
        }
        Ok(())
    }

    /// The server does not take it: it is made anew for the next request.
    pub(crate) async fn forget(&self) {
        if !matches!(self.kind, Kind::Fixed(..)) {
            let mut shown = self.shown.lock().await;
            if let Some(shown) = shown.as_mut() {
                shown.until = Some(Until::Expiry(SystemTime::UNIX_EPOCH));
            }
        }
    }

    /// In words.
    pub(crate) fn name(&self, identity: &Identity) -> &'static str {
        match &self.kind {
            Kind::Fixed(_, name) => name,
            Kind::TokenFile(_) => "the token in the file that names it",
            Kind::Plugin(_) => "what the credential plugin gives",
            Kind::None if identity.is_set() => "the client certificate of the kubeconfig",
            Kind::None => "somebody without credentials, and the kubeconfig has none for this context",
        }
    }

    /// Since when the token that was shown is expired, if it says so itself.
    pub(crate) async fn expired(&self) -> Option<String> {
        let header = match &self.kind {
            Kind::Fixed(header, _) => header.clone(),
            _ => self.shown.lock().await.as_ref()?.header.clone()?,
        };
        let expiry = token_expiry(header.to_str().ok()?.strip_prefix("Bearer ")?)?;
        if expiry > SystemTime::now() {
            return None;
        }
        OffsetDateTime::from(expiry).format(&Rfc3339).ok()
    }

    async fn make(&self, identity: &Identity) -> Result<Shown, AccessError> {
        Ok(match &self.kind {
            Kind::None => Shown { header: None, until: None },
            Kind::Fixed(header, _) => Shown { header: Some(header.clone()), until: None },
            Kind::TokenFile(path) => {
                let unusable = || AccessError::Unusable { what: "token", from: path.display().to_string() };
                let text = Zeroizing::new(read_bounded(path)?);
                let text = std::str::from_utf8(&text).map_err(|_| unusable())?.trim();
                if text.is_empty() {
                    return Err(unusable());
                }
                let until = Some(Until::Reread(Instant::now() + FILE_AGE));
                Shown { header: Some(bearer(text, &Source::File(path.clone()))?), until }
            }
            Kind::Plugin(call) => {
                let Credential { token, identity: certificate, expires } = call.run().await?;
                if let Some(certificate) = certificate {
                    identity.set(certificate);
                }
                let source = Source::Inline("credential plugin");
                let header = token.map(|token| bearer(&token, &source)).transpose()?;
                Shown { header, until: expires.map(Until::Expiry) }
            }
        })
    }
}

impl Shown {
    fn holds(&self) -> bool {
        match self.until {
            None => true,
            Some(Until::Reread(at)) => Instant::now() < at,
            Some(Until::Expiry(at)) => SystemTime::now() + MARGIN < at,
        }
    }
}

fn bearer(token: &str, from: &Source) -> Result<HeaderValue, AccessError> {
    header(&Zeroizing::new(format!("Bearer {token}")), from)
}

fn header(text: &str, from: &Source) -> Result<HeaderValue, AccessError> {
    let unusable = |_| AccessError::Unusable { what: "credential", from: from.to_string() };
    let mut value = HeaderValue::from_str(text).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

/// When a token expires, if it is a JSON Web Token (RFC 7519, section 4.1.4). Nothing about it is checked.
fn token_expiry(token: &str) -> Option<SystemTime> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let seconds = claims.get("exp")?.as_u64()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_token_says_when_it_ends_and_nothing_else_does() {
        let token = |claims: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims));
        let end = |claims: &str| token_expiry(&token(claims));
        assert_eq!(end(r#"{"exp":5}"#), SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(5)));
        assert_eq!(end(r#"{"exp":"5"}"#), None);
        assert_eq!(end(r#"{"exp":18446744073709551615}"#), None);
        assert_eq!(token_expiry("opaque"), None);
        assert_eq!(token_expiry("a.%.c"), None);
    }
}
