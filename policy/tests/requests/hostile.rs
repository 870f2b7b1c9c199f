//! What a hostile host tries that is no fault of a single member: order, repetition, other spellings, other requests before.

use contrast_policy::{Engine, Verdict, request::Kind};
use serde_json::{Value, json};

use crate::{
    agreement::{engine, explained},
    support::honest,
};

/// The members of which something is said when a request is denied; nothing if it is allowed.
fn told(engine: &Engine, kind: Kind, members: &Value) -> Vec<String> {
    let (verdict, explanation) = explained(engine, kind, members);
    let told = explanation.map(|explanation| explanation.mismatches).unwrap_or_default();
    assert_eq!(verdict == Verdict::Allowed, told.is_empty(), "{told:?}");
    told.into_iter().map(|mismatch| mismatch.path).collect()
}

/// A request with another value at a place.
fn with(members: &Value, pointer: &str, value: Value) -> Value {
    let mut members = members.clone();
    *members.pointer_mut(pointer).unwrap() = value;
    members
}

/// The agent takes either spelling in the metadata for the word that makes a container the sandbox, with another image.
#[test]
fn metadata_in_the_words_of_another_node_do_not_make_a_container_the_sandbox() {
    let honest = honest::request();
    let options = honest["storages"][1]["driver_options"][0].as_str().unwrap();
    for key in [
        "io.kubernetes.cri-o.ContainerType",
        "io.kubernetes.docker.container_type",
        "io.katacontainers.pkg.oci.containertype",
    ] {
        let said = options.replace("{\"metadata\":{", &format!("{{\"metadata\":{{\"{key}\":\"sandbox\","));
        let faulty = with(&honest, "/storages/1/driver_options/0", json!(said));
        assert_eq!(told(&engine(), Kind::CreateContainer, &faulty), ["storages[1].driver_options"], "{key}");
    }
}
