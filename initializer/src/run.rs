//! One run of the program, from its options to the files.

use std::{io, sync::Arc};

use contrast_attestation::{
    AttestError, Attester, EvidenceType,
    atls::{Connector, Identity},
    collateral::{Refresher, SourcesError},
    detect, detect_with,
};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::{info, warn};

use crate::{
    fetch::until_served,
    files::{self, FilesError},
    key::{NoKey, PodKey},
    options::Options,
    process,
};

/// Why the program ends without certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is nothing to make evidence with.
    #[error(transparent)]
    Attester(#[from] AttestError),
    /// The bundle of endorsements cannot be used.
    #[error("{0}; make a bundle with `contrast collateral fetch`")]
    Endorsements(#[from] SourcesError),
    /// No key.
    #[error(transparent)]
    Key(#[from] NoKey),
    /// The files cannot be written.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Somebody ended it.
    #[error("ended by {0} before there was a certificate; start the pod again")]
    Ended(&'static str),
    /// Secrets could end up in a core dump.
    #[error("cannot switch core dumps off: {0}")]
    CoreDumps(#[source] io::Error),
    /// The asynchronous runtime cannot be started.
    #[error("cannot start: {0}")]
    Runtime(#[from] io::Error),
}

/// Fetches credentials, however long it takes, and writes them.
///
/// # Errors
/// See [`Failure`]. A Coordinator that does not serve is not one: it is waited for.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    process::forbid_core_dumps().map_err(Failure::CoreDumps)?;
    let (attester, refresher) = attester(options)?;
    if attester.evidence_type() == EvidenceType::Simulated {
        warn!("evidence of this pod is simulated: nothing in it is confidential");
    }
    let key = PodKey::generate()?;
    let connector = Connector::new(Identity::Key(key.client_key.clone()), Some(attester), Arc::new([]));
    let address = options.mesh_api();
    info!("initializer {}: asking the Coordinator at {address} for a certificate", env!("CARGO_PKG_VERSION"));

    // One thread does: there is one connection at a time.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let credentials = runtime.block_on(async {
        if let Some(refresher) = refresher {
            tokio::spawn(async move { refresher.run().await });
        }
        let (mut terminate, mut interrupt) =
            (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        tokio::select! {
            credentials = until_served(&address, &connector, &key.client_key) => Ok(credentials),
            _ = terminate.recv() => Err(Failure::Ended("SIGTERM")),
            _ = interrupt.recv() => Err(Failure::Ended("SIGINT")),
        }
    });
    // An attester that still blocks is not waited for.
    runtime.shutdown_background();

    let credentials = credentials?;
    files::write(&options.tls_dir, &credentials, &key.pem())?;
    let secret =
        if credentials.workload_secret.is_empty() { "no workload secret" } else { "a workload secret" };
    info!("wrote certificates, key and {secret} to {}", options.tls_dir.display());
    Ok(())
}

/// What makes evidence, and what has to run meanwhile so that endorsements arrive.
fn attester(options: &Options) -> Result<(Arc<dyn Attester>, Option<Refresher>), Failure> {
    let Some(sources) = options.endorsements() else { return Ok((detect(options.attester)?, None)) };
    let (collaterals, refresher) = sources.open()?;
    Ok((detect_with(options.attester, Arc::new(collaterals))?, refresher))
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    Ok(signal(kind)?)
}
