use super::*;

fn engine(rules: &str) -> Engine {
    Engine::load(&format!("package agent_policy\n{rules}")).unwrap()
}

fn request(kind: Kind, members: Value) -> Request {
    Request::read(kind, &members).unwrap()
}

fn start(id: &str) -> Request {
    request(Kind::StartContainer, json!({ "container_id": id }))
}

#[test]
fn booleans_allow_and_deny() {
    let mut engine = engine(
        r#"default StartContainerRequest := false
        StartContainerRequest if input.container_id == "a""#,
    );
    assert_eq!(engine.evaluate(&start("a")).verdict, Verdict::Allowed);
    assert_eq!(engine.evaluate(&start("b")).verdict, Verdict::Denied);
}

#[test]
fn a_policy_remembers_only_what_it_allowed() {
    let mut engine = engine(
        r#"StartContainerRequest := {"allowed": allowed, "ops": [{"op": "add", "path": "/pstate/last", "value": input.container_id}]} if {
            allowed := input.container_id != "b"
        }"#,
    );
    engine.evaluate(&start("a"));
    assert_eq!(engine.memory(), &json!({ "last": "a" }));
    assert_eq!(engine.evaluate(&start("b")).verdict, Verdict::Denied);
    assert_eq!(engine.memory(), &json!({ "last": "a" }));
}

#[test]
fn rules_see_what_was_remembered() {
    let mut engine = engine(
        r#"default StartContainerRequest := false
        StartContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/seen", "value": true}]} if not data.pstate.seen"#,
    );
    assert!(engine.evaluate(&start("a")).verdict.is_allowed());
    assert!(!engine.evaluate(&start("a")).verdict.is_allowed());
}

#[test]
fn a_memory_that_cannot_be_changed_denies_and_stays() {
    let mut engine = engine(
        r#"StartContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/a", "value": 1}, {"op": "remove", "path": "/pstate/none"}]}"#,
    );
    assert!(matches!(engine.evaluate(&start("a")).verdict, Verdict::Failed(EvaluationError::Memory { .. })));
    assert_eq!(engine.memory(), &json!({}));
}

#[test]
fn everything_but_the_two_forms_of_answers_denies() {
    let verdict = |rules: &str| engine(rules).evaluate(&start("a")).verdict;
    assert_eq!(verdict("StartContainerRequest := 1"), Verdict::Failed(EvaluationError::Form));
    assert_eq!(verdict("StartContainerRequest := {\"ops\": []}"), Verdict::Failed(EvaluationError::Form));
    assert_eq!(verdict("StartContainerRequest if input.x"), Verdict::Failed(EvaluationError::Undefined));
    assert!(matches!(verdict("Other := true"), Verdict::Failed(EvaluationError::Rule { .. })));
    // A built-in function that the agent does not have is noticed only when it is reached.
    let missing = "StartContainerRequest if crypto.sha256(input.container_id) == \"\"";
    assert!(matches!(verdict(missing), Verdict::Failed(EvaluationError::Rule { .. })));
}

#[test]
fn printed_text_belongs_to_its_request() {
    let mut engine = engine(
        "default StartContainerRequest := false\nStartContainerRequest if { print(input.container_id); false }",
    );
    assert!(engine.evaluate(&start("a")).printed[0].contains('a'));
    let second = engine.evaluate(&start("b")).printed;
    assert_eq!(second.len(), 1);
    assert!(second[0].contains('b'));
}

#[test]
fn the_debug_switch_lets_denied_and_undecided_requests_pass_and_is_told() {
    let mut engine = engine(
        "AllowRequestsFailingPolicy := true\nStartContainerRequest := false\nStatsContainerRequest if input.x",
    );
    assert!(engine.lets_all_pass());
    assert_eq!(engine.evaluate(&start("a")).verdict, Verdict::PassedAnyway);
    assert_eq!(engine.evaluate(&request(Kind::StatsContainer, json!({}))).verdict, Verdict::PassedAnyway);
    assert!(!super::tests::engine("AllowRequestsFailingPolicy := false").lets_all_pass());
}

#[test]
fn a_text_that_the_agent_would_refuse_is_not_loaded() {
    assert!(matches!(Engine::load("package agent_policy\nx := ("), Err(LoadError::Refused { .. })));
    assert_eq!(Engine::load("package other\nx := 1").unwrap_err(), LoadError::Package);
    let line = |len: usize| format!("package agent_policy\nx := \"{}\"", "a".repeat(len));
    assert!(Engine::load(&line(60_000)).is_ok());
    assert!(matches!(Engine::load(&line(70_000)), Err(LoadError::Refused { .. })));
    let lines = |count: usize| format!("package agent_policy\n{}", "\n".repeat(count));
    assert!(Engine::load(&lines(100_000)).is_ok());
    assert!(matches!(Engine::load(&lines(MAX_POLICY_LINES + 1)), Err(LoadError::Refused { .. })));
}

#[test]
fn a_policy_goes_on_from_what_it_remembered() {
    let rules = r#"StartContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/last", "value": input.container_id}]} if {
        data.pstate.last != input.container_id
    }
    StartContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/last", "value": input.container_id}]} if {
        not data.pstate.last
    }"#;
    let mut first = engine(rules);
    assert_eq!(first.evaluate(&start("a")).verdict, Verdict::Allowed);
    let text = format!("package agent_policy\n{rules}");
    let mut next = Engine::resume(&text, first.memory().clone()).unwrap();
    assert_eq!(next.memory(), &json!({ "last": "a" }));
    assert!(!next.clone().evaluate(&start("a")).verdict.is_allowed());
    assert_eq!(next.evaluate(&start("b")).verdict, Verdict::Allowed);
    assert_eq!(next.memory(), &json!({ "last": "b" }));
    assert!(Engine::resume("package other\n", json!({})).is_err());
}
