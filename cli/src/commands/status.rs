//! `contrast status`: how a deployment is, on one screen.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use contrast_attestation::atls::Identity;
use contrast_kubernetes::{Access, AccessError};
use contrast_manifest::ManifestDocument;

use super::coordinator_of;
use crate::{
    arguments::{Format, StatusOptions},
    cluster::{self, ClusterError, Place, Sought, Way},
    coordinator::Address,
    deployment::Known,
    failure::Failure,
    inputs, output,
    status::{
        Attested, Cluster, CoordinatorState, Status, attested,
        judge::{self, introduce},
        observed::observe,
        screen::screen,
    },
    workspace::Workspace,
};

/// Between two looks at the cluster.
const PAUSE: Duration = Duration::from_secs(2);
/// A Coordinator is not asked for evidence more often, unless something changed.
const ATTEST_AGAIN: Duration = Duration::from_secs(15);
/// What clears a terminal and moves to its beginning.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

/// What stays the same from one look to the next.
struct Watcher<'a> {
    workspace: &'a Workspace,
    options: StatusOptions,
    /// How to reach the Coordinator, as long as that holds, and the manifest that it has to fit.
    address: Option<([u8; 32], Address)>,
    /// The way that was taken, in words.
    way: Option<String>,
    /// What it attested to, and when.
    last: Option<(Instant, Attested)>,
}

/// Shows the state once, or again and again.
pub(crate) async fn status(workspace: &Workspace, options: StatusOptions) -> Result<ExitCode, Failure> {
    let (watch, format) = (options.watch, options.output);
    let mut watcher = Watcher { workspace, options, address: None, way: None, last: None };
    let mut shown = String::new();
    loop {
        let status = watcher.look().await?;
        let text = match format {
            Format::Table => screen(&status),
            // A status has texts, numbers and lists, so it has a JSON form.
            Format::Json => serde_json::to_string(&status).unwrap_or_default() + "\n",
        };
        if text != shown {
            let again = watch && format == Format::Table;
            let before = match (again && io::stdout().is_terminal(), shown.is_empty()) {
                (true, _) => CLEAR,
                (false, false) if again => "---\n",
                (false, _) => "",
            };
            // A reader that went away (`| head`) has seen enough.
            if output::document(&format!("{before}{}", output::printable(&text))).is_err() {
                return Ok(ExitCode::from(status.verdict.exit_code()));
            }
            shown = text;
        }
        if !watch {
            return Ok(ExitCode::from(status.verdict.exit_code()));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Watcher<'_> {
    async fn look(&mut self) -> Result<Status, Failure> {
        let known = Known::read(self.workspace)?;
        let document =
            inputs::manifest(self.workspace, self.options.manifest.as_deref()).map_err(Failure::from);
        let access = match cluster::access(&self.options.cluster) {
            Ok(access) => access,
            // Without a cluster there may still be a Coordinator.
            Err(error) if matches!(self.options.coordinator, Place::Address(_)) => {
                let attested = self.attest(None, document.as_ref(), &known).await;
                return Ok(Status::new(attested, unreachable(&error)));
            }
            Err(error) => return Err(error.into()),
        };
        let namespace = self.namespace(&access);
        let observed = match observe(&access, &namespace).await {
            Ok(observed) => observed,
            Err(error) => {
                self.address = None;
                let attested = match &self.options.coordinator {
                    Place::Address(_) => self.attest(None, document.as_ref(), &known).await,
                    Place::Cluster(_) => attested::without_way(document.as_ref().ok(), &error.clone().into()),
                };
                let mut cluster = unreachable(&error);
                introduce(&mut cluster, &access, &namespace, None);
                return Ok(Status::new(attested, cluster));
            }
        };
        let attested = self.attest(Some(&access), document.as_ref(), &known).await;
        let mut cluster = judge::cluster(&observed, document.as_ref().ok(), attested.state);
        introduce(&mut cluster, &access, &namespace, self.way.clone());
        Ok(Status::new(attested, cluster))
    }

    fn namespace(&self, access: &Access) -> String {
        let sought = match &self.options.coordinator {
            Place::Cluster(Sought { namespace, .. }) => namespace.as_ref(),
            Place::Address(_) => None,
        };
        self.options.namespace.as_ref().or(sought).unwrap_or(&access.namespace).clone()
    }

    /// Asks the Coordinator, if the last time was long enough ago.
    async fn attest(
        &mut self,
        access: Option<&Access>,
        document: Result<&ManifestDocument, &Failure>,
        known: &Known,
    ) -> Attested {
        let document = match document {
            Ok(document) => document,
            Err(failure) => return attested::without_manifest(failure),
        };
        let local = hex::encode(document.digest());
        if let Some((time, last)) = &self.last
            && time.elapsed() < ATTEST_AGAIN
            && last.state == CoordinatorState::Active
            && last.local_manifest.as_ref() == Some(&local)
            && last.remembered == Some(true)
        {
            return last.clone();
        }
        let answer = match self.address(access, document).await {
            Ok(address) => attested::ask(&address, document, known).await,
            Err(failure) => attested::without_way(Some(document), &failure),
        };
        if !answer.state.is_attested() {
            // It may be elsewhere by now.
            self.address = None;
        }
        self.last = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn address(
        &mut self,
        access: Option<&Access>,
        document: &ManifestDocument,
    ) -> Result<Address, Failure> {
        let way = match (&self.address, &self.options.coordinator, access) {
            (Some((digest, address)), ..) if *digest == document.digest() => return Ok(address.clone()),
            (Some((_, address)), ..) => address.way.clone(),
            (None, Place::Address(address), _) => Way::straight(address.clone()),
            (None, Place::Cluster(sought), Some(access)) => cluster::find(access, sought).await?,
            // Without a cluster it is not looked for there.
            (None, Place::Cluster(_), None) => {
                return Err(ClusterError::from(AccessError::NoKubeconfig { looked_at: Vec::new() }).into());
            }
        };
        self.way = Some(way.to_string());
        let address = coordinator_of(document, way, Identity::Fresh, self.options.sources.clone()).await?;
        self.address = Some((document.digest(), address.clone()));
        Ok(address)
    }
}

fn unreachable(error: &AccessError) -> Cluster {
    Cluster {
        unreachable: Some(error.to_string()),
        advice: Some(error.advice().to_string()),
        ..Cluster::default()
    }
}
