//! Everything that was recorded is allowed, in the order in which it happens.

use contrast_policy::{
    Engine, Expectations, Mismatch, Verdict, judge,
    request::{Kind, Request},
};
use serde_json::{Value, json};

use crate::{
    case::{self, Recorded},
    guest,
    node::Node,
    unsupported,
};

/// A request, and what is said of it.
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    /// Name of its container; empty for the sandbox and for the pod.
    pub(crate) of: String,
    pub(crate) input: Value,
    /// The engine before it.
    pub(crate) before: Engine,
}

impl Asked {
    pub(crate) fn is_sandbox(&self) -> bool {
        self.of.is_empty()
    }
}

/// All that was sent for a pod; or why it was refused.
pub(crate) fn sequence(recorded: &Recorded, node: Node) -> Result<Vec<Asked>, Vec<String>> {
    let settings = node.settings();
    let policy = recorded
        .policy(node, &settings)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let mut engine = Engine::load(policy.text()).unwrap();
    let data = engine.rule("pod", json!({})).unwrap();
    let pod = recorded.pod();
    let (mut denied, mut asked) = (Vec::new(), Vec::new());
    let mut ask = |kind: Kind, input: Value, of: &str| {
        let (before, request) = (engine.clone(), Request::read(kind, &input).unwrap());
        if let Some(mismatches) = denial(&mut engine, &request) {
            denied.push(format!("{} on {node:?}: {kind:?} of {of:?}: {}", recorded.name, told(&mismatches)));
        }
        asked.push(Asked { kind, of: of.to_owned(), input, before });
    };
    let sandbox = recorded.sandbox();
    let created = json!({
        "hostname": sandbox.value["config"]["hostname"].as_str().unwrap_or_default(), "storages": settings.sandbox_storages,
        "sandbox_id": sandbox.value["id"],
    });
    ask(Kind::CreateSandbox, created, "");
    if recorded.pod()["spec"]["hostNetwork"] != true {
        for interface in guest::interfaces(&sandbox) {
            ask(Kind::UpdateInterface, interface, "");
        }
        ask(Kind::UpdateRoutes, guest::routes(&sandbox), "");
    }
    let create = |record| node.create(record, &pod, recorded.case(), &data);
    let created = create(&sandbox);
    for copied in guest::copies(&sandbox, &created) {
        ask(Kind::CopyFile, copied, "");
    }
    ask(Kind::CreateContainer, created, "");
    ask(Kind::StartContainer, json!({ "container_id": sandbox.value["id"] }), "");
    let mut containers = recorded.records("container.");
    containers.retain(|record| !unsupported::is_taken_out(recorded.case(), &record.container));
    for record in &containers {
        let created = create(record);
        for copied in guest::copies(record, &created) {
            ask(Kind::CopyFile, copied, &record.container);
        }
        ask(Kind::CreateContainer, created, &record.container);
        ask(Kind::StartContainer, json!({ "container_id": record.value["id"] }), &record.container);
    }
    for record in &recorded.records("exec.") {
        ask(Kind::ExecProcess, node.exec(record, &pod), &record.container);
    }
    for record in &containers {
        ask(Kind::RemoveContainer, json!({ "container_id": record.value["id"] }), &record.container);
    }
    assert!(denied.is_empty(), "{}", denied.join("\n"));
    Ok(asked)
}

fn told(mismatches: &[Mismatch]) -> String {
    let told = mismatches.iter().map(|Mismatch { path, expected, found, .. }| {
        format!("\n    {path}: expected {expected}, found {found}")
    });
    told.collect()
}

/// Evaluates, and says what does not fit.
fn denial(engine: &mut Engine, request: &Request) -> Option<Vec<Mismatch>> {
    let expectations = Expectations::of(engine).unwrap();
    let mut asked = engine.clone();
    let judgement = judge(&mut asked, Some(&expectations), request);
    if engine.evaluate(request).verdict == Verdict::Allowed {
        return None;
    }
    Some(judgement.explanation.map(|explanation| explanation.mismatches).unwrap_or_default())
}

#[test]
fn everything_that_was_recorded_is_allowed_or_named_as_not_supported() {
    let mut faults = Vec::new();
    let mut allowed = 0;
    for node in Node::ALL {
        for recorded in case::all() {
            let expected = unsupported::refusal(&recorded, node);
            let outcome = std::panic::catch_unwind(|| sequence(&recorded, node));
            match (outcome, expected) {
                (Ok(Ok(asked)), None) => allowed += asked.len(),
                (Ok(Err(said)), Some(why)) if said.iter().all(|said| said.contains(why)) => {}
                (Ok(Err(said)), _) => {
                    faults.push(format!("{} on {node:?} is refused: {said:#?}", recorded.name))
                }
                (Ok(Ok(_)), Some(why)) => {
                    faults.push(format!("{} on {node:?} is not refused: {why}", recorded.name))
                }
                (Err(panic), _) => faults.push(*panic.downcast::<String>().unwrap()),
            }
        }
    }
    assert!(faults.is_empty(), "{} pods:\n{}", faults.len(), faults.join("\n"));
    assert!(allowed > 900, "{allowed}");
}
