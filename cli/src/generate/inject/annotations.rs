//! What a workload's annotations ask for.

use contrast_service_mesh::{INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT};
use serde_json::Value;

use crate::generate::{
    finding::Finding,
    resources::{Resources, Workload},
};

/// What comes before the name of each of the project's annotations.
pub(crate) const PREFIX: &str = "contrast.edgeless.systems/";
/// The names of all of them.
pub(crate) const NAMES: [&str; 9] =
    [SKIP_INITIALIZER, INGRESS, EGRESS, ADMIN, SECURE_VOLUME, RENEW, RENEWAL_METRICS, SECRET_ID, ROLE];
const SKIP_INITIALIZER: &str = "skip-initializer";
const INGRESS: &str = "servicemesh-ingress";
const EGRESS: &str = "servicemesh-egress";
/// [`EGRESS`] in full.
pub(crate) const EGRESS_KEY: &str = "contrast.edgeless.systems/servicemesh-egress";
const ADMIN: &str = "servicemesh-admin-interface-port";
const SECURE_VOLUME: &str = "secure-pv";
/// [`SECURE_VOLUME`] in full.
pub(super) const SECURE_VOLUME_KEY: &str = "contrast.edgeless.systems/secure-pv";
const RENEW: &str = "renew-certificates";
const RENEWAL_METRICS: &str = "renewal-metrics-port";
const SECRET_ID: &str = "workload-secret-id";
const ROLE: &str = "pod-role";

/// What a pod is to the deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// An ordinary pod.
    Workload,
    /// The Coordinator.
    Coordinator,
}

/// The annotations of a workload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Annotations {
    /// Its role.
    pub(crate) role: Role,
    /// What its secret is derived from, if not from its name.
    pub(crate) secret_id: Option<String>,
    /// No Initializer.
    pub(super) skip_initializer: bool,
    /// The service mesh, if any of its annotations is there.
    pub(super) mesh: Option<Mesh>,
    /// An encrypted volume.
    pub(super) encrypted_volume: Option<EncryptedVolume>,
    /// Certificates are replaced in time.
    pub(super) renewal: Option<Renewal>,
    /// Volumes that a StatefulSet claims for each of its pods.
    pub(super) claims: Vec<String>,
}

/// Settings of the service mesh, as they stand in the annotations; `None` if they are absent or empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Mesh {
    pub(super) ingress: Option<String>,
    pub(super) egress: Option<String>,
    pub(super) admin_port: Option<u16>,
}

/// An Initializer that stays and replaces certificates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Renewal {
    /// Where it tells how old they are.
    pub(super) metrics_port: Option<u16>,
}

/// A block device, and the volume by which other containers see what is on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct EncryptedVolume {
    pub(super) device: String,
    pub(super) mount: String,
}

