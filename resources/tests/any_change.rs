//! Any change of any document: the text reads as what was meant, or the change is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test program")]

use contrast_resources::File;
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "y",
            "no",
            "012",
            "a: b",
            "# x",
            "-",
            "- a",
            "'",
            "\"",
            "*a",
            "&a",
            "<<",
            "é\u{2028}",
            " x ",
            "a\nb\n",
            "|",
            "{",
            "~",
            "\t",
            "1e3",
            "!!str"
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,5}",
        any::<String>(),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(vec!["name", "image", "env", "args", "x", "metadata"]).prop_map(str::to_owned), 1 => text()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::String),
        1 => any::<i32>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), value()), 1..5)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

/// A small document that says `value`, as a person or a program might have written it.
fn written(value: &Value, style: u8) -> String {
    // From nothing to everything: the editor itself is the writer of block style.
    let pretty = || serde_json::to_string_pretty(value).unwrap();
    let text = match style % 4 {
        0 => serde_json::to_string(value).unwrap(),
        1 => pretty(),
        // In one line, with blanks within brackets and braces. Behind a comment, so that it is not read as JSON.
        2 => {
            let inner: Vec<String> = pretty().lines().map(|line| line.trim_start().to_owned()).collect();
            format!("# flow\n{}", inner.join(" "))
        }
        _ => {
            let seed = File::read("seed.yaml", b"seed: 1\n".to_vec()).unwrap();
            seed.rewritten(std::slice::from_ref(value)).unwrap().unwrap_or_else(|| "seed: 1\n".to_owned())
        }
    };
    if style & 8 == 0 { text } else { text.replace('\n', "\r\n") }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_change_reads_as_what_was_meant(old in object(), new in object(), style in any::<u8>()) {
        let text = written(&old, style);
        let file = File::read("test.yaml", text.clone().into_bytes()).unwrap();
        prop_assert_eq!(file.documents()[0].value(), &old, "{}", text);
        let changed = file.rewritten(std::slice::from_ref(&new));
        let changed = changed.map_err(|_| TestCaseError::fail(format!("refused: {text}")))?.unwrap_or(text);
        let again = File::read("test.yaml", changed.clone().into_bytes()).unwrap();
        prop_assert_eq!(again.documents()[0].value(), &new, "{}", changed);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[-a-c:{}\\[\\],&*!|>#'\" \n\t?]{0,60}", new in object()) {
        if let Ok(file) = File::read("test.yaml", text.into_bytes()) {
            let values: Vec<Value> = file.documents().iter().map(|_| new.clone()).collect();
            if let Ok(Some(changed)) = file.rewritten(&values) {
                let again = File::read("test.yaml", changed.into_bytes()).unwrap();
                prop_assert!(again.documents().iter().all(|document| document.value() == &new));
            }
        }
    }
}
