//! Without the program; with it, see `tests/`.

use super::*;

#[test]
fn a_node_without_a_processor_says_who_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node {
        program: "/bin/false".into(),
        runc: "/bin/false".into(),
        state: folder.path().into(),
        processor: folder.path().join("processor"),
    };
    let error = ensure(&node, folder.path(), "00").unwrap_err().to_string();
    assert!(error.contains("node installer"), "{error}");
    std::fs::create_dir(&node.processor).unwrap();
    assert!(matches!(ensure(&node, folder.path(), "00"), Err(SignerError::Ended(_))));
    // Nobody is there to be ended.
    end(folder.path());
}
