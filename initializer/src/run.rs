//! One run of the program, from its options to the files.

use std::{convert::Infallible, fs, future, io, sync::Arc};

use contrast_attestation::{
    AttestError, Attester, EvidenceType,
    atls::{Connector, Identity},
    collateral::{Refresher, SourcesError},
    detect, detect_with,
};
use contrast_initializer::volume::{Volume, VolumeError};
use tracing::{info, warn};

use crate::{
    ending::{Ended, Stage},
    fetch::until_served,
    files::{self, FilesError},
    key::{NoKey, PodKey},
    options::Options,
    process,
};

/// The file that says that others need not wait any more.
const DONE: &str = "/done";

/// Why the program ends without having done its work.
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
    /// The encrypted volume cannot be opened.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// Somebody ended it while it waited for the Coordinator.
    #[error("ended by {0} before there was a certificate; start the pod again")]
    NoCertificate(&'static str),
    /// Somebody ended it while it opened the volume.
    #[error("ended by {0} before the volume was open; start the pod again")]
    NoVolume(&'static str),
    /// The file that others wait for.
    #[error("the file {DONE}, which says that this container is ready: {0}")]
    Done(#[source] io::Error),
    /// Secrets could end up in a core dump.
    #[error("cannot switch core dumps off: {0}")]
    CoreDumps(#[source] io::Error),
    /// The system has no means for signals or for waiting.
    #[error("cannot start: {0}")]
    Runtime(#[from] io::Error),
}

/// Fetches credentials, however long it takes, and writes them. Then opens the encrypted volume, if there is one, and stays.
///
/// # Errors
/// See [`Failure`]. A Coordinator that does not serve is not one: it is waited for.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    on_a_stage(|stage| {
        fetch(options, stage)?;
        options.volume().map_or(Ok(()), |volume| keep_open(&volume, stage))
    })
}

/// Opens an encrypted volume and stays.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn show(volume: &Volume) -> Result<(), Failure> {
    on_a_stage(|stage| keep_open(volume, stage))
}

/// Whether this container has done what others wait for.
///
/// # Errors
/// If it has not yet.
pub(crate) fn ready() -> Result<(), Failure> {
    fs::metadata(DONE).map(|_| ()).map_err(Failure::Done)
}

fn on_a_stage(work: impl FnOnce(&mut Stage) -> Result<(), Failure>) -> Result<(), Failure> {
    process::forbid_core_dumps().map_err(Failure::CoreDumps)?;
    let mut stage = Stage::start()?;
    let done = work(&mut stage);
    // An attester that still blocks is not waited for.
    stage.leave();
    done
}

fn fetch(options: &Options, stage: &mut Stage) -> Result<(), Failure> {
    let (attester, refresher) = attester(options)?;
    if attester.evidence_type() == EvidenceType::Simulated {
        warn!("evidence of this pod is simulated: nothing in it is confidential");
    }
    let key = PodKey::generate()?;
    let connector = Connector::new(Identity::Key(key.client_key.clone()), Some(attester), Arc::new([]));
    let address = options.mesh_api();
    info!("initializer {}: asking the Coordinator at {address} for a certificate", env!("CARGO_PKG_VERSION"));

    let credentials = stage.unless_ended(async {
        if let Some(refresher) = refresher {
            tokio::spawn(async move { refresher.run().await });
        }
        until_served(&address, &connector, &key.client_key).await
    });
    let credentials = credentials.map_err(|Ended(signal)| Failure::NoCertificate(signal))?;
    files::write(&options.tls_dir, &credentials, &key.pem())?;
    let secret =
        if credentials.workload_secret.is_empty() { "no workload secret" } else { "a workload secret" };
    info!("wrote certificates, key and {secret} to {}", options.tls_dir.display());
    Ok(())
}

/// Opens a volume, says so with [`DONE`], and keeps it open until somebody ends the program: what a container has mounted goes away with it.
fn keep_open(volume: &Volume, stage: &mut Stage) -> Result<(), Failure> {
    match fs::remove_file(DONE) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(Failure::Done(cause)),
        _ => {}
    }
    let kept = open_and_wait(volume, stage);
    // Also what was half opened when it failed or somebody ended the program.
    let closed = stage.to_the_end(volume.close());
    match (closed, &kept) {
        (Ok(true), Ok(())) => info!("the volume is closed"),
        (Ok(false), _) => warn!("the volume is in use, and stays open; all that was written is on the disk"),
        (Err(error), Ok(())) => warn!("cannot close the volume: {error}"),
        // What has failed is told, and whatever it has left is cleaned up by the next start.
        (Ok(true) | Err(_), Err(_)) => {}
    }
    kept
}

fn open_and_wait(volume: &Volume, stage: &mut Stage) -> Result<(), Failure> {
    stage.unless_ended(volume.open()).map_err(|Ended(signal)| Failure::NoVolume(signal))??;
    fs::write(DONE, "").map_err(Failure::Done)?;
    let Err(Ended(signal)) = stage.unless_ended(future::pending::<Infallible>());
    info!("ended by {signal}");
    fs::remove_file(DONE).map_err(Failure::Done)
}

/// What makes evidence, and what has to run meanwhile so that endorsements arrive.
fn attester(options: &Options) -> Result<(Arc<dyn Attester>, Option<Refresher>), Failure> {
    let Some(sources) = options.endorsements() else { return Ok((detect(options.attester)?, None)) };
    let (collaterals, refresher) = sources.open()?;
    Ok((detect_with(options.attester, Arc::new(collaterals))?, refresher))
}
