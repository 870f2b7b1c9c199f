//! `contrast policy` as a shell sees it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

const POLICY: &str = "package agent_policy
default StartContainerRequest := false
default AllowRequestsFailingPolicy := false
StartContainerRequest if input.container_id == \"good\"
";

/// A folder with a policy, a pod that has it, and requests: one that is allowed, one that is not, one that the policy does
/// not know.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("policy.rego"), POLICY).unwrap();
    let quoted: Vec<_> = POLICY.lines().map(|line| line.replace('"', "\\\"")).collect();
    let initdata = format!(
        "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"policy.rego\" = \"{}\"\n",
        quoted.join("\\n")
    );
    fs::write(dir.path().join("initdata.toml"), initdata).unwrap();
    fs::write(dir.path().join("pod.yml"), pod("a")).unwrap();
    fs::write(dir.path().join("two.yml"), format!("{}---\n{}", pod("a"), pod("b"))).unwrap();
    let request =
        |kind: &str, id: &str| format!("{{\"kind\":\"{kind}\",\"request\":{{\"container_id\":\"{id}\"}}}}\n");
    let good = request("StartContainerRequest", "good");
    fs::write(dir.path().join("good.jsonl"), &good).unwrap();
    let requests = [good, request("StartContainerRequest", "bad"), request("StatsContainerRequest", "good")];
    fs::write(dir.path().join("requests.jsonl"), requests.concat()).unwrap();
    dir
}

fn pod(name: &str) -> String {
    format!(
        "kind: Pod\nmetadata:\n  name: {name}\n  annotations:\n    io.katacontainers.config.agent.policy: {}\n",
        BASE64_STANDARD.encode(POLICY)
    )
}

