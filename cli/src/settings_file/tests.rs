use super::*;

/// The arguments that a file adds to a command line, in a folder that is called `.`.
fn completed(text: &str, arguments: &str) -> Result<Vec<String>, SettingsFileError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(NAME), text).unwrap();
    let folder = dir.path().display().to_string();
    let words = ["contrast".to_owned(), format!("--workspace-dir={folder}")];
    let words = words.into_iter().chain(arguments.split_whitespace().map(str::to_owned));
    let before = words.clone().count();
    let completed = complete(words.map(OsString::from).collect())?;
    let added = completed.arguments.into_iter().map(|word| word.into_string().unwrap().replace(&folder, "."));
    Ok(added.skip(before).collect())
}

#[test]
fn what_is_not_given_comes_from_the_file() {
    let file = "log-level = \"info\"\n[generate]\nreference-values = \"simulated\"\ncheck = true\nskip-initializer = false\n\
                image-layout = [\"a\", \"/b\"]\n[set]\ntimeout = 5\n[policy.check]\nworkload = \"Pod/web\"\n";
    let expected = [
        "--log-level=info",
        "--check",
        "--image-layout=./a",
        "--image-layout=/b",
        "--reference-values=simulated",
    ];
    let mut found = completed(file, "generate resources").unwrap();
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(completed(file, "--log-level=warn set -c a b").unwrap(), ["--timeout=5"]);
    assert_eq!(completed(file, "--log-level=warn set --timeout 9 -c a b").unwrap(), [""; 0]);
    assert_eq!(
        completed(file, "--log-level warn policy check --policy p --request r").unwrap(),
        ["--workload=Pod/web"]
    );
    assert_eq!(completed(file, "--log-level=warn sign --out x").unwrap(), [""; 0]);
}

#[test]
fn an_option_that_excludes_one_of_the_file_wins() {
    let file = "[history]\ncoordinator = \"a\"\n[generate]\nadd-workload-owner-key = \"k.pem\"\n";
    assert_eq!(completed(file, "history --offline verify").unwrap(), [""; 0]);
    assert_eq!(completed(file, "history").unwrap(), ["--coordinator=a"]);
    assert_eq!(completed(file, "generate --disable-updates r").unwrap(), [""; 0]);
}

#[test]
fn what_is_added_stands_before_the_end_of_options() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(NAME), "[generate]\ncheck = true\n").unwrap();
    let words = ["contrast", "--workspace-dir", dir.path().to_str().unwrap(), "generate", "--", "-x"];
    let completed = complete(words.map(OsString::from).to_vec()).unwrap();
    assert_eq!(completed.arguments[4..], ["--check", "--", "-x"].map(OsString::from));
    let note = completed.note.unwrap();
    assert!(note.contains(NAME) && note.ends_with(": --check"), "{note}");
}

#[test]
fn mistakes_are_told_with_their_line_whatever_command_is_called() {
    for (text, expected) in [
        (
            "[generate]\nreference-value = \"x\"\n",
            "contrast.toml:2: there is no option `reference-value`; did you mean `reference-values`?",
        ),
        ("[genrate]\n", "contrast.toml:1: there is no command `genrate`; did you mean `generate`?"),
        ("[policy.chek]\n", "there is no command `chek`; did you mean `check`?"),
        ("\nhelp = true\n", "contrast.toml:2: there is no option `help`"),
        ("zzz = 1\n", "there is no option `zzz`"),
        ("[generate]\ncheck = \"yes\"\n", "contrast.toml:2: `check` has to be true or false"),
        ("[generate]\nmanifest = [\"a\"]\n", "`manifest` has to be a text or a number"),
        ("[generate]\nimage-layout = [1.5]\n", "`image-layout` has to be a list of texts or numbers"),
        ("[generate]\nsettings = 2020-01-01\n", "`settings` has to be a text or a number"),
        ("a = 1\na = 2\n", "contrast.toml:2: this is not TOML"),
        ("[generate\n", "contrast.toml:1: this is not TOML"),
    ] {
        let error = completed(text, "sign --out x").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn nothing_that_consents_or_weakens_a_check_comes_from_a_file() {
    for (command, option) in [
        ("set", "join = \"00\""),
        ("set", "latest-transition = \"00\""),
        ("set", "seed-consent = \"f\""),
        ("set", "signature = \"f\""),
        ("set", "collateral-proxy = \"http://p\""),
        ("set", "collateral = \"f\""),
        ("verify", "accept-history = \"00\""),
        ("verify", "collateral-proxy = \"http://p\""),
        ("recover", "force = true"),
        ("recover", "latest-transition = \"00\""),
        ("history", "collateral = \"f\""),
        ("sign", "latest-transition = \"00\""),
        ("consent", "coordinator = \"c\""),
        ("attestation.check", "collateral = \"f\""),
    ] {
        let error = completed(&format!("[{command}]\n{option}\n"), "sign --out x").unwrap_err();
        assert!(matches!(error, SettingsFileError::Refused { line: 2, .. }), "{command} {option}: {error}");
    }
    let error = completed("workspace-dir = \"x\"\n", "sign --out x").unwrap_err();
    assert!(matches!(error, SettingsFileError::Refused { .. }), "{error}");
}

/// Every option of every command that checks something was decided about: one that is new is refused, and stands here if it should be.
#[test]
fn every_option_of_a_checking_command_is_allowed_or_refused_on_purpose() {
    const REFUSED: [&str; 10] = [
        "accept-history",
        "collateral",
        "collateral-proxy",
        "context",
        "force",
        "join",
        "kubeconfig",
        "latest-transition",
        "seed-consent",
        "signature",
    ];
    let root = Arguments::command();
    for name in ["set", "verify", "recover", "status", "history", "sign"] {
        let command = root.find_subcommand(name).unwrap();
        for option in command.get_arguments().filter_map(Arg::get_long) {
            let refused = allowed::refusal(&[name], option).is_some();
            assert_eq!(refused, REFUSED.contains(&option), "`{option}` of `{name}`");
        }
    }
}
