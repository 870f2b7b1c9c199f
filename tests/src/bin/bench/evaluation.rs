//! Evaluation of a request by a policy, as the agent in a guest does it.

use contrast_policy::{
    Engine, Verdict,
    request::{Kind, Request},
};
use serde_json::{Value, json};

use crate::{
    append::timed,
    honest,
    table::{Bound, Row},
};

/// Evaluations of which the shortest counts: each does exactly the same, and whatever makes one longer is another program's.
const RUNS: usize = 100;

/// The creation of a container in a pod of ten, and in one of a hundred.
pub(crate) fn rows() -> [Row; 2] {
    let (ten, hundred) = (creation(10) * 1000.0, creation(100) * 1000.0);
    let row = |what: &str, measured: f64, against: String, value, bound| Row {
        what: format!("evaluation of a CreateContainer request, pod of {what}"),
        measured: format!("{measured:.1} ms"),
        against,
        value,
        bound,
    };
    [
        row("10 containers", ten, "–".into(), ten, Bound::Milliseconds(5.0)),
        row(
            "100 containers",
            hundred,
            format!("of 10 containers: {ten:.1} ms"),
            hundred / ten,
            Bound::Times(10.0),
        ),
    ]
}

/// Seconds for the request that an honest node sends for one of so many containers.
fn creation(containers: usize) -> f64 {
    let mut engine = Engine::load(policy(containers).text()).expect("the policy is one");
    let mut ask = |kind, input: &Value| {
        let request = Request::read(kind, input).expect("it is a request");
        assert_eq!(engine.evaluate(&request).verdict, Verdict::Allowed);
    };
    ask(Kind::CreateSandbox, &honest::create_sandbox());
    ask(Kind::CreateContainer, &honest::create_pause());
    let request =
        Request::read(Kind::CreateContainer, &honest::create_web(honest::WEB)).expect("it is a request");
    let once = |_| {
        let mut engine = engine.clone();
        timed(|| assert_eq!(engine.evaluate(&request).verdict, Verdict::Allowed))
    };
    (0..RUNS).map(once).fold(f64::INFINITY, f64::min)
}

/// Of a pod with so many containers, which differ in their names.
fn policy(containers: usize) -> contrast_policy::Policy {
    let mut spec = honest::spec();
    let list = spec.pointer_mut("/containers").and_then(Value::as_array_mut).expect("there are containers");
    let first = list.first().cloned().expect("there is one");
    list.extend((1..containers).map(|number| {
        let mut other = first.clone();
        if let Some(members) = other.as_object_mut() {
            members.insert("name".to_owned(), json!(format!("other-{number}")));
        }
        other
    }));
    honest::generate(spec).expect("the pod can have a policy")
}
