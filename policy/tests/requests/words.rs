//! What policies allow, in words.

use contrast_policy::{
    Expectations, diff,
    expectation::{Container, Text},
    explain,
    request::Kind,
};

use crate::agreement::engine;

fn expectations() -> Expectations {
    Expectations::of(&mut engine()).unwrap()
}

fn lines(expectations: &Expectations, title: &str) -> Vec<String> {
    explain(expectations).into_iter().find(|section| section.title == title).unwrap().lines
}

#[test]
fn a_container_is_told_with_command_variables_and_mounts() {
    let lines = lines(&expectations(), "Container app");
    for line in [
        r#"it runs "/app""#,
        r#"variable PATH is "/bin""#,
        r#"mounted at /proc: "proc" (proc; nosuid)"#,
        "it runs as user 7",
        "its capabilities: KILL",
        "its root file system is read-only",
        r#"the host may run "/bin/check" "--live" in it"#,
        "the host may not read its logs",
    ] {
        assert!(lines.iter().any(|said| said == line), "{line} is not in {lines:#?}");
    }
}

#[test]
fn what_the_host_may_do_and_what_not_is_complete() {
    let expectations = expectations();
    let allowed = lines(&expectations, "What the host may do");
    for line in [
        "it may read how much containers use",
        "it may replace the routes, if routes.Routes[].device is an interface other than lo and \
         routes.Routes[].source is no loopback address and routes.Routes[].dest is no loopback address and \
         routes.Routes[].gateway is no loopback address",
    ] {
        assert!(allowed.iter().any(|said| said == line), "{allowed:#?}");
    }
    let denied = lines(&expectations, "What the host may not do");
    assert!(denied.contains(&"it may not replace the policy".to_owned()));
    // Five kinds are told for each container.
    assert_eq!(denied.len() + allowed.len() + 5, Kind::ALL.len());
}

#[test]
fn what_is_left_open_is_told_apart() {
    let mut expectations = expectations();
    let limits = "limits of processors, memory, processes and open files are the host's to set";
    let files = |name: &str| format!("in {name}, the host writes what is at /etc/hosts");
    assert_eq!(lines(&expectations, "What is left open"), [&files("app"), &files("other"), limits]);
    let variable = expectations.containers[0].env.get_mut("PATH").unwrap();
    variable.value = Text::Any("name of a node".to_owned());
    expectations.containers[0].logs = true;
    assert_eq!(
        lines(&expectations, "What is left open"),
        [
            "in app, variable PATH may be any name of a node",
            &files("app"),
            "the host reads the logs of app",
            &files("other"),
            limits
        ]
    );
}

#[test]
fn only_what_changed_is_told() {
    let before = expectations();
    assert_eq!(diff(&before, &before), []);
    let mut after = before.clone();
    after.containers[0].logs = true;
    after.containers.push(Container { name: "new".to_owned(), ..Container::default() });
    let changes = diff(&before, &after);
    let titles: Vec<_> = changes.iter().map(|change| change.title.as_str()).collect();
    assert_eq!(titles, ["Pod", "Container app", "What is left open", "Container new"]);
    assert_eq!(changes[1].removed, ["the host may not read its logs"]);
    assert_eq!(changes[1].added, ["the host may read its logs"]);
    assert!(changes[3].removed.is_empty());
}
