//! Changes of text: what is asked for comes about, and nothing else changes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test program")]

use contrast_resources::{EditError, File};
use serde_json::{Value, json};

/// The text after a change of its first document; unchanged text if nothing had to be changed.
fn changed(text: &str, change: impl FnOnce(&mut Value)) -> String {
    try_changed(text, change).unwrap()
}

fn try_changed(text: &str, change: impl FnOnce(&mut Value)) -> Result<String, EditError> {
    let file = File::read("test.yaml", text.as_bytes().to_vec()).unwrap();
    let mut values: Vec<Value> = file.documents().iter().map(|document| document.value().clone()).collect();
    change(&mut values[0]);
    let result = file.rewritten(&values)?.unwrap_or_else(|| text.to_owned());
    let again = File::read("test.yaml", result.clone().into_bytes()).unwrap();
    assert_eq!(again.rewritten(&values).unwrap(), None, "the second time changes nothing");
    Ok(result)
}

#[test]
fn a_key_is_added_where_its_siblings_stand_and_comments_stay() {
    let text = "# head\nmetadata: # about it\n    name: web   # the name\n\n# tail\nspec: {}\n";
    let result = changed(text, |value| {
        value["metadata"]["annotations"] = json!({"a/b": "c: d", "e": "012", "f": "no"});
    });
    assert_eq!(
        result,
        "# head\nmetadata: # about it\n    name: web   # the name\n    annotations:\n      a/b: \"c: d\"\n      e: \"012\"\n      f: \"no\"\n\n# tail\nspec: {}\n"
    );
}

#[test]
fn a_scalar_is_replaced_in_its_own_style() {
    let text = "a: 'x'  # one\nb: w # two\nc: |\n  text\n\n  more\nd: z\n";
    let result = changed(text, |value| {
        value["a"] = "it's".into();
        value["b"] = json!(5);
        value["c"] = "short".into();
    });
    assert_eq!(result, "a: \"it's\"  # one\nb: 5 # two\nc: short\nd: z\n");
}

#[test]
fn empty_and_missing_collections_are_filled() {
    let text = "a: {} # braces\nb:\nc: []\nd: null\n";
    let result = changed(text, |value| {
        value["a"] = json!({"k": "v"});
        value["b"] = json!(["x", {"name": "nn", "image": "i"}]);
        value["c"] = json!([1]);
        value["d"] = json!({});
    });
    assert_eq!(result, "a: # braces\n  k: v\nb:\n  - x\n  - name: nn\n    image: i\nc:\n  - 1\nd: {}\n");
}

#[test]
fn items_are_added_before_between_and_behind() {
    let text = "l:\n- name: b # second\n  v: 1\n- name: d\n";
    let result = changed(text, |value| {
        value["l"] = json!([{"name": "a"}, {"name": "b", "v": 2, "w": 3}, {"name": "c"}, {"name": "d"}, {"name": "e"}]);
    });
    assert_eq!(
        result,
        "l:\n- name: a\n- name: b # second\n  v: 2\n  w: 3\n- name: c\n- name: d\n- name: e\n"
    );
}

#[test]
fn what_is_removed_takes_its_lines_along_and_no_others() {
    let text = "a:\n  x: 1\n  # about q\n  q: |\n    1\n    2\n  z: 3\nl:\n  - name: one\n    deep: {k: v}\n  - name: two\n  - name: three\n";
    let result = changed(text, |value| {
        value["a"].as_object_mut().unwrap().remove("q");
        value["l"] = json!([{"name": "two"}]);
    });
    assert_eq!(result, "a:\n  x: 1\n  # about q\n  z: 3\nl:\n  - name: two\n");
}

#[test]
fn the_last_entries_of_nested_maps_may_go_and_come_at_one_place() {
    let text = "a:\n  b:\n    c: 1\n    d: 2";
    let result = changed(text, |value| {
        *value = json!({"a": {"b": {"c": 1, "e": 5}, "f": 6}, "g": 7});
    });
    assert_eq!(result, "a:\n  b:\n    c: 1\n    e: 5\n  f: 6\ng: 7");
}

#[test]
fn line_ends_and_the_byte_order_mark_stay() {
    let text = "\u{feff}a: 1\r\nb:\r\n  - x\r\n";
    let result = changed(text, |value| value["b"] = json!(["x", "yy"]));
    assert_eq!(result, "\u{feff}a: 1\r\nb:\r\n  - x\r\n  - yy\r\n");
}

