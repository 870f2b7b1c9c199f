//! Which options of which commands may come from a file.

/// Commands that check something, with the options that a file may give them. Any other option of theirs, also one that comes later, has
/// to be given where it is meant.
const CHECKING: [(&str, &[&str]); 8] = [
    ("set", &["coordinator", "manifest", "workload-owner-key", "atomic", "timeout"]),
    ("verify", &["coordinator", "manifest"]),
    ("recover", &["coordinator", "manifest", "seedshare-owner-key", "workload-owner-key", "seed"]),
    ("history", &["coordinator", "manifest", "offline", "output", "diff"]),
    ("sign", &["manifest", "workload-owner-key", "prepare", "out"]),
    ("attestation", &["coordinator", "manifest", "output"]),
    // Not the kubeconfig, nor a context: whoever names one names a program that is started, a credential plugin.
    ("status", &["coordinator", "manifest", "namespace", "output", "watch"]),
    ("simulator", &["coordinator", "dir", "product"]),
];
/// The command by which a seed share owner agrees to something: a file does not agree.
const CONSENTING: &str = "consent";

/// Why an option of a command, as it is called, is not taken from a file; `None` if it is.
pub(super) fn refusal(command: &[&str], option: &str) -> Option<&'static str> {
    if option == "workspace-dir" {
        return Some("the file is in the workspace");
    }
    let first = command.first().copied()?;
    if first == CONSENTING {
        return Some("consent is given where it is meant");
    }
    let (_, allowed) = CHECKING.iter().find(|(name, _)| *name == first)?;
    (!allowed.contains(&option) && option != "log-level")
        .then_some("it consents to something or changes what is checked, and the file may be somebody else's")
}
