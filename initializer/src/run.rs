//! One run of the program, from its options to the files.

use std::{
    convert::Infallible,
    fs, future, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use contrast_attestation::{
    AttestError, Attester, EvidenceType,
    collateral::{Refresher, SourcesError},
    detect, detect_with,
};
use contrast_initializer::volume::{Volume, VolumeError};
use contrast_service_mesh::{default_deny, tool::ToolError};
use tokio::signal::unix::SignalKind;
use tracing::{info, warn};

use crate::{
    ending::{Ended, Stage},
    files::{self, FilesError},
    key::NoKey,
    options::Options,
    pod::{Certified, Pod},
    process,
    renewal::{self, Record, Renewal, Source},
};

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
    #[error("the file {}, which says that this container is ready: {cause}", path.display())]
    Done {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Nobody replaced the certificate in time.
    #[error("the pod's certificate has expired; restart the pod, or see in its log why it is not replaced")]
    Expired,
    /// The guest closes the network by a rule that this program could not take away.
    #[error(
        "the guest's rule against incoming connections cannot be removed, so that nobody reaches this pod: {0}"
    )]
    DefaultDeny(#[source] ToolError),
    /// Nobody can ask for numbers.
    #[error("cannot listen at {address} for metrics: {cause}; choose another port")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// Secrets could end up in a core dump.
    #[error("cannot switch core dumps off: {0}")]
    CoreDumps(#[source] io::Error),
    /// The system has no means for signals or for waiting.
    #[error("cannot start: {0}")]
    Runtime(#[from] io::Error),
}

/// Fetches credentials, however long it takes, and writes them. Stays if there is an encrypted volume to keep open, or if
/// certificates are to be replaced in time.
///
/// # Errors
/// See [`Failure`]. A Coordinator that does not serve is not one: it is waited for.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    on_a_stage(|stage| {
        if options.opens_network() {
            open_network()?;
        }
        let done = Done::not_yet(&options.done_file)?;
        let (pod, refresher) = pod(options)?;
        if !options.renew {
            certify(&pod, refresher, stage)?;
            let stay = future::pending();
            return options.volume().map_or(Ok(()), |volume| keep_open(&volume, &done, stage, stay));
        }
        // From here on, it does not end the program any more.
        let asked = stage.listen(SignalKind::hangup())?;
        let record = Arc::new(Record::default());
        if let Some(address) = options.metrics_addr {
            let serving = stage.to_the_end(renewal::serve_metrics(address, Arc::clone(&record)));
            serving.map_err(|cause| Failure::Metrics { address, cause })?;
        }
        let certified = certify(&pod, refresher, stage)?;
        record.hold(certified.credentials.validity);
        let (source, pause) = (Source::at(&options.ops_api()), options.renewal_pause());
        let mut renewal = Renewal { pod: &pod, source, pause, record, asked, tried: None };
        let stay = renewal.keep_fresh(&certified);
        match options.volume() {
            Some(volume) => keep_open(&volume, &done, stage, stay),
            None => done.until_ended(stage, stay),
        }
    })
}

/// Opens an encrypted volume and stays.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn show(volume: &Volume, done_file: &Path) -> Result<(), Failure> {
    on_a_stage(|stage| keep_open(volume, &Done::not_yet(done_file)?, stage, future::pending()))
}

/// Whether this container has done what others wait for, and the pod's certificate is valid.
///
/// # Errors
/// If it has not yet, or the certificate is not any more.
pub(crate) fn ready(options: &Options) -> Result<(), Failure> {
    fs::metadata(&options.done_file)
        .map_err(|cause| Failure::Done { path: options.done_file.clone(), cause })?;
    // A pod may have a volume, and its certificate from another container.
    let Some(validity) = files::validity(&options.tls_dir)? else { return Ok(()) };
    let now = SystemTime::now();
    if validity.is_over(now) {
        return Err(Failure::Expired);
    }
    let age = now.duration_since(validity.from).unwrap_or_default();
    println!(
        "the certificate is {} of {} hours old",
        age.as_secs() / 3600,
        validity.length().as_secs() / 3600
    );
    Ok(())
}

