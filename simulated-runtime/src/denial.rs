//! What a person reads in the pod's events when a policy refuses something.
//!
//! A real agent tells the host nothing but "no", since the host is the attacker. On the simulated platform nothing is confidential, so it may
//! say what does not fit.

use std::fmt::Write as _;

use contrast_policy::{
    Engine, Expectations, Explanation, Mismatch, Subject, Verdict, judge,
    request::{Kind, Request},
};

/// Most bytes. The kubelet cuts events at 1,024 bytes, and containerd puts up to 250 before it.
pub const MAX_LEN: usize = 740;
/// Most bytes of what was expected, or found.
const MAX_VALUE: usize = 150;

/// Annotation with the name of a container.
const NAME: &str = "io.kubernetes.cri.container-name";

const SIMULATED: &str = "The platform is simulated; nothing is confidential.";
const ADVICE: &str =
    "`contrast policy check` shows all; if the change is meant, run `contrast generate` and `contrast set`.";

/// A request that a policy refuses.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Denial {
    text: String,
}

/// Puts a request to a policy, which remembers what it allowed.
///
/// # Errors
/// If it is denied, with what does not fit.
pub fn ask(engine: &mut Engine, request: &Request) -> Result<(), Denial> {
    let verdict = engine.evaluate(request).verdict;
    if verdict.is_allowed() {
        return Ok(());
    }
    // What is denied changes no memory, so that it can be judged once more for the reason.
    let expectations = Expectations::of(&mut engine.clone()).ok();
    let explanation = judge(engine, expectations.as_ref(), request).explanation;
    Err(Denial { text: text(request.kind(), &verdict, explanation.as_ref()) })
}

fn text(kind: Kind, verdict: &Verdict, explanation: Option<&Explanation>) -> String {
    let head = match verdict {
        Verdict::Failed(error) => {
            format!("{} cannot be decided by policy ({})", kind.name(), cut(&error.to_string(), MAX_VALUE))
        }
        _ => format!("{} is blocked by policy", kind.name()),
    };
    let tail = format!(" {SIMULATED} {ADVICE}");
    let mut why = String::new();
    if let Some(Explanation { container, mismatches }) = explanation {
        match container.as_deref() {
            Some("") => why.push_str(": sandbox"),
            Some(name) => _ = write!(why, ": container {}", cut(&format!("{name:?}"), 66)),
            None => {}
        }
        if let Some(first) = most_telling(mismatches) {
            let Mismatch { path, found, .. } = first;
            let (path, expected, found) =
                (cut(path, 100), cut(&expected(first), MAX_VALUE), cut(found, MAX_VALUE));
            _ = write!(why, ": {path}: expected {expected}, found {found}");
        }
        if mismatches.len() > 1 {
            _ = write!(why, " (and {} more)", mismatches.len() - 1);
        }
    }
    let room = MAX_LEN.saturating_sub(head.len() + tail.len() + 1);
    format!("{head}{}.{tail}", cut(&why, room))
}

/// In words for people: the pattern of an image, by which its tag may be left out, as the name in full.
fn expected(mismatch: &Mismatch) -> String {
    let pattern = mismatch.expected.strip_prefix("a text that matches ^");
    let name =
        pattern.filter(|_| mismatch.subject == Subject::Image).and_then(|pattern| pattern.split_once("$|"));
    match name {
        Some((name, _)) => format!("\"{}\"", name.replace('\\', "")),
        None => mismatch.expected.clone(),
    }
}

/// What a person would look at first: what a pod says itself, before what follows from that.
fn most_telling(mismatches: &[Mismatch]) -> Option<&Mismatch> {
    mismatches.iter().min_by_key(|mismatch| rank(mismatch))
}

fn rank(mismatch: &Mismatch) -> u8 {
    // "Something in the list is wrong", where another one says what.
    if mismatch.expected.starts_with("the ") && mismatch.found.starts_with('[') {
        return 9;
    }
    let is_of_runtime = mismatch.path.starts_with("storages") && mismatch.path.contains("driver_options");
    match &mismatch.subject {
        _ if is_of_runtime => 8,
        // A container that the policy does not know: all else is of another one.
        Subject::Annotation(key) if key == NAME => 0,
        Subject::Container | Subject::Request => 0,
        Subject::PodName | Subject::Namespace => 1,
        Subject::Image => 2,
        Subject::Argument(_) | Subject::Exec | Subject::WorkingDirectory => 3,
        Subject::Variable(_) => 4,
        Subject::Mount(_) | Subject::Device(_) => 4,
        Subject::User | Subject::Privileges | Subject::RootFileSystem | Subject::Terminal => 5,
        Subject::Annotation(_) => 7,
        _ => 6,
    }
}

