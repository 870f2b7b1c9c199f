//! Kubernetes resources, and changes of them.

use contrast_resources::{File, annotate, objects};
use serde_json::{Value, json};

/// A file of resources: a document that is to stay as it is stays to the byte, and one that was changed reads as what it was to become, so
/// that doing it again changes nothing.
///
/// # Panics
/// If not.
pub fn resource_edit(bytes: &[u8]) {
    let Ok(file) = File::read("input", bytes.to_vec()) else { return };
    let old: Vec<Value> = file.documents().iter().map(|document| document.value().clone()).collect();
    assert_eq!(file.rewritten(&old), Ok(None));
    assert!(objects(&old).iter().all(|object| object.address.of(&old) == Some(object.value)));
    // What comes first in the text decides what is changed.
    let choice = bytes.first().copied().unwrap_or_default();
    let changed: Vec<Value> = old.iter().map(|value| change(value, choice)).collect();
    let Ok(Some(text)) = file.rewritten(&changed) else { return };
    let again = File::read("output", text.into_bytes());
    assert!(again.is_ok(), "what was written cannot be read");
    let Ok(again) = again else { return };
    let read: Vec<Value> = again.documents().iter().map(|document| document.value().clone()).collect();
    assert_eq!(read, changed);
    assert_eq!(again.rewritten(&changed), Ok(None));
}

/// Another value, by adding, replacing or removing something somewhere in it.
fn change(value: &Value, choice: u8) -> Value {
    let mut new = value.clone();
    annotate(&mut new, "contrast.example/key", Some("a: \"b\"\n# c"));
    if let Some(members) = new.as_object_mut() {
        let name = members.keys().nth(usize::from(choice) % members.len().max(1)).cloned();
        match (name, choice % 3) {
            (Some(name), 0) => drop(members.remove(&name)),
            (Some(name), 1) => drop(members.insert(name, json!(["x", { "y": null, "z": [1, []] }]))),
            (Some(name), _) => {
                if let Some(inner) = members.get_mut(&name) {
                    *inner = change(inner, choice / 3);
                }
            }
            (None, _) => {}
        }
    } else if let Some(items) = new.as_array_mut() {
        items.push(json!({ "name": "added", "value": "no" }));
    }
    new
}
