use proptest::prelude::*;

use super::*;

/// Configurations as they are found on nodes.
const SAMPLES: [(&str, &str); 10] = [
    ("Debian's containerd 1.6", include_str!("samples/debian-1.6.toml")),
    ("containerd 1.6 prints it as its default", include_str!("samples/default-1.6.toml")),
    ("AKS", include_str!("samples/aks.toml")),
    ("kind", include_str!("samples/kind.toml")),
    ("RKE2, containerd 1", include_str!("samples/rke2-v2.toml")),
    ("k3s, containerd 2", include_str!("samples/k3s-v3.toml")),
    ("NVIDIA's toolkit", include_str!("samples/nvidia.toml")),
    ("containerd 2.4", include_str!("samples/version-4.toml")),
    ("tables in one line", include_str!("samples/one-line.toml")),
    ("keys with dots", include_str!("samples/dotted.toml")),
];

fn runtime(version: &str, document: &Document) -> Runtime {
    let handler = format!("contrast-cc-simulated-{version}").parse().unwrap();
    Runtime::new(&handler, document.systemd_cgroup())
}

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap()
}

/// Adds a runtime to a text, and looks at everything that has to hold.
fn added(what: &str, text: &str) -> Document {
    let before = parse(text);
    let runtime = runtime("00000000", &before);
    let after = before.with(&runtime, None).unwrap_or_else(|error| panic!("{what}: {error}"));
    let name = runtime.handler.name();
    assert_eq!(after.runtime(name), Some(&Value::Table(runtime.table.clone())), "{what}");
    let key = if before.version().unwrap().as_integer() == Some(2) { CRI_2 } else { CRI_3 };
    assert!(after.cri(key).unwrap()["containerd"]["runtimes"].get(name).is_some(), "{what}: under {key}");
    assert_eq!(after.with(&runtime, None).unwrap(), after, "{what}: twice is the same as once");
    // The rest says what it said before.
    let mut rest = after.value.clone();
    remove(&mut rest, name);
    assert_eq!(without_empty(&rest), without_empty(&before.value), "{what}");
    after
}

#[test]
fn every_configuration_gets_the_runtime_and_is_the_very_same_without_it() {
    for (what, text) in SAMPLES {
        for text in [text.to_owned(), text.trim_end().to_owned(), text.replace('\n', "\r\n")] {
            let after = added(what, &text);
            if what != "tables in one line" {
                assert!(after.text().starts_with(&text), "{what}: comments and order stay");
                let expected = if text.contains("\r\n") { "\r\n" } else { "\n" };
                assert!(after.text().split(expected).all(|line| !line.contains(['\r', '\n'])), "{what}");
            }
            let restored = after.without("contrast-cc-simulated-00000000").unwrap();
            if what == "tables in one line" {
                assert_eq!(restored.value, parse(&text).value);
            } else {
                assert_eq!(restored.text(), text, "{what}");
            }
        }
    }
}

#[test]
fn a_table_in_one_line_keeps_its_comments() {
    let after = added("", include_str!("samples/one-line.toml"));
    for comment in ["# by hand", "# of containerd 2", "# short"] {
        assert!(after.text().contains(comment), "{}", after.text());
    }
}

#[test]
fn a_table_in_one_line_is_added_to_wherever_it_begins() {
    for text in [
        "version = 3\nplugins = {}\n",
        "version = 3\nplugins = { 'io.containerd.cri.v1.runtime' = {} }\n",
        "version = 3\n[plugins]\n'io.containerd.cri.v1.runtime' = { containerd.x = 1 }\n",
        "version = 3\n[plugins.'io.containerd.cri.v1.runtime']\ncontainerd = { runtimes.runc = { runtime_type = 'a' } }\n",
    ] {
        let after = added(text, text);
        assert!(after.text().contains("= {"), "{}", after.text());
    }
}

#[test]
fn versions_live_side_by_side_and_go_in_any_order() {
    for (what, text) in SAMPLES {
        let before = parse(text);
        let [one, two, three] = ["11111111", "22222222", "33333333"].map(|version| runtime(version, &before));
        let all = [&one, &two, &three]
            .iter()
            .fold(before.clone(), |document, runtime| document.with(runtime, None).unwrap());
        for order in [[&one, &two, &three], [&three, &one, &two], [&two, &three, &one]] {
            let mut left = all.clone();
            for (gone, runtime) in order.into_iter().enumerate() {
                left = left.without(runtime.handler.name()).unwrap();
                let count = left.runtimes().iter().filter(|name| name.starts_with("contrast")).count();
                assert_eq!(count, 2 - gone, "{what}");
            }
            assert_eq!(without_empty(&left.value), without_empty(&before.value), "{what}");
            if what != "tables in one line" {
                assert_eq!(left.text(), text, "{what}");
            }
        }
    }
}

