//! The manifest's JSON Schema, tried with another implementation of JSON Schema.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use boon::{Compiler, SchemaIndex, Schemas};
use contrast_manifest::{ManifestDocument, json_schema};
use serde_json::{Value, json};

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn of_manifests() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("manifest.json", json_schema()).unwrap();
        let index = compiler.compile("manifest.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn accepts(&self, manifest: &Value) -> bool {
        self.schemas.validate(manifest, self.index).is_ok()
    }
}

fn valid() -> Value {
    let snp = json!({
        "Platform": "Metal-QEMU-SNP", "ProductName": "Genoa", "TrustedMeasurement": "44".repeat(48), "APEIP": "fffffff0",
        "MinimumTCB": { "BootloaderVersion": 3, "TEEVersion": 0, "SNPVersion": 8, "MicrocodeVersion": 115 },
        "GuestPolicy": { "ABIMinor": 31, "ABIMajor": 0, "SMT": true, "Debug": false },
        "PlatformInfo": { "SMTEnabled": true }, "AllowedChipIDs": null, "MinimumMitigationVector": 1,
    });
    let tdx = json!({
        "Platform": "Metal-QEMU-TDX", "MrTd": "55".repeat(48), "MrSeam": "66".repeat(48), "Rtmrs": vec!["77".repeat(48); 4],
        "Xfam": "e702060000000000", "AllowedPIIDs": ["00".repeat(16)], "MemoryIntegrity": true,
    });
    json!({
        "Policies": {
            "11".repeat(32): { "SANs": ["shop", "*"], "WorkloadSecretID": "x" },
            "22".repeat(32): { "SANs": ["coordinator"], "Role": "coordinator" },
        },
        "ReferenceValues": { "snp": [snp], "tdx": [tdx] },
        "WorkloadOwnerPubKeys": null,
        "SeedshareOwnerPubKeys": [],
        "MinimumAPIVersion": "v1",
    })
}

#[test]
fn what_the_reader_takes_is_valid() {
    let schema = Schema::of_manifests();
    let manifest = valid();
    assert!(ManifestDocument::parse(manifest.to_string().into_bytes()).is_ok());
    assert!(schema.accepts(&manifest));
    // As `generate` leaves it: to be filled in.
    let mut unfinished = manifest;
    unfinished["ReferenceValues"]["snp"][0]["TrustedMeasurement"] = Value::Null;
    unfinished["ReferenceValues"]["snp"][0]["MinimumTCB"]["SNPVersion"] = Value::Null;
    unfinished["ReferenceValues"]["tdx"][0]["Rtmrs"] =
        json!([null, "77".repeat(48), "77".repeat(48), "77".repeat(48)]);
    assert!(schema.accepts(&unfinished));
}

#[test]
fn mistakes_that_an_editor_can_show_are_none() {
    let schema = Schema::of_manifests();
    for (path, value) in [
        ("/Policies", json!([])),
        ("/ReferenceValues/snp/0/ProductName", json!("Bergamo")),
        ("/ReferenceValues/snp/0/TrustedMeasurement", json!("44")),
        ("/ReferenceValues/snp/0/MinimumTCB/SNPVersion", json!(256)),
        ("/ReferenceValues/snp/0/MinimumTCB/SNPVersion", json!(-1)),
        ("/ReferenceValues/snp/0/GuestPolicy/Debug", json!(true)),
        ("/ReferenceValues/snp/0/GuestPolicy/SMT", json!(false)),
        ("/ReferenceValues/tdx/0/Rtmrs", json!(["77"])),
        ("/ReferenceValues/tdx/0/Xfam", json!("e7")),
        ("/WorkloadOwnerPubKeys", json!(["xyz"])),
        ("/MinimumAPIVersion", json!("1")),
    ] {
        let mut manifest = valid();
        *manifest.pointer_mut(path).unwrap() = value.clone();
        assert!(!schema.accepts(&manifest), "{path}: {value}");
        assert!(ManifestDocument::parse(manifest.to_string().into_bytes()).is_err(), "{path}: {value}");
    }
    for (path, member) in [("", "policies"), ("/ReferenceValues", "sev"), ("/ReferenceValues/tdx/0", "Rtrms")]
    {
        let mut manifest = valid();
        manifest.pointer_mut(path).unwrap()[member] = json!({});
        assert!(!schema.accepts(&manifest), "{path}/{member}");
    }
    let mut upper = valid();
    upper["Policies"]["AA".repeat(32)] = json!({ "SANs": ["a"] });
    assert!(!schema.accepts(&upper));
}

/// Texts between ```json and ``` of a page of the handbook.
fn examples(page: &str) -> Vec<Value> {
    let blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(|block| serde_json::from_str(block).unwrap()).collect()
}

#[test]
fn the_examples_of_the_handbook_are_valid_where_they_are_written_out() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/manifest.md")).unwrap();
    let schema = Schema::of_manifests();
    let examples = examples(&page);
    assert!(!examples.is_empty());
    for mut example in examples {
        // What is left out for the reader's sake stands there as a text.
        example["ReferenceValues"]["snp"] = valid()["ReferenceValues"]["snp"].clone();
        for list in ["WorkloadOwnerPubKeys", "SeedshareOwnerPubKeys"] {
            for key in example[list].as_array_mut().unwrap() {
                *key = key.as_str().unwrap().trim_end_matches('.').into();
            }
        }
        assert!(schema.accepts(&example), "{example:#}");
    }
}
