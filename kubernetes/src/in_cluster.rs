//! The cluster of the pod that the program runs in.

use std::{env, path::PathBuf};

use contrast_http::{Proxies, Target};
use hyper::header::HeaderMap;

use crate::{
    credentials::Credentials,
    error::AccessError,
    kubeconfig::read_bounded,
    settings::{Settings, Source},
    tls,
};

/// Where kubelet puts what a service account consists of.
const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Does the program run in a pod?
pub(crate) fn is_pod() -> bool {
    env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// The API server as kubelet names it, and the pod's service account.
pub(crate) fn settings() -> Result<Settings, AccessError> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    settings_of(variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"), FOLDER.into())
}

fn settings_of(host: Option<String>, port: Option<String>, folder: PathBuf) -> Result<Settings, AccessError> {
    let (Some(host), Some(port)) = (host, port) else { return Err(AccessError::NotInCluster) };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let url = format!("https://{host}:{port}/");
    let server: Target = url
        .parse()
        .map_err(|_| AccessError::BadServer { cluster: "this pod's cluster".to_owned(), server: url })?;
    let authority = folder.join("ca.crt");
    let token = folder.join("token");
    // Read now, so that a pod without one is told at once; read again when it may have been replaced.
    read_bounded(&token)?;
    let namespace =
        read_bounded(&folder.join("namespace")).ok().and_then(|text| String::from_utf8(text).ok());
    Ok(Settings {
        server,
        roots: tls::roots(&read_bounded(&authority)?, &Source::File(authority))?,
        server_name: None,
        identity: None,
        credentials: Credentials::token_file(token),
        impersonation: HeaderMap::new(),
        proxies: Proxies::of_environment()?,
        namespace: namespace.map(|text| text.trim().to_owned()).unwrap_or_else(|| "default".to_owned()),
        context: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_without_a_service_account_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let none = settings_of(None, Some("443".into()), folder.path().into()).err().unwrap();
        assert!(matches!(none, AccessError::NotInCluster), "{none}");
        let error =
            settings_of(Some("fd00::1".into()), Some("443".into()), folder.path().into()).err().unwrap();
        assert!(
            error.to_string().contains("serviceaccount") || error.to_string().contains("token"),
            "{error}"
        );
    }

    #[test]
    fn a_service_account_is_who_asks_and_where() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
        write("token", "t");
        write("namespace", "shop\n");
        write("ca.crt", &rcgen::generate_simple_self_signed(vec![]).unwrap().cert.pem());
        let settings =
            settings_of(Some("fd00::1".into()), Some("6443".into()), folder.path().into()).unwrap();
        assert_eq!(settings.server.to_string(), "https://[fd00::1]:6443/");
        assert_eq!((settings.namespace.as_str(), settings.roots.len()), ("shop", 1));
    }
}
