use std::process::Command;

use super::{Part, Run, Session, Step, compare, parts};

fn steps(page: &str) -> Vec<Step> {
    let steps = parts(page).into_iter().filter_map(|part| match part {
        Part::Step(step) => Some(step),
        _ => None,
    });
    steps.collect()
}

#[test]
fn a_page_is_taken_apart_in_its_order() {
    let page = "# One\n\nSome\ntext.\n\n```sh\necho 1\n```\nIt says:\n```text\n1\n```\n\n<!-- fails -->\n```sh\nfalse\n```\n\
                <!-- not run: needs a confidential VM -->\n```sh\nnever\n```\n";
    let parts = parts(page);
    assert_eq!(parts[0], Part::Heading { level: 1, text: "One".into() });
    assert_eq!(parts[1], Part::Prose("Some\ntext.".into()));
    let steps = steps(page);
    assert_eq!((steps[0].commands.as_str(), steps[0].shown.as_deref()), ("echo 1\n", Some("1\n")));
    assert_eq!((&steps[0].run, steps[0].line), (&Run::Succeeds, 6));
    assert_eq!(steps[1].run, Run::Fails);
    assert_eq!(steps[2].run, Run::No("needs a confidential VM".into()));
}

#[test]
#[should_panic(expected = "unknown comment `nor run: x`")]
fn a_misspelt_comment_is_no_way_to_skip_a_step() {
    steps("<!-- nor run: x -->\n```sh\necho\n```\n");
}

#[test]
fn what_is_shown_is_compared_line_by_line_with_room_for_what_differs() {
    assert_eq!(compare("pod/web   Ready\n", "pod/web Ready\n\n"), Ok(()));
    assert_eq!(compare("pod/web-... Ready\n", "pod/web-5d4f Ready\n"), Ok(()));
    assert_eq!(compare("a\n...\nz\n", "a\nb\nc\nz\n"), Ok(()));
    assert_eq!(compare("...\nb...\n...\n", "a\nbc\nd\n"), Ok(()));
    assert_eq!(compare("...\n", ""), Ok(()));
    let difference = compare("a\n", "a\nb\n").unwrap_err();
    assert_eq!((difference.shown, difference.printed), (None, vec!["b".to_owned()]));
    assert_eq!(compare("a\nb\n", "a\nc\n").unwrap_err().shown.as_deref(), Some("b"));
    assert!(compare("a\n...\nz\n", "a\nz\nb\n").is_err(), "the last line is the last one");
    assert!(compare("ab...\n", "a\n").is_err());
    assert!(compare("a...a\n", "a\n").is_err(), "one letter is not both ends");
}

#[test]
fn steps_follow_each_other_in_one_shell() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("bash");
    shell.current_dir(folder.path());
    let mut session = Session::start(shell, folder.path().join("steps"));
    let mut run = |page: &str| session.run(&steps(page)[0]);
    assert_eq!(run("```sh\nmkdir inner; cd inner; name=web\n```\n"), Ok(String::new()));
    assert_eq!(
        run("```sh\nprintf '%s in %s' $name ${PWD##*/}\n```\n```text\nweb in inner\n```\n").unwrap(),
        "web in inner"
    );
    assert_eq!(run("<!-- fails -->\n```sh\necho no >&2; false\n```\n```text\nno\n```\n").unwrap(), "no\n");
    assert!(run("<!-- fails -->\n```sh\ntrue\n```\n").unwrap_err().contains("and it does not"));
    assert!(run("```sh\necho 1\n```\n```text\n2\n```\n").unwrap_err().contains("`2`"));
    let failed = run("```sh\nfalse\necho on\n```\n").unwrap_err();
    assert!(failed.contains("status 1") && !failed.contains("printed:\non"), "{failed}");
}