#[test]
fn json_stays_json() {
    let text = "{\n  \"a\": {\"x\": \"\\ud83d\\ude00\\/\"},\n\t\"b\": [\n\t\t1\n\t]\n}\n{\"c\":1}";
    let result = changed(text, |value| {
        value["a"]["y"] = json!([true]);
        value["b"] = json!([1, {"k": "v"}]);
    });
    assert_eq!(
        result,
        "{\n  \"a\": {\"x\": \"\\ud83d\\ude00\\/\", \"y\": [true]},\n\t\"b\": [\n\t\t1,\n  {\n    \"k\": \"v\"\n  }\n\t]\n}\n{\"c\":1}"
    );
}

#[test]
fn what_aliases_share_changes_once_and_what_differs_is_written_out() {
    let text = "a: &m\n  - x\nb: *m\nc: *m\n";
    let result = changed(text, |value| {
        value["a"] = json!(["x", "yy"]);
        value["b"] = json!(["x", "yy"]);
    });
    assert_eq!(result, "a: &m\n  - x\n  - yy\nb: *m\nc:\n  - x\n");
}

#[test]
fn an_anchored_scalar_keeps_its_anchor() {
    let text = "a: &v one # c\nb: *v\n";
    let result = changed(text, |value| value["a"] = "two".into());
    assert_eq!(result, "a: &v two # c\nb: one\n");
}

#[test]
fn a_merged_map_is_overridden_or_written_out() {
    let text = "base: &base\n  x: 1\n  q: 2\nother:\n  <<: *base\n  z: 3\n";
    let result = changed(text, |value| value["other"]["q"] = json!(5));
    assert_eq!(result, "base: &base\n  x: 1\n  q: 2\nother:\n  <<: *base\n  z: 3\n  q: 5\n");
    let result = changed(text, |value| {
        value["other"].as_object_mut().unwrap().remove("q");
    });
    assert_eq!(result, "base: &base\n  x: 1\n  q: 2\nother:\n  z: 3\n  x: 1\n");
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let text = "a: 1\nb: 2\na: 3\n";
    let result = changed(text, |value| {
        assert_eq!(value["a"], 3);
        value["a"] = json!(4);
    });
    assert_eq!(result, "a: 1\nb: 2\na: 4\n");
}

#[test]
fn only_the_document_that_changes_is_touched() {
    let text = "a: 1 # one\n---\n# nothing here\n---   # second\nb: [1,   2]\n...\n---\nc: 0x10\n";
    let file = File::read("test.yaml", text.as_bytes().to_vec()).unwrap();
    let mut values: Vec<Value> = file.documents().iter().map(|document| document.value().clone()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": [1, 2]}), json!({"c": 16})]);
    values[1]["b"] = json!([0, 1, 2]);
    let result = file.rewritten(&values).unwrap().unwrap();
    assert_eq!(result, text.replace("[1,   2]", "[0, 1,   2]"));
}

#[test]
fn braces_and_brackets_are_seen_with_blanks_line_breaks_and_comments_behind_them() {
    for (text, expected) in [
        ("a: { b: 1 }\n", "a: { b: 1, \"c\": [2] }\n"),
        ("a: {\tb: 1\t}\n", "a: {\tb: 1, \"c\": [2]\t}\n"),
        ("a: { # one\n  b: 1 }\n", "a: { # one\n  b: 1,\n  \"c\": [\n    2\n  ] }\n"),
        ("a: {\n  # one\n  b: 1\n}\n", "a: {\n  # one\n  b: 1,\n  \"c\": [\n    2\n  ]\n}\n"),
        ("a: &x { b: 1 }\n", "a: &x { b: 1, \"c\": [2] }\n"),
        ("a:\n  { b: 1 }\n", "a:\n  { b: 1, \"c\": [2] }\n"),
    ] {
        assert_eq!(changed(text, |value| value["a"]["c"] = json!([2])), expected, "{text}");
    }
    for (text, expected) in [
        ("a: [ 1 ]\n", "a: [ 1, {\"c\": 2} ]\n"),
        ("a: [ # one\n  1 ]\n", "a: [ # one\n  1,\n  {\n    \"c\": 2\n  } ]\n"),
    ] {
        let push = |value: &mut Value| value["a"].as_array_mut().unwrap().push(json!({"c": 2}));
        assert_eq!(changed(text, push), expected, "{text}");
    }
    // What looks like one in a comment or a text is none.
    let text = "a: # {\n  b: \"{\" # [\n";
    assert_eq!(changed(text, |value| value["a"]["c"] = json!(1)), "a: # {\n  b: \"{\" # [\n  c: 1\n");
}