/// At most so many bytes, on one line.
fn cut(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() <= most {
        return line;
    }
    let end = line.floor_char_boundary(most.saturating_sub("…".len()));
    format!("{}…", line.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn mismatch(subject: Subject, path: &str) -> Mismatch {
        Mismatch { path: path.to_owned(), subject, expected: "\"a\"".to_owned(), found: "\"b\"".to_owned() }
    }

    #[test]
    fn the_known_phrase_comes_first_and_what_to_do_last() {
        let explanation = Explanation {
            container: Some("web".to_owned()),
            mismatches: vec![
                mismatch(Subject::Annotation("x".to_owned()), "OCI.Annotations"),
                mismatch(Subject::Argument(1), "OCI.Process.Args[1]"),
            ],
        };
        let text = text(Kind::CreateContainer, &Verdict::Denied, Some(&explanation));
        assert_eq!(
            text,
            "CreateContainerRequest is blocked by policy: container \"web\": OCI.Process.Args[1]: expected \"a\", found \"b\" (and 1 \
             more). The platform is simulated; nothing is confidential. `contrast policy check` shows all; if the change is meant, \
             run `contrast generate` and `contrast set`."
        );
    }

    #[test]
    fn what_is_wrong_comes_before_where_something_is_wrong() {
        let of = |expected: &str, found: &str, path: &str| Mismatch {
            expected: expected.to_owned(),
            found: found.to_owned(),
            ..mismatch(Subject::Mount("/x".to_owned()), path)
        };
        let mismatches = [
            of("the mounts of the container", "[{}]", "OCI.Mounts"),
            of("no mount at \"/x\"", "{}", "OCI.Mounts[9]"),
        ];
        assert_eq!(most_telling(&mismatches).unwrap().path, "OCI.Mounts[9]");
        assert_eq!(most_telling(&mismatches[..1]).unwrap().path, "OCI.Mounts");
    }

    #[test]
    fn an_image_is_told_by_its_name() {
        let mut told = mismatch(Subject::Image, "storages[0].source");
        told.expected = r"a text that matches ^a\.b/c:1@sha256:11$|^[^@]+@sha256:11$".to_owned();
        assert_eq!(expected(&told), "\"a.b/c:1@sha256:11\"");
    }

    #[test]
    fn a_policy_that_does_not_say_what_it_expects_denies_all_the_same() {
        let mut engine =
            Engine::load("package agent_policy\ndefault StartContainerRequest := false\n").unwrap();
        let request = Request::read(Kind::StartContainer, &json!({ "container_id": "ab" })).unwrap();
        let error = ask(&mut engine, &request).unwrap_err().to_string();
        assert!(error.starts_with("StartContainerRequest is blocked by policy"), "{error}");
        let request = Request::read(Kind::PauseContainer, &json!({ "container_id": "ab" })).unwrap();
        let error = ask(&mut engine, &request).unwrap_err().to_string();
        assert!(error.starts_with("PauseContainerRequest cannot be decided by policy"), "{error}");
    }

    proptest! {
        #[test]
        fn however_long_the_reason_it_fits_into_an_event(
            name in ".{0,300}", path in ".{0,300}", expected in ".{0,900}", found in ".{0,900}", others in 0_usize..200,
        ) {
            let mut mismatches = vec![Mismatch { path, subject: Subject::Image, expected, found }];
            mismatches.extend((0..others).map(|_| mismatch(Subject::Pod, "x")));
            let explanation = Explanation { container: Some(name), mismatches };
            let text = text(Kind::CreateContainer, &Verdict::Denied, Some(&explanation));
            prop_assert!(text.len() <= MAX_LEN, "{}", text.len());
            prop_assert!(text.ends_with(ADVICE));
            prop_assert!(!text.contains('\n'));
        }
    }
}
