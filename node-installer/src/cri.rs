//! What containerd says about itself, over the Kubernetes Container Runtime Interface (k8s.io/cri-api, `runtime.v1`).

mod channel;
mod messages;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use prost::Message;
use serde_json::Value;
use tokio::{net::UnixStream, time::timeout};
use tonic::{Request, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use self::{
    channel::Channel,
    messages::{ListPodSandboxRequest, ListPodSandboxResponse, StatusRequest, StatusResponse},
};

/// containerd's socket on this node.
#[derive(Clone, Debug)]
pub struct Cri {
    socket: PathBuf,
}

/// What containerd says of its state.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Status {
    /// The runtimes that it has loaded; nothing if it does not tell.
    pub runtimes: Option<BTreeSet<String>>,
}

/// A pod on this node, or what is left of one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sandbox {
    /// `NAMESPACE/NAME`.
    pub pod: String,
    /// Its runtime; empty for the default one.
    pub runtime: String,
    /// Its label `app.kubernetes.io/name`.
    pub application: Option<String>,
    /// Does it run?
    pub ready: bool,
}

/// containerd does not answer.
#[derive(thiserror::Error, Clone, Debug)]
#[error("containerd does not answer at {}: {cause}", socket.display())]
pub struct CriError {
    /// Its socket, as this program sees it.
    pub socket: PathBuf,
    /// What went wrong.
    pub cause: String,
}

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A node has hundreds of pods at most, each with some kilobytes of annotations.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

impl Cri {
    /// containerd at this socket, a path for this program.
    #[must_use]
    pub fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// The process that listens there, in this program's own numbers; nothing if it is not seen from here.
    pub async fn process(&self) -> Option<u32> {
        let stream = timeout(PATIENCE, UnixStream::connect(&self.socket)).await.ok()?.ok()?;
        u32::try_from(stream.peer_cred().ok()?.pid()?).ok().filter(|process| *process != 0)
    }

    /// Asks for its state, and so whether it works.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn status(&self) -> Result<Status, CriError> {
        let response: StatusResponse = self.call("Status", StatusRequest { verbose: true }).await?;
        Ok(Status { runtimes: runtimes(&response) })
    }

    /// All pods on the node, also those that have ended and are not removed yet.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn sandboxes(&self) -> Result<Vec<Sandbox>, CriError> {
        let response: ListPodSandboxResponse =
            self.call("ListPodSandbox", ListPodSandboxRequest::default()).await?;
        let sandboxes = response.items.into_iter().map(|item| {
            let metadata = item.metadata.unwrap_or_default();
            Sandbox {
                pod: format!("{}/{}", metadata.namespace, metadata.name),
                runtime: item.runtime_handler,
                application: item.labels.get("app.kubernetes.io/name").cloned(),
                ready: item.state == messages::READY,
            }
        });
        Ok(sandboxes.collect())
    }

    async fn call<A, B>(&self, method: &str, request: A) -> Result<B, CriError>
    where
        A: Message + Send + Sync + 'static,
        B: Message + Default + Send + Sync + 'static,
    {
        let failed = |cause: String| CriError { socket: self.socket.clone(), cause };
        let call = async {
            let channel = Channel::connect(&self.socket).await.map_err(|error| error.to_string())?;
            let path = format!("/runtime.v1.RuntimeService/{method}");
            let path = PathAndQuery::try_from(path).map_err(|error| error.to_string())?;
            let mut grpc = Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
            let codec = ProstCodec::<A, B>::default();
            let response = grpc.unary(Request::new(request), path, codec).await;
            response.map(tonic::Response::into_inner).map_err(|status| status.message().to_owned())
        };
        let answer = timeout(PATIENCE, call).await;
        answer.map_err(|_| failed(format!("no answer in {} s", PATIENCE.as_secs())))?.map_err(failed)
    }
}

/// Newer ones have a field for it, older ones tell their configuration.
fn runtimes(response: &StatusResponse) -> Option<BTreeSet<String>> {
    let named = |name: &String| !name.is_empty();
    let listed: BTreeSet<String> =
        response.runtime_handlers.iter().map(|handler| handler.name.clone()).filter(named).collect();
    if !listed.is_empty() {
        return Some(listed);
    }
    let configuration: Value = serde_json::from_str(response.info.get("config")?).ok()?;
    let runtimes = configuration.get("containerd")?.get("runtimes")?.as_object()?;
    Some(runtimes.keys().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_found_in_either_form_of_answer() {
        let handler = |name: &str| messages::RuntimeHandler { name: name.to_owned() };
        let of = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let new = StatusResponse {
            runtime_handlers: vec![handler(""), handler("runc"), handler("x")],
            ..StatusResponse::default()
        };
        assert_eq!(runtimes(&new), of(&["runc", "x"]));
        let mut old = StatusResponse::default();
        assert_eq!(runtimes(&old), None);
        let config = r#"{"containerd":{"runtimes":{"runc":{},"y":{}}}}"#;
        old.info.insert("config".to_owned(), config.to_owned());
        assert_eq!(runtimes(&old), of(&["runc", "y"]));
        old.info.insert("config".to_owned(), "{".to_owned());
        assert_eq!(runtimes(&old), None);
    }
}