#[test]
fn control_groups_are_made_as_the_node_s_own_runtime_makes_them() {
    let of = |text: &str| parse(text).systemd_cgroup();
    assert_eq!(of(include_str!("samples/aks.toml")), Some(true));
    assert_eq!(of(include_str!("samples/nvidia.toml")), Some(true), "of the default runtime");
    assert_eq!(of(include_str!("samples/version-4.toml")), Some(false));
    assert_eq!(of(include_str!("samples/debian-1.6.toml")), None);
    let text = added("", include_str!("samples/aks.toml"));
    let table = text.runtime("contrast-cc-simulated-00000000").unwrap();
    assert_eq!(table["options"]["SystemdCgroup"], Value::Boolean(true));
}

#[test]
fn a_runtime_that_somebody_changed_is_put_right_and_one_without_comments_is_removed() {
    let text = include_str!("samples/aks.toml");
    let after = added("", text);
    let name = "contrast-cc-simulated-00000000";
    let changed = after.text().replace("privileged_without_host_devices = true", "snapshotter = \"x\"");
    assert_ne!(changed, after.text());
    let runtime = runtime("00000000", &parse(text));
    assert_eq!(parse(&changed).with(&runtime, None).unwrap(), after);

    // As other programs write it, that read and write the whole.
    let rewritten = toml::to_string(&after.value).unwrap();
    let same = parse(&rewritten).with(&runtime, None).unwrap();
    assert_eq!(same.text(), rewritten, "what is right is left alone");
    let without = parse(&rewritten).without(name).unwrap();
    assert!(!without.text().contains("contrast"));
    assert_eq!(without.value, parse(text).value);
}

#[test]
fn a_file_that_says_nothing_gets_containerd_s_version() {
    for (text, version) in [("", 2), ("# nothing\n", 3), ("\n\n", 4)] {
        let before = parse(text);
        let runtime = runtime("00000000", &before);
        let after = before.with(&runtime, Some(&Value::Integer(version))).unwrap();
        assert_eq!(after.version(), Some(&Value::Integer(version)));
        assert!(after.runtime(runtime.handler.name()).is_some());
        assert_eq!(after.without(runtime.handler.name()).unwrap().text(), text);
    }
}

#[test]
fn what_cannot_be_changed_is_left_alone_and_told() {
    let runtime = runtime("00000000", &parse(""));
    for (text, expected) in [
        ("version = 1\n", "containerd config migrate"),
        ("[plugins.cri]\n", "containerd config migrate"),
        ("version = 5\n", "version 5"),
        ("version = '2'\n", "version"),
        ("version = 2\nplugins = 1\n", "`plugins` is not a table"),
        ("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\ncontainerd = []\n", "is not a table"),
        ("version = 2\ndisabled_plugins = [\"cri\"]\n", "disables"),
        ("version = 3\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n", "disables"),
    ] {
        let said = parse(text).with(&runtime, None).unwrap_err().to_string();
        assert!(said.contains(expected), "{text}: {said}");
    }
    for (bytes, expected) in [
        (&b"\xff\xfe"[..], "no text"),
        (b"version = 2\n[plugins\n", "line 2"),
        (b"version = 2\nversion = 2\n", "line 2"),
        (b"{{ template \"base\" . }}", "no TOML"),
    ] {
        let said = Document::parse(bytes).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_comment_that_looks_like_ours_inside_of_a_text_changes_nothing() {
    let name = "contrast-cc-simulated-00000000";
    let text = added("", include_str!("samples/version-4.toml")).text().replace("version = 4\n", "");
    let text = format!("version = 4\nx = '''\n{}\n'''\n", &text[text.find("# BEGIN").unwrap()..].trim_end());
    assert_eq!(parse(&text).without(name), Ok(parse(&text)));

    // Nor is anything cut from a beginning that has no end.
    let whole = added("", include_str!("samples/version-4.toml"));
    let begin = whole.text().lines().find(|line| line.starts_with("# BEGIN")).unwrap();
    let text = format!("{begin}\n{}", include_str!("samples/version-4.toml"));
    assert_eq!(added("", &text).without(name).unwrap().text(), text);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_and_what_is_read_can_be_changed_or_not(bytes in any::<Vec<u8>>()) {
        if let Ok(document) = Document::parse(&bytes) {
            let _ = document.with(&runtime("00000000", &document), Some(&Value::Integer(2)));
        }
    }

    /// Lines of samples, in any order: whatever comes out says the same as before, but for the runtime.
    #[test]
    fn whatever_is_mixed_nothing_else_changes(
        lines in proptest::collection::vec((0..10_usize, 0..40_usize), 0..30),
    ) {
        let pick = |(sample, line): &(usize, usize)| SAMPLES[*sample].1.lines().nth(*line).unwrap_or_default();
        let text: String = lines.iter().map(|line| format!("{}\n", pick(line))).collect();
        if let Ok(before) = Document::parse(text.as_bytes())
            && let Ok(after) = before.with(&runtime("00000000", &before), Some(&Value::Integer(3)))
        {
            let back = after.without("contrast-cc-simulated-00000000").unwrap();
            prop_assert_eq!(without_empty(&back.value), without_empty(&before.value));
        }
    }
}
