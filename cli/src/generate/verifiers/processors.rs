//! How many processors a pod's VM gets: a reference value covers 220 at most, and a GPU wants one of its own.

use contrast_resources::Step;
use serde_json::Value;

use super::{Container, Finding, Pods, Severity};

/// Most virtual processors that a launch measurement is derived for.
const MOST: u64 = 220;

pub(super) fn check(pods: &Pods<'_>) -> Vec<Finding> {
    let milli = milli_of_pod(pods);
    // One is for what runs besides the containers.
    let processors = milli.div_ceil(1000) + 1;
    let gpus = gpus(pods);
    let mut findings = Vec::new();
    let mut add = |code, message| {
        let path = ["spec", "containers"].map(Step::Key);
        findings.push(pods.finding(&path, message).as_(Severity::Error, code));
    };
    if processors > MOST {
        let message =
            format!("the pod asks for {processors} processors, and a VM has at most {MOST}; ask for less");
        add("processors", message);
    }
    if gpus > processors {
        let message = format!(
            "the pod asks for {gpus} GPUs and has {processors} processors, with which its VM may not start; ask for at least as many processors"
        );
        add("gpus", message);
    }
    findings
}

/// The most of what all containers that run together ask for, what all init containers do, and what the pod does.
fn milli_of_pod(pods: &Pods<'_>) -> u64 {
    let containers = pods.containers();
    let sum = |wanted: fn(&&Container<'_>) -> bool| {
        let milli = containers.iter().filter(wanted).map(|container| milli(container.value));
        milli.fold(0_u64, u64::saturating_add)
    };
    let together =
        sum(|container| container.list == "containers" || container.text("restartPolicy") == "Always");
    let before = sum(|container| container.list == "initContainers");
    let own = pods.spec().map_or(0, milli);
    together.max(before).max(own)
}

/// What a container asks for, in thousandths of a processor: the more of request and limit.
fn milli(of: &Value) -> u64 {
    let asked =
        |kind: &str| of.pointer(&format!("/resources/{kind}/cpu")).and_then(quantity).unwrap_or_default();
    asked("requests").max(asked("limits"))
}

fn gpus(pods: &Pods<'_>) -> u64 {
    let of_container = |container: &Container<'_>| {
        let limits = container.value.pointer("/resources/limits").and_then(Value::as_object);
        let gpus = limits.into_iter().flatten().filter(|(name, _)| is_gpu(name));
        gpus.filter_map(|(_, value)| quantity(value)).map(|milli| milli / 1000).sum::<u64>()
    };
    pods.containers().iter().map(of_container).fold(0, u64::saturating_add)
}

/// Names of devices as their plugins register them: `nvidia.com/gpu`, `nvidia.com/GH100_H100`.
fn is_gpu(name: &str) -> bool {
    name.starts_with("nvidia.com/") || name.ends_with("/gpu")
}

/// A number of Kubernetes (`k8s.io/apimachinery/pkg/api/resource`, "Quantity"), in thousandths, rounded up. Nothing if it is none: the API
/// server says so.
fn quantity(value: &Value) -> Option<u64> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    const UNITS: [(&str, f64); 8] = [
        ("m", 1e-3),
        ("u", 1e-6),
        ("n", 1e-9),
        ("k", 1e3),
        ("M", 1e6),
        ("Ki", 1024.0),
        ("Mi", 1048576.0),
        ("G", 1e9),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, factor) =
        unit.map_or((text.as_str(), 1.0), |(unit, factor)| (text.trim_end_matches(unit), *factor));
    let number: f64 = number.parse().ok()?;
    let milli = number * factor * 1000.0;
    // Sums like 0.1 are not exact in binary, and must not round up to the next one.
    (milli.is_finite() && milli >= 0.0).then(|| (milli - 1e-6).ceil().max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_as_kubernetes_reads_them() {
        for (value, milli) in [
            (json!("100m"), Some(100)),
            (json!("1"), Some(1000)),
            (json!(2), Some(2000)),
            (json!(0.1), Some(100)),
            (json!("1.5"), Some(1500)),
            (json!("1500u"), Some(2)),
            (json!("1k"), Some(1_000_000)),
            (json!("1e2"), Some(100_000)),
            (json!("x"), None),
            (json!(""), None),
            (json!([]), None),
            (json!("-1"), None),
            (json!("1e999"), None),
        ] {
            assert_eq!(quantity(&value), milli, "{value}");
        }
    }
}
