//! Signing in.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contrast_http::{Bytes, Method, StatusCode, Target, header};
use header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Credential, RegistryError,
    challenge::Challenge,
    requests::{Place, Requests},
};
use crate::digest::shortened;

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<Zeroizing<String>>,
    access_token: Option<Zeroizing<String>>,
}

/// Longer answers are no tokens.
const MAX_ANSWER: usize = 256 << 10;

impl Requests {
    /// The `Authorization` header that answers a challenge. Nothing if there are no credentials for the registry, and
    /// none are handed out to everybody.
    pub(super) async fn authorization(
        &self,
        place: &Place,
        challenges: &HeaderMap,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let texts: Vec<_> =
            challenges.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
        let Some(challenge) = texts.iter().find_map(|text| Challenge::parse(text)) else {
            let scheme = texts.first().and_then(|text| text.split(' ').next()).unwrap_or_default();
            return Err(RegistryError::Challenge { host: place.name(), challenge: shortened(scheme) });
        };
        let credential = self.credential(place).await?;
        match (challenge, credential) {
            (Challenge::Basic, Some(Credential::Password { user, password })) => Ok(basic(&user, &password)),
            (Challenge::Basic, _) => Ok(None),
            (Challenge::Bearer { realm, service, scope }, credential) => {
                // Only reading is asked for, whatever the registry offers.
                let pull = format!("repository:{}:pull", place.repository());
                let scope = scope.filter(|scope| *scope == pull).unwrap_or(pull);
                self.token(place, &realm, service.as_deref(), &scope, credential).await
            }
        }
    }

    async fn token(
        &self,
        place: &Place,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        credential: Option<Credential>,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let mut fields = vec![("scope", scope)];
        fields.extend(service.map(|service| ("service", service)));
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let (method, url, body) = match &credential {
            Some(Credential::IdentityToken(token)) => {
                let form =
                    [("grant_type", "refresh_token"), ("client_id", "contrast"), ("refresh_token", token)];
                fields.extend(form);
                let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
                headers.insert(CONTENT_TYPE, kind);
                (Method::POST, realm.to_owned(), Bytes::from(form_of(&fields)))
            }
            other => {
                if let Some(Credential::Password { user, password }) = other
                    && let Some(value) = basic(user, password)
                {
                    headers.insert(AUTHORIZATION, value);
                }
                let separator = if realm.contains('?') { '&' } else { '?' };
                (Method::GET, format!("{realm}{separator}{}", form_of(&fields)), Bytes::new())
            }
        };
        let target: Target = url.parse()?;
        place.allows(&target)?;
        let mut answer = self.send_once(method, &target, headers, body, place.addresses()).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => return Ok(None),
            _ => return Err(self.status(&target, "a token", &answer)),
        }
        let read = tokio::time::timeout(self.options.patience.stall, answer.read(MAX_ANSWER)).await;
        let bytes = Zeroizing::new(read.map_err(|_| self.stalled(&target))??);
        let answer: Option<TokenAnswer> = serde_json::from_slice(&bytes).ok();
        let token = answer.and_then(|answer| answer.token.or(answer.access_token));
        Ok(token.and_then(|token| sensitive(Zeroizing::new(format!("Bearer {}", *token)))))
    }
}

fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let pair = Zeroizing::new(format!("{user}:{password}"));
    sensitive(Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
}

fn sensitive(text: Zeroizing<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `application/x-www-form-urlencoded`.
fn form_of(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let byte = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        text.bytes().map(byte).collect()
    };
    let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}
