//! Requests that say the same in other words.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Lists whose order and repetitions mean nothing.
const SETS: [&str; 7] = [
    "/OCI/Linux/MaskedPaths",
    "/OCI/Linux/ReadonlyPaths",
    "/OCI/Process/Capabilities/Ambient",
    "/OCI/Process/Capabilities/Bounding",
    "/OCI/Process/Capabilities/Effective",
    "/OCI/Process/Capabilities/Inheritable",
    "/OCI/Process/Capabilities/Permitted",
];

/// Whether two requests ask for the same: sets have the same items, and the primary group counts as one of the groups.
pub(crate) fn is_same(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

fn canonical(request: &Value) -> Value {
    let mut request = request.clone();
    for pointer in SETS {
        if let Some(list) = request.pointer_mut(pointer) {
            *list = set(list, None);
        }
    }
    for mount in request.pointer_mut("/OCI/Mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        mount["options"] = set(&mount["options"], None);
    }
    for user in ["/OCI/Process/User", "/process/User"] {
        if let Some(user) = request.pointer_mut(user) {
            user["AdditionalGids"] = set(&user["AdditionalGids"], Some(&user["GID"]));
        }
    }
    request
}

fn set(list: &Value, with: Option<&Value>) -> Value {
    let items = list.as_array().into_iter().flatten().chain(with);
    let items: BTreeSet<_> = items.map(Value::to_string).collect();
    json!(items)
}
