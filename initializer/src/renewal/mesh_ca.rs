//! Which mesh CA the Coordinator has: asked over plain HTTP, at its ops API.
//!
//! What it says is public, and whoever forges the answer achieves no more than whoever drops it: the certificate itself comes over
//! attested TLS.

use std::time::Duration;

use contrast_http::{Addresses, Bytes, Client, HttpError, Method, StatusCode, Target, header::HeaderMap};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};

/// Where it is.
const PATH: &str = "/mesh-ca.pem";
/// The most that is read, in bytes.
const LONGEST: usize = 16 * 1024;
/// Longest part of a reason that is repeated, in characters: it may be a stranger's.
const SAID: usize = 200;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mesh CA, by the digest of its certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MeshCa([u8; 32]);

impl MeshCa {
    /// That of a PEM text.
    pub(super) fn of(pem: &[u8]) -> Self {
        // Coordinators may write the same certificate in other lines.
        let der = CertificateDer::from_pem_slice(pem);
        Self(Sha256::digest(der.as_deref().unwrap_or(pem)).into())
    }
}

/// Who is asked.
pub(crate) struct Source {
    target: Option<Target>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum News {
    /// The mesh CA of now.
    MeshCa(MeshCa),
    /// The Coordinator has none at the moment; why, in its words.
    None(String),
    /// It does not tell. Older ones cannot.
    Untold(StatusCode),
    /// There was no answer in time.
    Silent,
    /// It cannot be asked.
    NoAnswer(HttpError),
}

impl News {
    /// The mesh CA, if one was told.
    pub(super) fn mesh_ca(&self) -> Option<MeshCa> {
        match self {
            Self::MeshCa(mesh_ca) => Some(*mesh_ca),
            _ => None,
        }
    }
}

impl Source {
    /// The ops API at `address` (`host:port`).
    pub(crate) fn at(address: &str) -> Self {
        Self { target: format!("http://{address}{PATH}").parse().ok() }
    }

    pub(super) async fn ask(&self) -> News {
        tokio::time::timeout(PATIENCE, self.answer())
            .await
            .map_or(News::Silent, |answer| answer.unwrap_or_else(News::NoAnswer))
    }

    async fn answer(&self) -> Result<News, HttpError> {
        // An address that makes no URL cannot be one of a Coordinator either, and the mesh API will say so.
        let Some(target) = &self.target else { return Ok(News::Untold(StatusCode::NOT_FOUND)) };
        let client = Client::default();
        let asked = client.send(Method::GET, target, HeaderMap::new(), Bytes::new(), Addresses::Any);
        let mut answer = asked.await?;
        let body = answer.read(LONGEST).await?;
        Ok(match answer.status {
            StatusCode::OK if CertificateDer::from_pem_slice(&body).is_ok() => {
                News::MeshCa(MeshCa::of(&body))
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                News::None(String::from_utf8_lossy(&body).trim().chars().take(SAID).collect())
            }
            status => News::Untold(status),
        })
    }
}
