//! What the host asks of an agent.

use std::{cell::RefCell, thread_local};

use contrast_policy::{
    Engine, Expectations, judge,
    request::{Request, read_batch},
};

/// A policy that looks at every request, and remembers containers.
const POLICY: &str = r#"package agent_policy
default StartContainerRequest := false
StartContainerRequest if data.pstate.containers[input.container_id]
CreateContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/containers", "value": {input.container_id: true}}]} if {
    input.OCI.Process.Args[0]
}
ExecProcessRequest if regex.match("^[a-z]+$", concat(" ", input.process.Args))
create_checks := {"name": false, "new": false, "mounts": true}
pod := {"sandbox": {}, "shared_file": "/run/", "containers": {"app": {
    "args": [{"value": "/app"}], "env": {"A": {"pattern": "^(b$"}, "B": {"pin": "name", "like": ".*"}},
    "mounts": {"/proc": {"kinds": [{"type": "proc", "source": "proc", "options": []}]}}, "image": {"name": "a", "digest": "b"}
}}}
"#;

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = RefCell::new(Engine::load(POLICY).ok());
}

/// Requests: what is read says the same after it was written and read again, and what is denied changes no memory.
///
/// # Panics
/// If it does not, or it does.
pub fn agent_request(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(cases) = read_batch(text) else { return };
    for case in cases {
        let request = case.request;
        assert_eq!(Request::read(request.kind(), &request.input()).as_ref(), Ok(&request));
        ENGINE.with_borrow_mut(|engine| {
            let Some(engine) = engine else { return };
            let before = engine.memory().clone();
            let expectations = Expectations::of(engine).ok();
            let judgement = judge(engine, expectations.as_ref(), &request);
            assert!(judgement.answer.verdict.is_allowed() || *engine.memory() == before);
        });
    }
}
