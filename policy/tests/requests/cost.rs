//! What an answer costs.

use std::time::{Duration, Instant};

use contrast_policy::{
    Verdict,
    request::{Kind, Request},
};
use serde_json::{Value, json};

use crate::support::{expected, honest, policy};

/// A request for one of many containers that differ in their names.
fn named(index: usize) -> Value {
    let mut input = honest::request();
    let name = json!(format!("container-{index}"));
    let metadata =
        input["storages"][1]["driver_options"][0].as_str().unwrap().replace("\"app\"", &name.to_string());
    input["storages"][1]["driver_options"][0] = json!(metadata);
    input["OCI"]["Annotations"]["io.kubernetes.cri.container-name"] = name;
    input["OCI"]["Process"]["Env"] = (0..50).map(|index| format!("VARIABLE_{index}=value")).collect();
    input
}

/// The shortest of some evaluations of the last of `containers`.
fn cost(containers: usize) -> Duration {
    let inputs: Vec<_> = (0..containers).map(named).collect();
    let sandbox = honest::sandbox();
    let mut engine = policy::engine(&expected::pod(&sandbox, &inputs.iter().collect::<Vec<_>>()));
    let first = Request::read(Kind::CreateContainer, &sandbox).unwrap();
    assert_eq!(engine.evaluate(&first).verdict, Verdict::Allowed);
    let request = Request::read(Kind::CreateContainer, inputs.last().unwrap()).unwrap();
    (0..20)
        .map(|_| {
            let mut engine = engine.clone();
            let start = Instant::now();
            assert_eq!(engine.evaluate(&request).verdict, Verdict::Allowed);
            start.elapsed()
        })
        .min()
        .unwrap()
}

#[test]
fn an_answer_costs_at_most_in_proportion_to_the_containers() {
    let (few, many) = (cost(10), cost(100));
    assert!(many < 15 * few, "{few:?} for 10, {many:?} for 100");
}
