//! What containerd writes, and what it does not.

use proptest::prelude::*;

use super::*;

const ID: &str = "5a00000000000000000000000000000000000000000000000000000000000000";

fn read(line: &str) -> Result<CommandLine, CommandLineError> {
    let arguments: Vec<OsString> = line.replace("ID", ID).split(' ').map(OsString::from).collect();
    CommandLine::read(&arguments).map_err(|(error, _)| error)
}

fn call(line: &str) -> Call {
    let line = format!("--root /run/runc/k8s.io --log /b/log.json --log-format json --systemd-cgroup {line}");
    let read = read(&line).unwrap();
    assert_eq!(read.log, Log { file: Some("/b/log.json".into()), json: true });
    read.call
}

#[test]
fn what_containerd_calls_is_read() {
    let id = ID.to_owned();
    assert_eq!(
        call("create --bundle /b --pid-file /b/init.pid --console-socket /tmp/s ID"),
        Call::Create { id: id.clone(), bundle: "/b".into() }
    );
    assert_eq!(call("start ID"), Call::Start { id: id.clone() });
    assert_eq!(
        call("exec --process /tmp/p --detach --pid-file /b/7fa.pid ID"),
        Call::Exec { id: id.clone(), process: "/tmp/p".into(), exec_id: "7fa".to_owned() }
    );
    assert_eq!(call("kill ID 15"), Call::Kill { id: id.clone(), signal: "15".to_owned(), all: false });
    assert_eq!(call("kill --all ID 9"), Call::Kill { id: id.clone(), signal: "9".to_owned(), all: true });
    assert_eq!(call("delete --force ID"), Call::Delete { id: id.clone() });
    assert_eq!(call("update --resources - ID"), Call::Update { id: id.clone(), resources: Some("-".into()) });
    assert_eq!(call("pause ID"), Call::Pause { id: id.clone() });
    assert_eq!(call("resume ID"), Call::Resume { id: id.clone() });
    assert_eq!(call("events --stats ID"), Call::Events { id });
    for plain in ["state ID", "ps --format json ID", "features", "list", "create --help", "--version"] {
        assert_eq!(call(plain), Call::Plain, "{plain}");
    }
}

#[test]
fn options_are_read_in_all_forms_that_runc_takes() {
    let expected = Call::Create { id: ID.to_owned(), bundle: "/b".into() };
    for form in ["create -b /b ID", "create -bundle=/b ID", "create --bundle=/b --no-pivot=true -- ID"] {
        assert_eq!(call(form), expected, "{form}");
    }
    assert_eq!(
        call("kill --all=false ID"),
        Call::Kill { id: ID.to_owned(), signal: "SIGTERM".to_owned(), all: false }
    );
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for line in [
        "create ID --bundle /b",
        "create --bundle /a --bundle /b ID",
        "create --bundle /a -b /b ID",
        "delete ID --force",
        "delete ID ID",
        "delete",
        "exec ID /bin/sh",
        "exec --process /p --user 0 ID",
        "exec --process /p ID /bin/sh",
        "kill ID --all",
        "kill ID 9 9",
        "kill --all=maybe ID",
        "run ID",
        "checkpoint ID",
        "init",
        "--unknown state ID",
        "--root",
    ] {
        assert!(read(line).is_err(), "{line}");
    }
}

#[test]
fn an_identifier_is_never_a_path() {
    for id in ["../x", "a/b", ".a", "-a", "", "a", "a\u{e4}", &"a".repeat(129)] {
        for command in ["create", "start", "delete", "exec --process /p", "kill", "update", "pause"] {
            assert!(read(&format!("{command} {id}")).is_err(), "{command} {id}");
        }
    }
}

#[test]
fn a_fault_is_told_where_the_line_says_it_is_to_be_told() {
    let arguments = ["--log", "/b/log.json", "--log-format=json", "unknown"].map(OsString::from);
    let (error, log) = CommandLine::read(&arguments).unwrap_err();
    assert_eq!(error, CommandLineError::Command("unknown".to_owned()));
    assert_eq!(log, Log { file: Some("/b/log.json".into()), json: true });
}

proptest! {
    #[test]
    fn whatever_it_says_it_is_read_or_refused(words in proptest::collection::vec("[a-z-]{0,12}|--[a-z-]{1,16}(=.{0,5})?|.{0,9}", 0..8)) {
        let arguments: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        if let Ok(CommandLine { call: Call::Create { id, .. } | Call::Start { id } | Call::Delete { id }, .. }) = CommandLine::read(&arguments) {
            prop_assert!(is_identifier(&id));
            prop_assert!(arguments.contains(&OsString::from(id)));
        }
    }
}
