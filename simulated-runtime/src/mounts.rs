//! What a pod may not be shown of the node: the keys of the processor, and what is another pod's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{configuration::Configuration, node::Node};

/// A mount that leads to them.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error(
    "the pod would be shown {} of the node, and with it {}, by which others could be taken for it; mount a folder that \
     holds less",
    source_path.display(), hidden.display()
)]
pub struct Reaches {
    /// What is mounted.
    source_path: PathBuf,
    /// What it leads to.
    hidden: PathBuf,
}

/// Refuses paths of the node that lie in the folders of pods or of the processor, or above them.
pub(crate) fn check(configuration: &Configuration, node: &Node) -> Result<(), Reaches> {
    for source in configuration.bound() {
        let Ok(real) = fs::canonicalize(source) else { continue };
        for hidden in [&node.state, &node.processor] {
            let hidden = fs::canonicalize(hidden).unwrap_or_else(|_| hidden.clone());
            if leads_to(&real, &hidden) {
                return Err(Reaches { source_path: source.into(), hidden });
            }
        }
    }
    Ok(())
}

fn leads_to(real: &Path, hidden: &Path) -> bool {
    real.starts_with(hidden) || hidden.starts_with(real)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_holds_the_processor_or_pods_or_lies_in_them_is_not_shown_also_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["run/pods/a", "lib/processor", "data"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        std::os::unix::fs::symlink(at("run"), at("link")).unwrap();
        let node = Node {
            program: at("program"),
            runc: at("runc"),
            state: at("run/pods"),
            processor: at("lib/processor"),
        };
        let shown = |source: PathBuf| {
            let config = json!({ "mounts": [{ "source": source, "type": "bind" }] });
            check(&Configuration::parse(config.to_string().as_bytes()).unwrap(), &node).is_ok()
        };
        for hidden in
            ["", "run", "run/pods", "run/pods/a", "lib", "lib/processor", "link", "link/pods/a", "data/.."]
        {
            assert!(!shown(at(hidden)), "{hidden}");
        }
        assert!(!shown("/".into()));
        assert!(shown(at("data")));
        assert!(shown(at("absent")));
    }
}
