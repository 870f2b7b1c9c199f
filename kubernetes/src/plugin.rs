//! Credential plugins: programs that a kubeconfig names, and that print credentials (`client.authentication.k8s.io`).

use std::{
    collections::HashMap,
    io::{self, IsTerminal as _},
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use kube::config::{Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use rustls::sign::CertifiedKey;
use serde::Deserialize;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{
    error::{AccessError, Plugin, PluginFailure},
    settings::Source,
    tls,
};

/// How long a plugin may take that asks nobody.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one may take that a person can answer.
const PATIENCE_WITH_PEOPLE: Duration = Duration::from_secs(300);
/// Credentials are shorter.
const MAX_OUTPUT_LEN: usize = 1 << 20;
/// As much is repeated of what a plugin that failed has said.
const MAX_STDERR_LEN: usize = 500;
/// The variable that tells a plugin what is asked for.
const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// How a plugin is called.
pub(crate) struct PluginCall {
    command: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    version: String,
    mode: ExecInteractiveMode,
    cluster: Option<ExecAuthCluster>,
    hint: Option<String>,
    patience: Duration,
}

/// What a plugin gives.
pub(crate) struct Credential {
    pub(crate) token: Option<Zeroizing<String>>,
    pub(crate) identity: Option<Arc<CertifiedKey>>,
    pub(crate) expires: Option<SystemTime>,
}

#[derive(Deserialize)]
struct ExecCredential {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl PluginCall {
    pub(crate) fn new(exec: &ExecConfig, cluster: &Cluster) -> Result<Self, AccessError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let command = given(&exec.command).ok_or_else(|| AccessError::Unusable {
            what: "command of a credential plugin",
            from: "the kubeconfig".to_owned(),
        })?;
        let version = exec.api_version.clone().unwrap_or_default();
        let hint = given(&exec.install_hint);
        if !VERSIONS.contains(&version.as_str()) {
            return Err(Plugin { command, failure: PluginFailure::Version(version), hint }.into());
        }
        let cluster = exec.provide_cluster_info.then(|| ExecAuthCluster::try_from(cluster));
        let cluster = cluster.transpose().map_err(|_| AccessError::Unusable {
            what: "certificate authority",
            from: "the kubeconfig".to_owned(),
        })?;
        Ok(Self {
            command,
            arguments: exec.args.clone().unwrap_or_default(),
            variables: exec.env.iter().flatten().filter_map(variable).collect(),
            version,
            mode: exec.interactive_mode.clone().unwrap_or(ExecInteractiveMode::IfAvailable),
            cluster,
            hint,
            patience: PATIENCE,
        })
    }

    /// Runs the plugin.
    pub(crate) async fn run(&self) -> Result<Credential, AccessError> {
        let outcome = self.attempt(io::stdin().is_terminal()).await;
        outcome.map_err(|failure| {
            Plugin { command: self.command.clone(), failure, hint: self.hint.clone() }.into()
        })
    }

    async fn attempt(&self, terminal: bool) -> Result<Credential, PluginFailure> {
        if self.mode == ExecInteractiveMode::Always && !terminal {
            return Err(PluginFailure::NoTerminal);
        }
        let interactive = terminal && self.mode != ExecInteractiveMode::Never;
        let mut child = self.command(interactive).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => PluginFailure::Missing,
            _ => PluginFailure::Start(Arc::new(error)),
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let patience = if interactive { PATIENCE_WITH_PEOPLE } else { self.patience };
        let work = async {
            let (stdout, stderr) = tokio::join!(read(stdout, MAX_OUTPUT_LEN), read(stderr, MAX_OUTPUT_LEN));
            let status = child.wait().await;
            (stdout, stderr, status)
        };
        let finished = timeout(patience, work).await;
        let (stdout, stderr, status) = finished.map_err(|_| PluginFailure::Slow(patience))?;
        let status = status.map_err(|error| PluginFailure::Start(Arc::new(error)))?;
        if !status.success() {
            let stderr = end(&stderr.unwrap_or_default());
            return Err(PluginFailure::Failed { status: status.to_string(), stderr });
        }
        credential(&stdout.ok_or(PluginFailure::Output("more than a mebibyte"))?)
    }

    fn command(&self, interactive: bool) -> Command {
        let mut command = Command::new(&self.command);
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        let info = json!({
            "apiVersion": self.version,
            "kind": "ExecCredential",
            "spec": { "interactive": interactive, "cluster": self.cluster },
        });
        command.env(EXEC_INFO, info.to_string()).kill_on_drop(true).stdout(Stdio::piped());
        if interactive {
            command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
        } else {
            command.stdin(Stdio::null()).stderr(Stdio::piped());
        }
        command
    }
}

fn variable(entry: &HashMap<String, String>) -> Option<(String, String)> {
    Some((entry.get("name")?.clone(), entry.get("value")?.clone()))
}

/// Everything that a pipe gives; nothing if that is too much. The pipe is read to its end, so that nobody gets stuck.
async fn read(pipe: Option<impl AsyncRead + Unpin>, most: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::new());
    let Some(mut pipe) = pipe else { return Some(content) };
    let bounded = (&mut pipe).take(most as u64 + 1).read_to_end(&mut content).await;
    if bounded.is_ok() && content.len() <= most {
        return Some(content);
    }
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    None
}

/// The last words, in one line.
fn end(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let skipped = text.chars().count().saturating_sub(MAX_STDERR_LEN);
    text.chars().skip(skipped).collect()
}

fn credential(output: &[u8]) -> Result<Credential, PluginFailure> {
    let parsed: ExecCredential = serde_json::from_slice(output)
        .map_err(|_| PluginFailure::Output("not the JSON of an ExecCredential"))?;
    let status = parsed.status.ok_or(PluginFailure::Output("its JSON has no status"))?;
    let token = status.token.filter(|token| !token.is_empty()).map(Zeroizing::new);
    let key = status.client_key_data.map(Zeroizing::new);
    let identity = match (status.client_certificate_data, key) {
        (Some(chain), Some(key)) => {
            let from = Source::Inline("credential plugin");
            let identity = tls::identity(chain.as_bytes(), &from, key.as_bytes(), &from);
            Some(identity.map_err(|_| PluginFailure::Output("a client certificate that cannot be used"))?)
        }
        (None, None) => None,
        _ => return Err(PluginFailure::Output("a client certificate without its key, or a key without it")),
    };
    if token.is_none() && identity.is_none() {
        return Err(PluginFailure::Output("neither a token nor a client certificate"));
    }
    let expires = match status.expiration_timestamp {
        Some(text) => {
            let time = OffsetDateTime::parse(&text, &Rfc3339)
                .map_err(|_| PluginFailure::Output("an expiration that is no time"))?;
            Some(time.into())
        }
        None => None,
    };
    Ok(Credential { token, identity, expires })
}

#[cfg(test)]
mod tests;
