//! What an answer costs.

use std::time::{Duration, Instant};

use contrast_policy::{
    Engine, Verdict,
    request::{Kind, Request},
};
use serde_json::{Value, json};

use crate::support::{expected, honest, policy};

/// A request for one of many containers that differ in their names.
fn named(index: usize) -> Value {
    let mut input = honest::request();
    let name = json!(format!("container-{index}"));
    input["OCI"]["Annotations"]["io.kubernetes.cri.container-name"] = name;
    input["OCI"]["Process"]["Env"] = (0..50).map(|index| format!("VARIABLE_{index}=value")).collect();
    input
}

/// The shortest of some evaluations of the last of `containers`.
fn cost(containers: usize) -> Duration {
    let inputs: Vec<_> = (0..containers).map(named).collect();
    let engine = Engine::load(&policy::text(&expected::exactly(&inputs.iter().collect::<Vec<_>>()))).unwrap();
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
