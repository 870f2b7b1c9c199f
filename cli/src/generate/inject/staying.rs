//! What an Initializer needs that stays for as long as the pod does: to keep a volume open, to replace certificates.

use serde_json::{Value, json};

use super::{annotations::Renewal, container::set};

/// The variable that makes the Initializer replace certificates.
pub(super) const RENEW: &str = "CONTRAST_RENEW_CERTIFICATES";
/// The variable that says where it tells how old they are.
pub(super) const METRICS: &str = "CONTRAST_RENEWAL_METRICS_ADDR";
/// Succeeds when it has done what others wait for, and while the certificate is valid. Its image has no other program that could look.
const READY: [&str; 2] = ["/usr/bin/initializer", "ready"];

/// How often one probes whether a volume is open, every five seconds, until the container is started anew.
const FOR_A_VOLUME: u32 = 20;
/// The same for a certificate: a day. A pod may wait for its manifest as long as with an Initializer that ends.
const FOR_A_CERTIFICATE: u32 = 17_280;

/// A container that keeps a volume open is a sidecar.
pub(super) fn keep_open(initializer: &mut Value) {
    stay(initializer, FOR_A_VOLUME);
}

/// The next containers start when the startup probe has succeeded.
fn stay(initializer: &mut Value, attempts: u32) {
    set(initializer, "restartPolicy", "Always".into());
    let probe = json!({ "exec": { "command": READY }, "periodSeconds": 5, "failureThreshold": attempts });
    set(initializer, "startupProbe", probe);
}

/// Makes an Initializer replace certificates.
pub(super) fn renew(initializer: &mut Value, renewal: &Renewal) {
    stay(initializer, FOR_A_CERTIFICATE);
    set(initializer, "readinessProbe", json!({ "exec": { "command": READY }, "periodSeconds": 60 }));
    let mut variables = vec![json!({ "name": RENEW, "value": "true" })];
    if let Some(port) = renewal.metrics_port {
        variables.push(json!({ "name": METRICS, "value": format!("[::]:{port}") }));
        set(initializer, "ports", json!([{ "name": "renewal-metrics", "containerPort": port }]));
    }
    if let Some(env) = initializer.get_mut("env").and_then(Value::as_array_mut) {
        env.extend(variables);
    }
}
