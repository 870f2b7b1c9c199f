//! Resources, and annotations in them.

use std::error::Error;

use crate::write;

/// Writes them.
pub(crate) fn write_seeds() -> Result<(), Box<dyn Error>> {
    for (name, text) in [
        ("ingress", "shop#8443#false##stats#9100#true"),
        ("egress", "pay#127.20.0.1:9000#pay-svc:8080##stock#127.20.0.2:9000#[2001:db8::1]:8080"),
        ("port", "9901"),
    ] {
        write("mesh_annotation", name, text.as_bytes())?;
    }
    for (name, text) in [
        (
            "pod",
            "apiVersion: v1\nkind: Pod # a pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: a\n    image: 'x'\n",
        ),
        ("flow", "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: a}]}}\n"),
        ("anchors", "a: &a {b: 012}\nc:\n  <<: *a\n  d: |\n    text\n---\n? long\n: [1, no, ~]\n"),
        ("list", "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{\"kind\": \"Pod\"}]}\n"),
        ("lines", "\u{feff}kind: Pod\r\nmetadata:\r\n  annotations: {}\r\n"),
    ] {
        write("resource_edit", name, text.as_bytes())?;
    }
    Ok(())
}
