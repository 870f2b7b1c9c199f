//! Finding a way to a Coordinator: the address of a LoadBalancer, or a port-forward through a pod.

mod load_balancer;
mod pod;

use std::{fmt, sync::Arc};

use contrast_kubernetes::{Access, AccessError, Forward, kube::Api};
use k8s_openapi::api::core::v1::{Pod, Service};

use super::{
    error::{ClusterError, Obstacle, Tried},
    place::{Sought, USER_API_PORT},
};

/// The way to a Coordinator. It is there as long as this is.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// What to connect to.
    pub(crate) host_port: String,
    /// What leads there.
    pub(crate) how: How,
    _forward: Option<Arc<Forward>>,
}

/// What leads to a Coordinator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// The user gave the address.
    Given,
    /// The Service has an address.
    LoadBalancer { namespace: String, service: String },
    /// The API server carries connections to a pod.
    Forward { namespace: String, pod: String, own: bool },
}

impl Way {
    /// To an address that the user gave.
    pub(crate) fn straight(host_port: String) -> Self {
        Self { host_port, how: How::Given, _forward: None }
    }
}

/// One line.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            How::Given => write!(f, "Coordinator at {}", self.host_port),
            How::LoadBalancer { namespace, service } => {
                write!(
                    f,
                    "Coordinator at {}, the LoadBalancer of the Service {namespace}/{service}",
                    self.host_port
                )
            }
            How::Forward { namespace, pod, own: false } => {
                write!(f, "Coordinator by a port-forward through the pod {namespace}/{pod}")
            }
            How::Forward { namespace, pod, own: true } => {
                write!(f, "Coordinator by a port-forward to its own pod {namespace}/{pod}")
            }
        }
    }
}

/// The Service of a Coordinator, as far as it may be seen.
struct Subject<'a> {
    access: &'a Access,
    namespace: &'a str,
    name: &'a str,
    service: Option<Service>,
}

/// Finds a way. What is nearest comes first: an address, the pod that is there for it, the Coordinator's own pod.
pub(crate) async fn find(access: &Access, sought: &Sought) -> Result<Way, ClusterError> {
    let namespace = sought.namespace.as_deref().unwrap_or(&access.namespace);
    let mut tried = Vec::new();
    let services: Api<Service> = Api::namespaced(access.client.clone(), namespace);
    let mut subject = Subject { access, namespace, name: &sought.service, service: None };
    match services.get(&sought.service).await.map_err(AccessError::from) {
        Ok(service) => {
            subject.service = Some(service);
            match load_balancer::address(&subject).await {
                Ok(host_port) => {
                    let how = How::LoadBalancer {
                        namespace: namespace.to_owned(),
                        service: sought.service.clone(),
                    };
                    return Ok(Way { host_port, how, _forward: None });
                }
                Err(obstacle) => tried.push(Tried { way: "LoadBalancer", obstacle }),
            }
        }
        Err(error) => tried.push(Tried { way: "Service", obstacle: obstacle(error)? }),
    }
    match pod::forwarder(&subject).await? {
        Ok(way) => return Ok(way),
        Err(obstacle) => tried.push(Tried { way: "port-forwarder", obstacle }),
    }
    match pod::own(&subject).await? {
        Ok(way) => return Ok(way),
        Err(obstacle) => tried.push(Tried { way: "the Coordinator's own pod", obstacle }),
    }
    Err(ClusterError::NoWay { namespace: namespace.to_owned(), service: sought.service.clone(), tried })
}

/// What an error says of one way; an error that concerns all of them is handed back.
fn obstacle(error: AccessError) -> Result<Obstacle, AccessError> {
    Ok(match error {
        AccessError::NotFound { message } => Obstacle::Absent(message),
        AccessError::Forbidden { message } => Obstacle::Forbidden(message),
        error if error.concerns_the_server() => return Err(error),
        error => Obstacle::Unsuitable(error.to_string()),
    })
}

impl Subject<'_> {
    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.access.client.clone(), self.namespace)
    }

    /// The port of the user API: of that name, of the usual number, or the first one.
    fn port(&self) -> (u16, Option<&k8s_openapi::apimachinery::pkg::util::intstr::IntOrString>) {
        let ports = self.service.as_ref().and_then(|service| service.spec.as_ref()?.ports.as_deref());
        let ports = ports.unwrap_or_default();
        let named = ports.iter().find(|port| port.name.as_deref() == Some("userapi"));
        let usual = || ports.iter().find(|port| port.port == i32::from(USER_API_PORT));
        match named.or_else(usual).or_else(|| ports.first()) {
            Some(port) => (u16::try_from(port.port).unwrap_or(USER_API_PORT), port.target_port.as_ref()),
            None => (USER_API_PORT, None),
        }
    }
}