fn policy(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contrast"));
    command.arg("policy").args(arguments).current_dir(dir).stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_policy_is_found_in_each_of_its_forms() {
    let dir = folder();
    for form in [
        ["--policy", "policy.rego"],
        ["--policy", "initdata.toml"],
        ["--policy", "pod.yml"],
        ["--resources", "pod.yml"],
    ] {
        let output = policy(dir.path(), &["check", "--request", "good.jsonl", form[0], form[1]]);
        assert!(output.status.success(), "{form:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "request 1 (line 1): StartContainerRequest: allowed\n");
    }
}

#[test]
fn a_denied_request_is_named_and_ends_with_exit_code_1() {
    let dir = folder();
    let output = policy(dir.path(), &["check", "--request", "requests.jsonl", "--policy", "policy.rego"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("request 2 (line 2): StartContainerRequest: denied\n"),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output)
            .contains("request 3 (line 3): StatsContainerRequest: denied: the policy cannot be evaluated")
    );
    assert!(stderr(&output).contains("Error: 2 of 3 requests are denied\n"), "{}", stderr(&output));
}

#[test]
fn each_request_is_one_line_of_json() {
    let dir = folder();
    let arguments =
        ["check", "--request", "requests.jsonl", "--policy", "policy.rego", "--output-format", "json"];
    let text = stdout(&policy(dir.path(), &arguments));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let allowed: Vec<_> = lines.iter().map(|line| line.get("allowed").unwrap().as_bool().unwrap()).collect();
    assert_eq!(allowed, [true, false, false]);
}

#[test]
fn test_cases_are_held_to_what_they_expect() {
    let dir = folder();
    let case = |allowed: bool| {
        format!(
            r#"[{{"description":"\u001b[31m","allowed":{allowed},"kind":"StartContainerRequest","request":{{"container_id":"bad"}}}}]"#
        )
    };
    fs::write(dir.path().join("cases.json"), case(false)).unwrap();
    let arguments = ["check", "--request", "cases.json", "--policy", "policy.rego"];
    let output = policy(dir.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    // What stands in a file does not control the terminal.
    assert!(stdout(&output).contains("(\\u001b[31m)"), "{}", stdout(&output));
    fs::write(dir.path().join("cases.json"), case(true)).unwrap();
    let output = policy(dir.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("1 of 1 test cases expect another answer"));
}

#[test]
fn which_of_several_policies_is_meant_has_to_be_said() {
    let dir = folder();
    let check = ["check", "--request", "good.jsonl", "--resources", "two.yml"];
    let output = policy(dir.path(), &check);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("several workloads have a policy: Pod/a, Pod/b"), "{}", stderr(&output));
    let named = |name| [&check[..], &["--workload", name]].concat();
    assert!(policy(dir.path(), &named("Pod/b")).status.success());
    assert!(stderr(&policy(dir.path(), &named("Pod/c"))).contains("there is no workload Pod/c"));
}

#[test]
fn what_is_no_policy_or_no_request_is_an_error_that_says_so() {
    let dir = folder();
    fs::write(dir.path().join("broken.rego"), "package agent_policy\nx := (").unwrap();
    fs::write(dir.path().join("broken.jsonl"), "\n{\"kind\": 7}").unwrap();
    let error = |request, file| {
        let output = policy(dir.path(), &["check", "--request", request, "--policy", file]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stdout(&output), "");
        stderr(&output)
    };
    assert!(error("good.jsonl", "broken.rego").contains("the agent cannot load the policy"));
    assert!(
        error("broken.jsonl", "policy.rego").contains("broken.jsonl cannot be used: line 2 is not a request")
    );
    let foreign = policy(dir.path(), &["explain", "policy.rego"]);
    assert!(stderr(&foreign).contains("was not made by this program"), "{}", stderr(&foreign));
}

/// A pod whose policy expects these arguments, and denies everything.
fn explained_pod(arguments: &[&str]) -> String {
    let args: Vec<_> = arguments.iter().map(|argument| json!({ "value": argument })).collect();
    let pod =
        json!({ "sandbox": {}, "containers": { "app": { "args": args, "cwd": "", "terminal": false } } });
    let policy = format!(
        "package agent_policy\ndefault CreateContainerRequest := false\npod := {pod}\ncreate_checks := {{\"command\": false}}\n"
    );
    format!(
        "kind: Pod\nmetadata:\n  name: a\n  annotations:\n    io.katacontainers.config.agent.policy: {}\nspec:\n  \
         containers:\n  - name: app\n    command: [/app]\n    args:\n    - --safe\n",
        BASE64_STANDARD.encode(policy)
    )
}

#[test]
fn a_denial_names_what_was_expected_and_the_line_that_it_comes_from() {
    let dir = folder();
    fs::write(dir.path().join("app.yml"), explained_pod(&["/app", "--safe"])).unwrap();
    let request =
        r#"{"kind":"CreateContainerRequest","request":{"OCI":{"Process":{"Args":["/app","--evil\u001b"]}}}}"#;
    fs::write(dir.path().join("evil.jsonl"), request).unwrap();
    let check = ["check", "--request", "evil.jsonl", "--resources", "app.yml"];
    let output = policy(dir.path(), &check);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output),
        "request 1 (line 1): CreateContainerRequest: denied\n  compared with the container app\n  \
         OCI.Process.Args[1]: expected \"--safe\", found \"--evil\\u001b\"\n    \
         from app.yml:11:7 spec.containers[0].args[0]\n"
    );
    let output = policy(dir.path(), &[&check[..], &["--output-format", "json"]].concat());
    let line: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let origin = line.pointer("/mismatches/0/origin").unwrap();
    assert_eq!(
        *origin,
        json!({ "file": "app.yml", "line": 11, "column": 7, "path": "spec.containers[0].args[0]" })
    );
}

#[test]
fn policies_are_explained_and_compared_in_the_same_words() {
    let dir = folder();
    fs::write(dir.path().join("before.yml"), explained_pod(&["/app", "--safe"])).unwrap();
    fs::write(dir.path().join("after.yml"), explained_pod(&["/app"])).unwrap();
    let output = policy(dir.path(), &["explain", "before.yml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for line in
        ["Policy of Pod/a\n", "\nContainer app:\n  - it runs \"/app\" \"--safe\"\n", "\nWhat is left open:\n"]
    {
        assert!(text.contains(line), "{text}");
    }
    let output = policy(dir.path(), &["diff", "before.yml", "after.yml"]);
    assert_eq!(
        stdout(&output),
        "Container app:\n  - it runs \"/app\" \"--safe\"\n  + it runs \"/app\"\n",
        "{}",
        stderr(&output)
    );
    assert_eq!(
        stdout(&policy(dir.path(), &["diff", "before.yml", "before.yml"])),
        "✔ Both policies allow the same.\n"
    );
}
