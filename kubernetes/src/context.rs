//! From a context of a kubeconfig to what a connection needs.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contrast_http::{Proxies, Target, machine_authorities};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use kube::config::{AuthInfo, Cluster, Context};
use rustls::{RootCertStore, sign::CertifiedKey};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::{
    credentials::Credentials,
    error::AccessError,
    kubeconfig::{Loaded, read_bounded},
    plugin::PluginCall,
    settings::{Settings, Source},
    tls,
};

/// Everything that a context names, read and checked.
pub(crate) fn settings(loaded: &Loaded, wanted: Option<&str>) -> Result<Settings, AccessError> {
    let (name, context) = choose(loaded, wanted)?;
    let cluster = cluster_of(loaded, &name, context)?;
    let user = user_of(loaded, &name, context)?;
    let server = server(&context.cluster, cluster)?;
    if cluster.insecure_skip_tls_verify == Some(true) && server.is_tls() {
        return Err(AccessError::Insecure { cluster: context.cluster.clone() });
    }
    let proxies = match cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => Proxies::only(url, "the kubeconfig's proxy-url")?,
        None => Proxies::of_environment()?,
    };
    let roots = if server.is_tls() { roots(cluster)? } else { RootCertStore::empty() };
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    Ok(Settings {
        roots,
        server_name: given(&cluster.tls_server_name),
        identity: identity(&user)?,
        credentials: credentials(&user, cluster)?,
        impersonation: impersonation(&user)?,
        proxies,
        namespace: given(&context.namespace).unwrap_or_else(|| "default".to_owned()),
        context: Some(name),
        server,
    })
}

fn choose<'a>(loaded: &'a Loaded, wanted: Option<&str>) -> Result<(String, &'a Context), AccessError> {
    let contexts = || loaded.config.contexts.iter().map(|named| named.name.clone()).collect::<Vec<_>>();
    let current = loaded.config.current_context.as_deref().filter(|name| !name.is_empty());
    let Some(name) = wanted.or(current) else {
        return Err(match contexts() {
            none if none.is_empty() => AccessError::Empty { files: loaded.files.clone() },
            contexts => AccessError::NoCurrentContext { contexts },
        });
    };
    let found = loaded.config.contexts.iter().find(|named| named.name == name);
    match found.and_then(|named| named.context.as_ref()) {
        Some(context) => Ok((name.to_owned(), context)),
        None => Err(AccessError::NoSuchContext { context: name.to_owned(), contexts: contexts() }),
    }
}

fn cluster_of<'a>(loaded: &'a Loaded, name: &str, context: &Context) -> Result<&'a Cluster, AccessError> {
    let found = loaded.config.clusters.iter().find(|named| named.name == context.cluster);
    found.and_then(|named| named.cluster.as_ref()).ok_or_else(|| AccessError::Dangling {
        context: name.to_owned(),
        kind: "cluster",
        name: context.cluster.clone(),
    })
}

/// A context without a user is asked without credentials.
fn user_of(loaded: &Loaded, name: &str, context: &Context) -> Result<AuthInfo, AccessError> {
    let Some(user) = context.user.as_deref().filter(|user| !user.is_empty()) else {
        return Ok(AuthInfo::default());
    };
    let found = loaded.config.auth_infos.iter().find(|named| named.name == user);
    match found {
        Some(named) => Ok(named.auth_info.clone().unwrap_or_default()),
        None => Err(AccessError::Dangling { context: name.to_owned(), kind: "user", name: user.to_owned() }),
    }
}

/// Plain HTTP is for `kubectl proxy` and the like, on this machine.
fn server(cluster_name: &str, cluster: &Cluster) -> Result<Target, AccessError> {
    let text = cluster.server.clone().unwrap_or_default();
    let with_scheme = if text.contains("://") { text.clone() } else { format!("http://{text}") };
    let target: Target = with_scheme.parse().map_err(|_| AccessError::BadServer {
        cluster: cluster_name.to_owned(),
        // What is no URL may hold anything, so it is not told where it could hold a password.
        server: if text.contains('@') { "a URL with a user in it".to_owned() } else { text },
    })?;
    let here = target.host() == "localhost"
        || target.host().parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    if !target.is_tls() && !here {
        return Err(AccessError::Plain { server: target.to_string() });
    }
    Ok(target)
}

