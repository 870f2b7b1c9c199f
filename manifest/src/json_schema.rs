//! The manifest's JSON Schema (draft 2020-12), for editors.
//!
//! It has exactly the members that the reader knows: both take them from the same lists. What one value may be, the reader decides;
//! a schema says less, since it knows no certificates and cannot count bytes.

use serde_json::{Map, Value, json};

use crate::{
    Limit,
    decode::{
        LISTS, TOP,
        policies::ENTRY,
        snp::{GUEST_POLICY, HARDWARE_MEMBERS, MINIMUM_TCB, PLATFORM_INFO, SIMULATED_MEMBERS},
        tdx,
    },
};

/// The schema, with a description of each member.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = object(TOP, top);
    let about = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of a Contrast deployment",
    });
    if let (Some(schema), Some(about)) = (schema.as_object_mut(), about.as_object()) {
        schema.extend(about.clone());
        schema.insert("required".to_owned(), json!(["Policies", "ReferenceValues"]));
        // An object of its own, since `null` is none.
        schema.insert("type".to_owned(), "object".into());
    }
    schema
}

fn top(member: &str) -> Value {
    match member {
        "Policies" => with(
            json!({
                "type": "object",
                "propertyNames": { "pattern": "^[0-9a-f]{64}$" },
                "additionalProperties": object(ENTRY, policy),
                "maxProperties": Limit::Policies.maximum(),
            }),
            "The pods that may exist, by the SHA-256 of their policy document",
        ),
        "ReferenceValues" => with(object(LISTS, reference_values), "The hardware that pods may run on"),
        "WorkloadOwnerPubKeys" => list(
            hex(None),
            Limit::WorkloadOwners,
            "Who may change the manifest: SubjectPublicKeyInfo (DER) of ECDSA keys, in hexadecimal",
        ),
        "WorkloadOwnerKeyDigests" => {
            list(hex(Some(32)), Limit::WorkloadOwners, "The same in an older form: SHA-256 of these keys")
        }
        "SeedshareOwnerPubKeys" => list(
            hex(None),
            Limit::SeedShareOwners,
            "Who receives the seed: RSAPublicKey (PKCS#1, DER) of RSA keys, in hexadecimal",
        ),
        "MinimumAPIVersion" => with(
            optional(json!({ "type": "string", "pattern": "^(v[0-9]+)?$" })),
            "The oldest version of the HTTP API",
        ),
        _ => Value::Null,
    }
}

fn policy(member: &str) -> Value {
    match member {
        "SANs" => list(
            json!({ "type": "string", "minLength": 1 }),
            Limit::Names,
            "Names in the pod's mesh certificate: DNS names, IP addresses, URIs",
        ),
        "WorkloadSecretID" => with(
            optional(json!({ "type": "string", "maxLength": Limit::SecretIdLen.maximum() })),
            "What the pod's secret is derived from; absent: no secret",
        ),
        "Role" => with(json!({ "enum": ["", "coordinator", null] }), "What the pod is to the deployment"),
        _ => Value::Null,
    }
}

fn reference_values(member: &str) -> Value {
    match member {
        "snp" => list(object(HARDWARE_MEMBERS, snp), Limit::Entries, "AMD SEV-SNP"),
        "tdx" => list(object(tdx::MEMBERS, tdx_member), Limit::Entries, "Intel TDX"),
        "simulated" => list(
            object(SIMULATED_MEMBERS, snp),
            Limit::Entries,
            "Simulated processors; nothing is confidential there",
        ),
        _ => Value::Null,
    }
}

