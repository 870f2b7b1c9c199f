//! The cluster in which a Coordinator may be looked for. Nothing of what it says is believed: it tells where something
//! is, and attestation tells what it is.

mod error;
mod place;
mod way;

use std::time::{Duration, Instant};

use contrast_kubernetes::{Access, AccessError};

pub(crate) use error::ClusterError;
pub(crate) use place::{Place, Sought};
pub(crate) use way::{Way, find};

use crate::{
    arguments::ClusterOptions,
    output::{self, with_progress},
};

/// Between attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// The cluster that the options mean.
pub(crate) fn access(options: &ClusterOptions) -> Result<Access, AccessError> {
    let context = options.context.as_deref();
    match &options.kubeconfig {
        Some(file) => Access::from_file(file, context),
        None => Access::from_kubeconfig(context),
    }
}

/// The way to a Coordinator. Says which one it is where it had to be found.
pub(crate) async fn reach(place: Place, options: &ClusterOptions) -> Result<Way, ClusterError> {
    let sought = match place {
        Place::Address(address) => return Ok(Way::straight(address)),
        Place::Cluster(sought) => sought,
    };
    let access = access(options)?;
    let way =
        with_progress("Looking for the Coordinator in the cluster", async |_| find(&access, &sought).await);
    let way = way.await?;
    output::note(&way.to_string());
    Ok(way)
}

/// The same as [`reach`], again and again while pods and addresses are still to come.
pub(crate) async fn reach_patiently(
    place: Place,
    options: &ClusterOptions,
    patience: Duration,
) -> Result<Way, ClusterError> {
    let deadline = Instant::now() + patience;
    let mut said = false;
    loop {
        match reach(place.clone(), options).await {
            Err(error) if error.is_transient() && Instant::now() + PAUSE < deadline => {
                if !said {
                    output::note(&format!("Waiting for a way to the Coordinator: {error}"));
                }
                said = true;
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
