//! A port-forward: through the pod that is there for it, or to the Coordinator's own.

use std::sync::Arc;

use contrast_kubernetes::{AccessError, kube::api::ListParams};
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::util::intstr::IntOrString};

use super::{How, Obstacle, Subject, Way, obstacle};
use crate::{
    cluster::place::USER_API_PORT,
    generate::platform::{is_confidential, is_simulated},
};

/// Through `port-forwarder-<service>`.
pub(super) async fn forwarder(subject: &Subject<'_>) -> Result<Result<Way, Obstacle>, AccessError> {
    let name = format!("port-forwarder-{}", subject.name);
    let pod = match subject.pods().get(&name).await {
        Ok(pod) => pod,
        Err(error) => return Ok(Err(obstacle(error.into())?)),
    };
    if !is_ready(&pod) {
        return Ok(Err(Obstacle::NotYet(format!("the pod {name} is not ready"))));
    }
    let (port, _) = subject.port();
    forward(subject, name, port, false).await
}

/// To a pod of the Coordinator. That of a confidential one is in a virtual machine, whose ports the node does not see.
pub(super) async fn own(subject: &Subject<'_>) -> Result<Result<Way, Obstacle>, AccessError> {
    let labels = subject.service.as_ref().and_then(|service| service.spec.as_ref()?.selector.clone());
    let labels = labels.unwrap_or_else(|| {
        [("app.kubernetes.io/name".to_owned(), subject.name.to_owned())].into_iter().collect()
    });
    let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let pods = subject.pods().list(&ListParams::default().labels(&labels.join(",")).limit(50)).await;
    let pods = match pods {
        Ok(pods) => pods.items,
        Err(error) => return Ok(Err(obstacle(error.into())?)),
    };
    let class =
        |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.runtime_class_name.clone()).unwrap_or_default();
    let suits = |pod: &&Pod| is_simulated(&class(pod)) || !is_confidential(&class(pod));
    if pods.is_empty() {
        return Ok(Err(Obstacle::Absent("there is none".to_owned())));
    }
    if !pods.iter().any(|pod| suits(&pod)) {
        let text = "it is in a virtual machine, whose ports the node cannot forward to";
        return Ok(Err(Obstacle::Unsuitable(text.to_owned())));
    }
    // One that is locked, or has no manifest, runs without being ready.
    let Some(pod) = pods.iter().filter(suits).find(|pod| is_running(pod)) else {
        return Ok(Err(Obstacle::NotYet("it does not run yet".to_owned())));
    };
    let name = pod.metadata.name.clone().unwrap_or_default();
    forward(subject, name, target_port(subject, pod), true).await
}

async fn forward(
    subject: &Subject<'_>,
    pod: String,
    port: u16,
    own: bool,
) -> Result<Result<Way, Obstacle>, AccessError> {
    match subject.access.forward(subject.namespace, &pod, port).await {
        Ok(forward) => {
            let host_port = forward.address().to_string();
            let how = How::Forward { namespace: subject.namespace.to_owned(), pod, own };
            Ok(Ok(Way { host_port, how, _forward: Some(Arc::new(forward)) }))
        }
        Err(error) => Ok(Err(obstacle(error)?)),
    }
}

/// The port of a pod that the Service means.
fn target_port(subject: &Subject<'_>, pod: &Pod) -> u16 {
    let (port, target) = subject.port();
    let number = |number: i32| u16::try_from(number).unwrap_or(USER_API_PORT);
    match target {
        Some(IntOrString::Int(target)) => number(*target),
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
            ports
                .find(|port| port.name.as_deref() == Some(name))
                .map_or(USER_API_PORT, |port| number(port.container_port))
        }
        None => port,
    }
}

fn is_running(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
