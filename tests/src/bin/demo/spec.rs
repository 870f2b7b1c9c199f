//! What the example application's YAML says of a pod: the values of its sidecar, its program, and the ports of its Service.

use std::{fs, path::Path};

use contrast_resources::{File, WorkloadKind, objects};
use serde_json::Value;

/// The annotation that asks for renewal, after the prefix of all.
pub(crate) const RENEWAL: &str = "renew-certificates";

/// A pod, as far as a process needs to know.
pub(crate) struct Spec {
    /// Annotation for connections that come in.
    pub(crate) ingress: String,
    /// Annotation for peers.
    pub(crate) egress: String,
    /// Whether its certificate is replaced while it runs.
    pub(crate) renews: bool,
    /// Arguments of the program.
    pub(crate) args: Vec<String>,
    /// Variables of the program.
    pub(crate) env: Vec<(String, String)>,
    /// Ports of the Service that lead to another port of the pod.
    pub(crate) redirects: Vec<(u16, u16)>,
}

impl Spec {
    /// Reads what a file says of the workload and the Service of this name.
    pub(crate) fn read(path: &Path, name: &str) -> Self {
        let bytes = fs::read(path).expect("the example application is there");
        let file = File::read(path.display().to_string(), bytes).expect("it can be read");
        let values: Vec<Value> = file.documents().iter().map(|document| document.value().clone()).collect();
        let objects = objects(&values);
        let mut named = objects.iter().filter(|object| object.name() == name);
        let template = named.clone().find_map(|object| WorkloadKind::of(object)?.template(object.value));
        let template = template.expect("every service of the shop is a workload");
        let service = named.find(|object| object.kind() == "Service").map(|object| object.value);
        let container = template
            .pointer("/spec/containers")
            .and_then(Value::as_array)
            .and_then(|containers| containers.iter().find(|container| text(container, "name") == name))
            .expect("its program is the container of its name");
        let annotation = |name: &str| {
            let annotations = template.pointer("/metadata/annotations");
            let key = format!("contrast.edgeless.systems/{name}");
            annotations.map(|annotations| text(annotations, &key)).unwrap_or_default().to_owned()
        };
        Self {
            ingress: annotation("servicemesh-ingress"),
            egress: annotation("servicemesh-egress"),
            renews: annotation(RENEWAL) == "true",
            args: list(container, "args").filter_map(Value::as_str).map(str::to_owned).collect(),
            env: list(container, "env")
                .map(|variable| (text(variable, "name").to_owned(), text(variable, "value").to_owned()))
                .collect(),
            redirects: service.map(|service| redirects(service, container)).unwrap_or_default(),
        }
    }
}

/// Ports of a Service, and those of the container by whose names it calls them.
fn redirects(service: &Value, container: &Value) -> Vec<(u16, u16)> {
    let port = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64)?.try_into().ok();
    let target = |name: &str| {
        let port_of = list(container, "ports").find(|port| text(port, "name") == name);
        port_of.and_then(|found| port(found, "containerPort"))
    };
    let ports = service.get("spec").into_iter().flat_map(|spec| list(spec, "ports"));
    let pairs = ports.filter_map(|found| Some((port(found, "port")?, target(text(found, "targetPort"))?)));
    pairs.filter(|(from, to)| from != to).collect()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