fn roots(cluster: &Cluster) -> Result<RootCertStore, AccessError> {
    let inline = cluster.certificate_authority_data.as_deref();
    let given = pem(inline, "certificate-authority-data", cluster.certificate_authority.as_deref())?;
    match given {
        Some((pem, from)) => tls::roots(&pem, &from),
        None => Ok(machine_authorities()?),
    }
}

fn identity(user: &AuthInfo) -> Result<Option<Arc<CertifiedKey>>, AccessError> {
    let certificate = pem(
        user.client_certificate_data.as_deref(),
        "client-certificate-data",
        user.client_certificate.as_deref(),
    )?;
    let key_data = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
    let key = pem(key_data, "client-key-data", user.client_key.as_deref())?;
    match (certificate, key) {
        (Some((chain, from)), Some((key, key_from))) => {
            tls::identity(&chain, &from, &key, &key_from).map(Some)
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(AccessError::HalfIdentity { present: "certificate", missing: "key" }),
        (None, Some(_)) => Err(AccessError::HalfIdentity { present: "key", missing: "certificate" }),
    }
}

/// As `kubectl` chooses: what stands in the file before what it names, and a plugin only where nothing else is given.
fn credentials(user: &AuthInfo, cluster: &Cluster) -> Result<Credentials, AccessError> {
    if let Some(provider) = &user.auth_provider {
        return Err(AccessError::Provider { name: provider.name.clone() });
    }
    if let Some(token) =
        user.token.as_ref().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty())
    {
        return Credentials::token(token, Source::Inline("token"));
    }
    if let Some(file) = user.token_file.as_deref().filter(|file| !file.is_empty()) {
        return Ok(Credentials::token_file(file.into()));
    }
    if let Some(name) = user.username.as_deref().filter(|name| !name.is_empty()) {
        return Credentials::basic(
            name,
            user.password.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default(),
        );
    }
    match &user.exec {
        Some(exec) => Ok(Credentials::plugin(PluginCall::new(exec, cluster)?)),
        None => Ok(Credentials::none()),
    }
}

/// The headers by which one acts as somebody else.
fn impersonation(user: &AuthInfo) -> Result<HeaderMap, AccessError> {
    let unusable = || AccessError::Unusable { what: "user to act as", from: "the kubeconfig".to_owned() };
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| unusable())?);
        Ok::<_, AccessError>(())
    };
    if let Some(name) = &user.impersonate {
        add("impersonate-user", name)?;
    }
    if let Some(uid) = &user.impersonate_uid {
        add("impersonate-uid", uid)?;
    }
    for group in user.impersonate_groups.iter().flatten() {
        add("impersonate-group", group)?;
    }
    for (key, values) in user.impersonate_user_extra.iter().flatten() {
        for value in values {
            add(&format!("impersonate-extra-{}", key.to_ascii_lowercase()), value)?;
        }
    }
    Ok(headers)
}

/// PEM, and where it is from.
type Pem = (Zeroizing<Vec<u8>>, Source);

/// PEM that stands in the kubeconfig in base64, or in a file that it names.
fn pem(inline: Option<&str>, member: &'static str, file: Option<&str>) -> Result<Option<Pem>, AccessError> {
    if let Some(text) = inline.filter(|text| !text.is_empty()) {
        let from = Source::Inline(member);
        let text: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
        let decoded = STANDARD
            .decode(text.as_bytes())
            .map_err(|_| AccessError::Unusable { what: "base64", from: from.to_string() })?;
        return Ok(Some((Zeroizing::new(decoded), from)));
    }
    match file.filter(|file| !file.is_empty()) {
        Some(file) => Ok(Some((Zeroizing::new(read_bounded(file.as_ref())?), Source::File(file.into())))),
        None => Ok(None),
    }
}
