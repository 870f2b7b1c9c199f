//! Rules by nftables, as libnftables-json(5) writes them.

use std::io;

use serde_json::{Value, json};

use crate::{
    Access, INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT, Ingress,
    tool::{self, ToolError},
};

const PROGRAM: &str = "nft";
const FAMILY: &str = "inet";
const TABLE: &str = "contrast_service_mesh";
const CHAIN: &str = "inbound";
/// After connection tracking, as iptables' table `mangle`.
const MANGLE: i32 = -150;

/// Replaces the whole table: nftables carries out a document as one transaction.
pub(super) fn set(ingress: &[Ingress]) -> Result<(), ToolError> {
    apply(&document(ingress))
}

/// Removes the table. Where there is no nftables there is none.
pub(super) fn remove() -> Result<(), ToolError> {
    match tool::run(PROGRAM, &["list", "tables", FAMILY], "") {
        Ok(listed) if listed.lines().any(|line| line.split_whitespace().last() == Some(TABLE)) => {
            apply(&json!({ "nftables": [delete()] }))
        }
        Err(ToolError::Start { cause, .. }) if cause.kind() != io::ErrorKind::NotFound => {
            Err(ToolError::Start { program: PROGRAM, cause })
        }
        Err(error) if error.is_denied() => Err(error),
        _ => Ok(()),
    }
}

fn apply(document: &Value) -> Result<(), ToolError> {
    tool::run(PROGRAM, &["--json", "--file", "-"], &document.to_string()).map(drop)
}

fn document(ingress: &[Ingress]) -> Value {
    let equal = |left: Value, right: Value| json!({ "match": { "op": "==", "left": left, "right": right } });
    let meta = |key: &str| json!({ "meta": { "key": key } });
    let port_of = || json!({ "payload": { "protocol": "tcp", "field": "dport" } });
    let pass = || vec![json!({ "return": null })];
    // A rule ends at `tproxy` where nobody listens.
    let lead_to = |port: u16| vec![json!({ "tproxy": { "port": port } }), json!({ "accept": null })];
    let rule = |condition: Value, then: Vec<Value>| [vec![condition], then].concat();

    let tcp = || equal(meta("l4proto"), json!("tcp"));
    let known = json!({ "match": { "op": "in", "left": { "ct": { "key": "state" } }, "right": ["established", "related"] } });
    let flags =
        json!({ "&": [{ "payload": { "protocol": "tcp", "field": "flags" } }, { "|": ["syn", "ack"] }] });
    let no_beginning = json!({ "match": { "op": "!=", "left": flags, "right": "syn" } });

    let mut rules = vec![
        // Inside the pod, connections go straight.
        rule(equal(meta("iif"), json!("lo")), pass()),
        // Answers to outgoing connections, and what follows the first packet of an incoming one.
        rule(known, [vec![no_beginning], pass()].concat()),
    ];
    for Ingress { port, access, .. } in ingress {
        let then = match access {
            Access::Direct => pass(),
            Access::WithoutClientCertificate => lead_to(INGRESS_PORT_WITHOUT_CLIENT),
        };
        rules.push(rule(equal(port_of(), json!(port)), then));
    }
    rules.push(rule(tcp(), lead_to(INGRESS_PORT)));
    // While there is no proxy, nobody gets past where it should be.
    rules.push(rule(tcp(), vec![json!({ "drop": null })]));

    let table = || json!({ "add": { "table": { "family": FAMILY, "name": TABLE } } });
    let chain = json!({ "add": { "chain": {
        "family": FAMILY, "table": TABLE, "name": CHAIN,
        "type": "filter", "hook": "prerouting", "prio": MANGLE, "policy": "accept",
    } } });
    let add = |expressions: Vec<Value>| json!({ "add": { "rule": { "family": FAMILY, "table": TABLE, "chain": CHAIN, "expr": expressions } } });
    // Only what is there can be deleted, so it is added first.
    let steps: Vec<_> =
        [table(), delete(), table(), chain].into_iter().chain(rules.into_iter().map(add)).collect();
    json!({ "nftables": steps })
}

fn delete() -> Value {
    json!({ "delete": { "table": { "family": FAMILY, "name": TABLE } } })
}