fn on_a_stage(work: impl FnOnce(&mut Stage) -> Result<(), Failure>) -> Result<(), Failure> {
    process::forbid_core_dumps().map_err(Failure::CoreDumps)?;
    let mut stage = Stage::start()?;
    let done = work(&mut stage);
    // An attester that still blocks is not waited for.
    stage.leave();
    done
}

fn open_network() -> Result<(), Failure> {
    let removed = default_deny::remove().map_err(Failure::DefaultDeny)?;
    let before = if removed == 0 { "it was open before" } else { "it was closed by its guest" };
    info!("this pod has no service mesh: its network is open ({before})");
    Ok(())
}

fn certify(pod: &Pod, refresher: Option<Refresher>, stage: &mut Stage) -> Result<Certified, Failure> {
    if pod.attester.evidence_type() == EvidenceType::Simulated {
        warn!("evidence of this pod is simulated: nothing in it is confidential");
    }
    let (version, address) = (env!("CARGO_PKG_VERSION"), &pod.mesh_api);
    info!("initializer {version}: asking the Coordinator at {address} for a certificate");
    let certified = stage.unless_ended(async {
        if let Some(refresher) = refresher {
            tokio::spawn(async move { refresher.run().await });
        }
        pod.until_certified().await
    });
    let certified = certified.map_err(|Ended(signal)| Failure::NoCertificate(signal))??;
    pod.write(&certified)?;
    let has_secret = !certified.credentials.workload_secret.is_empty();
    let secret = if has_secret { "a workload secret" } else { "no workload secret" };
    info!("wrote certificates, key and {secret} to {}", pod.tls_dir.display());
    Ok(certified)
}

/// Opens a volume, says so, and keeps it open until somebody ends the program: what a container has mounted goes away with it.
fn keep_open(
    volume: &Volume,
    done: &Done,
    stage: &mut Stage,
    stay: impl Future<Output = Infallible>,
) -> Result<(), Failure> {
    let opened = stage.unless_ended(volume.open());
    let opened = opened.map_err(|Ended(signal)| Failure::NoVolume(signal)).and_then(|opened| Ok(opened?));
    let kept = opened.and_then(|()| done.until_ended(stage, stay));
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

/// The file that says that others need not wait any more.
struct Done<'a>(&'a Path);

impl<'a> Done<'a> {
    /// There is none yet, whatever an earlier container has left.
    fn not_yet(path: &'a Path) -> Result<Self, Failure> {
        let done = Self(path);
        done.remove().map(|()| done)
    }

    /// The file is there while the program stays, which it does until somebody ends it.
    fn until_ended(&self, stage: &mut Stage, stay: impl Future<Output = Infallible>) -> Result<(), Failure> {
        fs::write(self.0, "").map_err(|cause| self.failed(cause))?;
        let Err(Ended(signal)) = stage.unless_ended(stay);
        info!("ended by {signal}");
        self.remove()
    }

    /// Somebody else may have removed it before.
    fn remove(&self) -> Result<(), Failure> {
        match fs::remove_file(self.0) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(self.failed(cause)),
            _ => Ok(()),
        }
    }

    fn failed(&self, cause: io::Error) -> Failure {
        Failure::Done { path: self.0.to_owned(), cause }
    }
}

/// The pod, and what has to run meanwhile so that endorsements arrive.
fn pod(options: &Options) -> Result<(Pod, Option<Refresher>), Failure> {
    let (attester, refresher) = attester(options)?;
    Ok((Pod { attester, mesh_api: options.mesh_api(), tls_dir: options.tls_dir.clone() }, refresher))
}

/// What makes evidence, and what has to run meanwhile so that endorsements arrive.
fn attester(options: &Options) -> Result<(Arc<dyn Attester>, Option<Refresher>), Failure> {
    let Some(sources) = options.endorsements() else { return Ok((detect(options.attester)?, None)) };
    let (collaterals, refresher) = sources.open()?;
    Ok((detect_with(options.attester, Arc::new(collaterals))?, refresher))
}