fn snp(member: &str) -> Value {
    match member {
        "Platform" => platform(),
        "Root" => with(hex(Some(32)), "SHA-256 of the simulator's root certificate"),
        "ProductName" => with(json!({ "enum": ["Milan", "Genoa", "Turin"] }), "The line of processors"),
        "TrustedMeasurement" => {
            with(optional(hex(Some(48))), "The launch digest; with APEIP, that for one vCPU")
        }
        "APEIP" => with(optional(hex(Some(4))), "From it, launch digests for 2 to 220 vCPUs are derived"),
        "MinimumTCB" => with(object(MINIMUM_TCB, |_| svn()), "The oldest firmware that is accepted"),
        "GuestPolicy" => {
            with(object(GUEST_POLICY, guest_policy), "What every pod is launched with; must not be modified")
        }
        "PlatformInfo" => {
            with(object(PLATFORM_INFO, |_| flag()), "How the host must be configured; absent: not checked")
        }
        "MinimumMitigationVector" => with(
            optional(json!({ "type": "integer", "minimum": 0 })),
            "Bits of mitigations that must be there",
        ),
        "AllowedChipIDs" => list(hex(None), Limit::Machines, "The chips that are accepted; empty: any"),
        _ => Value::Null,
    }
}

fn guest_policy(member: &str) -> Value {
    match member {
        "ABIMajor" => json!({ "enum": [0, null] }),
        "ABIMinor" => json!({ "enum": [0, 31, null] }),
        "SMT" => json!({ "const": true }),
        "PageSwapDisable" => flag(),
        _ => json!({ "enum": [false, null] }),
    }
}

fn tdx_member(member: &str) -> Value {
    match member {
        "Platform" => platform(),
        "MinTCBEvaluationDataNumber" => with(
            optional(json!({ "type": "integer", "minimum": 0 })),
            "The oldest TCB evaluation data; 0: any",
        ),
        "MrTd" => with(optional(hex(Some(48))), "The launch measurement"),
        "MrSeam" => with(optional(json!({ "type": "string" })), "SHA-384 of the TDX module of your machines"),
        "Rtmrs" => with(
            optional(
                json!({ "type": "array", "items": optional(hex(Some(48))), "minItems": 4, "maxItems": 4 }),
            ),
            "The four run-time measurement registers",
        ),
        "Xfam" => with(hex(Some(8)), "The state components that a TD may use, little endian"),
        "AllowedPIIDs" => {
            list(hex(Some(16)), Limit::Machines, "The platform instances that are accepted; empty: any")
        }
        "MemoryIntegrity" => with(flag(), "The platform must protect the integrity of its memory"),
        "SMTDisabled" => with(flag(), "Simultaneous multithreading must be off"),
        "StaticPlatform" => with(flag(), "No processor can be added to the platform"),
        _ => Value::Null,
    }
}

fn platform() -> Value {
    with(
        optional(json!({ "type": "string", "maxLength": Limit::PlatformLen.maximum() })),
        "The platform that the entry was written for",
    )
}

fn svn() -> Value {
    optional(json!({ "type": "integer", "minimum": 0, "maximum": 255 }))
}

fn flag() -> Value {
    optional(json!({ "type": "boolean" }))
}

/// An object with these members and no others, or none: `null` is the same as absent.
fn object(members: &[&str], member: fn(&str) -> Value) -> Value {
    let properties: Map<String, Value> =
        members.iter().map(|name| ((*name).to_owned(), member(name))).collect();
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

/// A list, or none.
fn list(items: Value, limit: Limit, description: &str) -> Value {
    with(json!({ "type": ["array", "null"], "items": items, "maxItems": limit.maximum() }), description)
}

/// Hexadecimal text of so many bytes.
fn hex(bytes: Option<usize>) -> Value {
    let count = bytes.map_or_else(|| "*".to_owned(), |bytes| format!("{{{bytes}}}"));
    json!({ "type": "string", "pattern": format!("^([0-9a-fA-F]{{2}}){count}$") })
}

/// The same, or nothing.
fn optional(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn with(mut schema: Value, description: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".to_owned(), description.into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if inner.is_null() {
                found.push(format!("{path}.{name}"));
            }
            undescribed(inner, &format!("{path}.{name}"), found);
            undescribed(inner.get("items").unwrap_or(&Value::Null), &format!("{path}.{name}[]"), found);
            let entries = inner.get("additionalProperties").unwrap_or(&Value::Null);
            undescribed(entries, &format!("{path}.{name}{{}}"), found);
        }
    }

    #[test]
    fn every_member_that_the_reader_knows_is_described() {
        let mut found = Vec::new();
        undescribed(&json_schema(), "", &mut found);
        assert_eq!(found, [""; 0]);
    }
}
