//! The node in the cluster, where people see what the installer did: a label with the state, an annotation with what pods of the node
//! attest with, and an Event that says why something failed.
//!
//! None of it is needed for the runtime to work. An installer without the right to write it installs all the same, and says so in its log.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, EventSource, Node as KubernetesNode, ObjectReference};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::warn;

use crate::platform::Handler;

/// How far a version is on a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is being installed.
    Installing,
    /// Pods can use it.
    Ready,
    /// An Event says why not.
    Failed,
}

impl State {
    /// The label's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Installing => "installing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// What labels and annotations of ours begin with.
const PREFIX: &str = "contrast.edgeless.systems/";
/// What pods of a simulated node attest with, as an entry of the manifest.
const REFERENCE_VALUE: &str = "contrast.edgeless.systems/simulated-reference-value";
/// The API server may be away for a while, above all on nodes whose containerd is restarted together with it.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);
/// As long as the API server takes.
const MAX_NOTE: usize = 1024;

/// The node in the cluster.
#[derive(Clone)]
pub struct Node {
    client: Option<Client>,
    name: String,
}

impl Node {
    /// The node with this name. Without a name or a client, nothing is written.
    #[must_use]
    pub fn new(name: Option<&str>, client: Option<Client>) -> Self {
        Self { client: client.filter(|_| name.is_some()), name: name.unwrap_or_default().to_owned() }
    }

    /// Shows how far a version is.
    pub async fn show(&self, handler: &Handler, state: State) {
        // The work does not wait for an API server that is away.
        let attempts = if state == State::Installing { 1 } else { ATTEMPTS };
        self.label(handler, Value::from(state.name()), attempts).await;
    }

    /// Shows nothing of a version any more.
    pub async fn forget(&self, handler: &Handler) {
        self.label(handler, Value::Null, ATTEMPTS).await;
    }

    /// Shows what pods of this node attest with; nothing: they do not any more.
    pub async fn show_reference_value(&self, value: Option<&Value>) {
        let text = value.map_or(Value::Null, |value| Value::from(value.to_string()));
        self.patch(json!({ "metadata": { "annotations": { REFERENCE_VALUE: text } } }), ATTEMPTS).await;
    }

    /// Tells people why something failed.
    pub async fn tell(&self, reason: &str, message: &str) {
        let Some(client) = &self.client else { return };
        let now = k8s_openapi::jiff::Timestamp::now();
        let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now);
        let note = message.get(..message.floor_char_boundary(MAX_NOTE)).unwrap_or(message);
        let event = Event {
            metadata: ObjectMeta {
                generate_name: Some("contrast-node-installer.".to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Node".to_owned()),
                name: Some(self.name.clone()),
                // As kubelet does it: then `kubectl describe node` shows the Event.
                uid: Some(self.name.clone()),
                ..ObjectReference::default()
            },
            reason: Some(reason.to_owned()),
            message: Some(note.to_owned()),
            type_: Some("Warning".to_owned()),
            source: Some(EventSource {
                component: Some("contrast-node-installer".to_owned()),
                host: Some(self.name.clone()),
            }),
            first_timestamp: Some(time.clone()),
            last_timestamp: Some(time),
            count: Some(1),
            ..Event::default()
        };
        // Events of what is in no namespace are in this one.
        let events: Api<Event> = Api::namespaced(client.clone(), "default");
        self.try_often("write an Event", ATTEMPTS, || async {
            events.create(&PostParams::default(), &event).await.map(drop)
        })
        .await;
    }

    async fn label(&self, handler: &Handler, value: Value, attempts: u32) {
        let name = format!("{PREFIX}{handler}");
        self.patch(json!({ "metadata": { "labels": { name: value } } }), attempts).await;
    }

    async fn patch(&self, patch: Value, attempts: u32) {
        let Some(client) = &self.client else { return };
        let nodes: Api<KubernetesNode> = Api::all(client.clone());
        let patch = Patch::Merge(patch);
        self.try_often("show its state on the Node", attempts, || async {
            nodes.patch_metadata(&self.name, &PatchParams::default(), &patch).await.map(drop)
        })
        .await;
    }

