//! The authorities whose word is taken for the names of web servers.
//!
//! Nothing that is believed depends on them: collateral is signed under roots that the program pins, and images are
//! known by digest. TLS only keeps others from reading along and from answering in a server's place. So no list of
//! authorities is built in: the machine's own is used.

use std::{env, fs, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::NoAuthorities;

/// The environment variable that OpenSSL and others read, too.
const VARIABLE: &str = "SSL_CERT_FILE";
/// Where distributions keep the file: Debian and Alpine, Fedora, openSUSE.
const FILES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// A client that trusts the machine's authorities. Reads files: call it when first needed.
pub(crate) fn client_config() -> Result<Arc<ClientConfig>, NoAuthorities> {
    client_config_of(files())
}

/// The machine's authorities, for servers whose own authority nobody named. Reads files.
///
/// # Errors
/// If the machine has none.
pub fn machine_authorities() -> Result<RootCertStore, NoAuthorities> {
    roots_in(files())
}

fn files() -> Vec<PathBuf> {
    match env::var_os(VARIABLE) {
        Some(file) => vec![PathBuf::from(file)],
        None => FILES.map(PathBuf::from).to_vec(),
    }
}

/// A client that trusts the authorities in the first file there is.
pub(crate) fn client_config_of(files: Vec<PathBuf>) -> Result<Arc<ClientConfig>, NoAuthorities> {
    let roots = roots_in(files)?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| NoAuthorities { looked_at: Vec::new() })?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// The authorities in the first file there is.
fn roots_in(files: Vec<PathBuf>) -> Result<RootCertStore, NoAuthorities> {
    let mut roots = RootCertStore::empty();
    let pem = files.iter().find_map(|file| fs::read(file).ok()).unwrap_or_default();
    // Lists in use contain certificates that rustls does not read, so some may be left out.
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if roots.is_empty() { Err(NoAuthorities { looked_at: files }) } else { Ok(roots) }
}
