//! The pod, to the Coordinator.

use std::{path::PathBuf, sync::Arc};

use contrast_attestation::{
    Attester,
    atls::{Connector, Identity},
};

use crate::{
    credentials::Credentials,
    fetch::{Unserved, attempt, until_served},
    files::{self, FilesError},
    key::{NoKey, PodKey},
};

/// What a pod asks for certificates with, and where it puts them.
pub(crate) struct Pod {
    /// Makes evidence.
    pub(crate) attester: Arc<dyn Attester>,
    /// Where the Coordinator's mesh API is, `host:port`.
    pub(crate) mesh_api: String,
    /// Where the files go.
    pub(crate) tls_dir: PathBuf,
}

/// Credentials, and the key that they are for.
pub(crate) struct Certified {
    pub(crate) credentials: Credentials,
    key: PodKey,
}

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCertified {
    #[error(transparent)]
    Key(#[from] NoKey),
    #[error(transparent)]
    Unserved(#[from] Unserved),
}

impl NotCertified {
    /// Whether the Coordinator does not allow this pod.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Unserved(unserved) if unserved.is_refusal())
    }
}

impl Pod {
    /// Asks for a certificate, however long it takes.
    pub(crate) async fn until_certified(&self) -> Result<Certified, NoKey> {
        let key = PodKey::generate()?;
        let credentials = until_served(&self.mesh_api, &self.connector(&key), &key.client_key).await;
        Ok(Certified { credentials, key })
    }

    /// Asks for a certificate once, for a new key.
    pub(crate) async fn certified(&self) -> Result<Certified, NotCertified> {
        let key = PodKey::generate()?;
        let credentials = attempt(&self.mesh_api, &self.connector(&key), &key.client_key).await?;
        Ok(Certified { credentials, key })
    }

    /// Shows the files to the other containers.
    pub(crate) fn write(&self, Certified { credentials, key }: &Certified) -> Result<(), FilesError> {
        files::write(&self.tls_dir, credentials, &key.pem())
    }

    fn connector(&self, key: &PodKey) -> Connector {
        let attester = Arc::clone(&self.attester);
        Connector::new(Identity::Key(key.client_key.clone()), Some(attester), Arc::new([]))
    }
}
