//! Asking the API server, as far as one may.

use std::{collections::BTreeMap, fmt::Debug};

use contrast_kubernetes::{
    Access, AccessError,
    kube::{
        Api,
        api::{ListParams, LogParams},
    },
};
use k8s_openapi::{
    api::{
        core::v1::{Event, Node, Pod},
        node::v1::RuntimeClass,
    },
    serde::de::DeserializeOwned,
};

use super::{Missing, pods};

/// Objects that are asked for at a time.
const PAGE: u32 = 500;
/// Of one kind, no more are looked at: a screen is not the place for them.
const MOST: usize = 5000;
/// The end of so many logs is read.
const MOST_LOGS: usize = 20;
const LOG_LINES: i64 = 20;
const LOG_BYTES: i64 = 16 << 10;

/// What the API server says. `None` of something: it may not be seen.
#[derive(Default, Debug)]
pub(crate) struct Observed {
    pub(crate) pods: Option<Vec<Pod>>,
    pub(crate) events: Option<Vec<Event>>,
    /// Those about nodes: they are in another namespace.
    pub(crate) node_events: Option<Vec<Event>>,
    pub(crate) nodes: Option<Vec<Node>>,
    pub(crate) runtime_classes: Option<Vec<RuntimeClass>>,
    /// The end of the Initializer's log, by pod.
    pub(crate) logs: BTreeMap<String, String>,
    pub(crate) missing: Vec<Missing>,
}

/// Where events about nodes are.
const NODE_EVENTS: &str = "default";

/// Asks for everything. Only that the server as a whole cannot be asked is an error.
pub(crate) async fn observe(access: &Access, namespace: &str) -> Result<Observed, AccessError> {
    let mut observed = Observed::default();
    let client = || access.client.clone();
    let missing = &mut observed.missing;
    let there = format!("in namespace {namespace}");
    let everything = ListParams::default();
    let of_nodes = ListParams::default().fields("involvedObject.kind=Node");
    observed.pods = list(Api::namespaced(client(), namespace), &everything, missing, || {
        (format!("list pods {there}"), "the pods of each workload")
    })
    .await?;
    observed.events = list(Api::namespaced(client(), namespace), &everything, missing, || {
        (
            format!("list events {there}"),
            "why pods wait or are refused, where the pods themselves do not say so",
        )
    })
    .await?;
    observed.nodes = list(Api::all(client()), &everything, missing, || {
        ("list nodes".to_owned(), "which runtimes the nodes have")
    })
    .await?;
    observed.runtime_classes = list(Api::all(client()), &everything, missing, || {
        ("list runtimeclasses.node.k8s.io".to_owned(), "which RuntimeClasses there are")
    })
    .await?;
    if observed.nodes.is_some() {
        observed.node_events = list(Api::namespaced(client(), NODE_EVENTS), &of_nodes, missing, || {
            (
                format!("list events in namespace {NODE_EVENTS}"),
                "why a runtime could not be installed on a node",
            )
        })
        .await?;
    }
    read_logs(access, namespace, &mut observed).await?;
    Ok(observed)
}

/// All objects of a kind. If a right is missing, that is noted.
async fn list<K>(
    api: Api<K>,
    parameters: &ListParams,
    missing: &mut Vec<Missing>,
    what: impl Fn() -> (String, &'static str),
) -> Result<Option<Vec<K>>, AccessError>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut parameters = parameters.clone().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let page = match api.list(&parameters).await.map_err(AccessError::from) {
            Ok(page) => page,
            Err(error) if error.concerns_the_server() => return Err(error),
            Err(error) => {
                let (right, without) = what();
                let without = match error {
                    AccessError::Forbidden { .. } => without.to_owned(),
                    other => format!("{without} ({other})"),
                };
                missing.push(Missing { right, without });
                return Ok(None);
            }
        };
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) if all.len() < MOST => parameters = parameters.continue_token(&token),
            Some(_) => {
                missing.push(Missing {
                    right: what().0,
                    without: format!("more than the first {} of them", all.len()),
                });
                return Ok(Some(all));
            }
            None => return Ok(Some(all)),
        }
    }
}

/// The end of the logs of Initializers that have not got a certificate.
async fn read_logs(access: &Access, namespace: &str, observed: &mut Observed) -> Result<(), AccessError> {
    let api: Api<Pod> = Api::namespaced(access.client.clone(), namespace);
    let pods = observed.pods.iter().flatten();
    let wanted = pods.filter_map(|pod| Some((pod.metadata.name.clone()?, pods::log_to_read(pod)?)));
    for (name, previous) in wanted.take(MOST_LOGS).collect::<Vec<_>>() {
        let parameters = LogParams {
            container: Some(pods::INITIALIZER.to_owned()),
            tail_lines: Some(LOG_LINES),
            limit_bytes: Some(LOG_BYTES),
            previous,
            ..LogParams::default()
        };
        match api.logs(&name, &parameters).await.map_err(AccessError::from) {
            Ok(log) => {
                observed.logs.insert(name, log);
            }
            Err(AccessError::Forbidden { .. }) => {
                observed.missing.push(Missing {
                    right: format!("get pods/log in namespace {namespace}"),
                    without: "what Initializers say that they wait for".to_owned(),
                });
                return Ok(());
            }
            Err(error) if error.concerns_the_server() && !error.is_transient() => return Err(error),
            // A pod may be gone by now, or its node away.
            Err(_) => {}
        }
    }
    Ok(())
}