    /// Until it works, the API server refuses, or it has been away for too long.
    async fn try_often<F: Future<Output = Result<(), kube::Error>>>(
        &self,
        what: &str,
        attempts: u32,
        attempt: impl Fn() -> F,
    ) {
        let mut last = String::new();
        for number in 0..attempts {
            if number > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match timeout(PATIENCE, attempt()).await {
                Ok(Ok(())) => return,
                // It has answered: asking again does not change the answer.
                Ok(Err(kube::Error::Api(status)))
                    if (400..500).contains(&status.code) && status.code != 429 =>
                {
                    last = status.message.clone();
                    break;
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = format!("no answer in {} s", PATIENCE.as_secs()),
            }
        }
        warn!("cannot {what} {}: {last}. The runtime does not depend on it", self.name);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    use hyper::{Request, Response};
    use kube::client::Body;

    use super::*;

    /// Methods, paths and bodies of what an API server was asked.
    type Asked = Arc<Mutex<Vec<(String, Value)>>>;

    /// A node in a cluster whose API server gives this answer to everything.
    fn node(status: u16, answer: Value) -> (Node, Asked) {
        let asked = Asked::default();
        let heard = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (heard, answer) = (Arc::clone(&heard), answer.to_string());
            async move {
                let what = format!("{} {}", request.method(), request.uri().path());
                let body = request.into_body().collect_bytes().await.unwrap();
                heard.lock().unwrap().push((what, serde_json::from_slice(&body).unwrap()));
                let response = Response::builder().status(status).body(Body::from(answer.into_bytes()));
                Ok::<_, Infallible>(response.unwrap())
            }
        });
        (Node::new(Some("node"), Some(Client::new(service, "default"))), asked)
    }

    fn handler() -> Handler {
        "contrast-cc-simulated-00000000".parse().unwrap()
    }

    #[tokio::test]
    async fn the_state_is_a_label_and_what_pods_attest_with_an_annotation() {
        let answer =
            json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {} });
        let (node, asked) = node(200, answer);
        node.show(&handler(), State::Ready).await;
        node.forget(&handler()).await;
        node.show_reference_value(Some(&json!({ "Root": "ab" }))).await;
        let label = "contrast.edgeless.systems/contrast-cc-simulated-00000000";
        let expected = [
            json!({ "metadata": { "labels": { label: "ready" } } }),
            json!({ "metadata": { "labels": { label: null } } }),
            json!({ "metadata": { "annotations": { REFERENCE_VALUE: "{\"Root\":\"ab\"}" } } }),
        ];
        let expected = expected.map(|body| ("PATCH /api/v1/nodes/node".to_owned(), body));
        assert_eq!(*asked.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn an_event_says_why_within_what_the_api_server_takes() {
        let (node, asked) =
            node(201, json!({ "apiVersion": "v1", "kind": "Event", "metadata": {}, "involvedObject": {} }));
        node.tell("ContrastRuntimeNotInstalled", &"ä".repeat(5000)).await;
        let asked = asked.lock().unwrap();
        let (what, event) = &asked[0];
        assert_eq!(what, "POST /api/v1/namespaces/default/events");
        assert_eq!(
            (&event["involvedObject"]["kind"], &event["involvedObject"]["name"]),
            (&"Node".into(), &"node".into())
        );
        assert_eq!(
            (&event["type"], &event["reason"]),
            (&"Warning".into(), &"ContrastRuntimeNotInstalled".into())
        );
        assert!(event["message"].as_str().unwrap().len() <= MAX_NOTE);
    }

    #[tokio::test]
    async fn without_the_right_to_it_nothing_is_shown_and_nothing_fails() {
        let refusal = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
            "message": "nodes is forbidden",
        });
        let (node, asked) = node(403, refusal);
        node.show(&handler(), State::Ready).await;
        node.tell("x", "y").await;
        assert_eq!(asked.lock().unwrap().len(), 2, "asking again does not help");
        Node::new(None, None).show(&handler(), State::Ready).await;
    }
}