impl Annotations {
    /// Reads them.
    pub(crate) fn of(resources: &Resources, workload: &Workload) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut fault = |name: &str, message: String| {
            let key = format!("{PREFIX}{name}");
            let message = format!("annotation {key}: {message}");
            findings.push(resources.finding(workload, &["metadata", "annotations", &key], message));
        };
        let value = |name: &str| resources.annotation(workload, &format!("{PREFIX}{name}"));
        let role = role(resources, workload).unwrap_or_else(|message| {
            fault(ROLE, message);
            Role::Workload
        });
        let mesh = mesh([INGRESS, EGRESS, ADMIN].map(value), &mut fault);
        let encrypted_volume = value(SECURE_VOLUME).and_then(|value| match encrypted_volume(value) {
            Some(volume) => Some(volume),
            None => {
                let message = "write the names of a block device and of a volume, with a colon between them (`device:mount`)";
                fault(SECURE_VOLUME, message.to_owned());
                None
            }
        });
        let mut is_said = |name: &str| match value(name) {
            None | Some("false" | "") => false,
            Some("true") => true,
            Some(_) => {
                fault(name, "write `true` or `false`".to_owned());
                false
            }
        };
        let (skip_initializer, renew) = (is_said(SKIP_INITIALIZER), is_said(RENEW));
        let metrics_port = port(value(RENEWAL_METRICS).unwrap_or_default()).unwrap_or_else(|message| {
            fault(RENEWAL_METRICS, message);
            None
        });
        if let Some(port) = metrics_port
            && let Some(mesh) = &mesh
            && ([INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT].contains(&port) || mesh.admin_port == Some(port))
        {
            fault(RENEWAL_METRICS, format!("the service mesh has port {port}; choose another one"));
        }
        if metrics_port.is_some() && !renew {
            fault(RENEWAL_METRICS, format!("there is nothing to tell without {PREFIX}{RENEW}: \"true\""));
        }
        if renew && skip_initializer {
            fault(
                RENEW,
                format!("the Initializer replaces certificates; take {PREFIX}{SKIP_INITIALIZER} away"),
            );
        }
        let secret_id = value(SECRET_ID).filter(|id| !id.is_empty()).map(str::to_owned);
        if !findings.is_empty() {
            return Err(findings);
        }
        let claims = claims(resources, workload);
        let renewal = renew.then_some(Renewal { metrics_port });
        Ok(Self { role, secret_id, skip_initializer, mesh, encrypted_volume, renewal, claims })
    }
}

fn claims(resources: &Resources, workload: &Workload) -> Vec<String> {
    let templates =
        resources.object(workload).and_then(|object| object.pointer("/spec/volumeClaimTemplates"));
    let templates = templates.and_then(Value::as_array).into_iter().flatten();
    let name = |claim: &Value| Some(claim.pointer("/metadata/name")?.as_str()?.to_owned());
    templates.filter_map(name).collect()
}

/// The role of a workload; a sentence if it has one that does not exist.
pub(crate) fn role(resources: &Resources, workload: &Workload) -> Result<Role, String> {
    match resources.annotation(workload, &format!("{PREFIX}{ROLE}")) {
        None | Some("") => Ok(Role::Workload),
        Some("coordinator") => Ok(Role::Coordinator),
        Some(other) => {
            Err(format!("there is no role `{other}` for confidential pods; the only one is `coordinator`"))
        }
    }
}

/// Whether a workload is the Coordinator.
pub(crate) fn is_coordinator(resources: &Resources, workload: &Workload) -> bool {
    role(resources, workload) == Ok(Role::Coordinator)
}

/// What the mesh's annotations say. The sidecar reads them again; whoever wrote them wants to know now.
fn mesh([ingress, egress, admin]: [Option<&str>; 3], fault: &mut impl FnMut(&str, String)) -> Option<Mesh> {
    if [ingress, egress, admin].iter().all(Option::is_none) {
        return None;
    }
    let text = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    if let Err(error) = contrast_service_mesh::ingress(ingress.unwrap_or_default()) {
        fault(INGRESS, error.to_string());
    }
    if let Err(error) = contrast_service_mesh::egress(egress.unwrap_or_default()) {
        fault(EGRESS, error.to_string());
    }
    let admin_port = contrast_service_mesh::admin_port(admin.unwrap_or_default()).unwrap_or_else(|error| {
        fault(ADMIN, error.to_string());
        None
    });
    if let Some(port) = admin_port.filter(|port| [INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT].contains(port)) {
        fault(ADMIN, format!("the service mesh has port {port}; choose another one"));
    }
    Some(Mesh { ingress: text(ingress), egress: text(egress), admin_port })
}

/// A port, if there is a text.
fn port(text: &str) -> Result<Option<u16>, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    match port {
        None if !text.is_empty() => Err(format!("{text:?} is no port; write a number from 1 to 65535")),
        port => Ok(port),
    }
}

fn encrypted_volume(value: &str) -> Option<EncryptedVolume> {
    let (device, mount) = value.split_once(':')?;
    let named = !device.is_empty() && !mount.is_empty() && !mount.contains(':');
    named.then(|| EncryptedVolume { device: device.to_owned(), mount: mount.to_owned() })
}
