use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Instant};

use super::*;

/// A plugin that is a shell script.
fn script(folder: &Path, text: &str) -> String {
    let path = folder.join("plugin");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_string_lossy().into_owned()
}

fn exec(command: &str) -> ExecConfig {
    ExecConfig {
        command: Some(command.to_owned()),
        api_version: Some(VERSIONS[0].to_owned()),
        interactive_mode: Some(ExecInteractiveMode::Never),
        ..ExecConfig::default()
    }
}

async fn run(text: &str) -> Result<Credential, PluginFailure> {
    let folder = tempfile::tempdir().unwrap();
    let call = PluginCall::new(&exec(&script(folder.path(), text)), &Cluster::default()).unwrap();
    call.attempt(false).await
}

async fn failure(text: &str) -> String {
    run(text).await.err().unwrap().to_string()
}

#[tokio::test]
async fn a_plugin_gives_a_token_and_says_until_when() {
    let given = run(
        r#"echo '{"kind":"ExecCredential","status":{"token":"abc","expirationTimestamp":"2030-01-02T03:04:05Z"}}'"#,
    )
    .await
    .unwrap();
    assert_eq!(given.token.unwrap().as_str(), "abc");
    let end = OffsetDateTime::from(given.expires.unwrap());
    assert_eq!((end.year(), end.hour()), (2030, 3));
}

#[tokio::test]
async fn a_plugin_gives_a_certificate_with_its_key() {
    let made = rcgen::generate_simple_self_signed(vec!["me".to_owned()]).unwrap();
    let status = json!({ "status": {
        "clientCertificateData": made.cert.pem(), "clientKeyData": made.signing_key.serialize_pem() } });
    let given = run(&format!("cat <<'END'\n{status}\nEND")).await.unwrap();
    assert!(given.identity.is_some() && given.token.is_none());
    let half = json!({ "status": { "clientCertificateData": made.cert.pem() } });
    assert!(failure(&format!("cat <<'END'\n{half}\nEND")).await.contains("without its key"));
}

#[tokio::test]
async fn a_plugin_is_told_what_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"[ "$1" = login ] && [ "$REGION" = eu ] || exit 1
token=$(echo "$KUBERNETES_EXEC_INFO" | tr -d '{}":,/.')
printf '{"status":{"token":"%s"}}' "$token""#;
    let variable = |name: &str, value: &str| {
        HashMap::from([("name".to_owned(), name.to_owned()), ("value".to_owned(), value.to_owned())])
    };
    let exec = ExecConfig {
        args: Some(vec!["login".to_owned()]),
        env: Some(vec![variable("REGION", "eu")]),
        provide_cluster_info: true,
        ..exec(&script(folder.path(), text))
    };
    let cluster = Cluster { server: Some("https://c.example".to_owned()), ..Cluster::default() };
    let given = PluginCall::new(&exec, &cluster).unwrap().attempt(false).await.unwrap();
    let token = given.token.unwrap();
    for part in ["clientauthenticationk8siov1", "interactivefalse", "serverhttpscexample"] {
        assert!(token.contains(part), "{} lacks {part}", *token);
    }
}

#[tokio::test]
async fn what_a_plugin_says_of_its_failure_is_repeated_briefly_and_its_credentials_are_not() {
    let said = failure("echo 'session is over' >&2; echo secret; exit 3").await;
    assert!(said.contains("exit status: 3") && said.contains("session is over"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    let long = failure("i=0; while [ $i -lt 2000 ]; do echo $i >&2; i=$((i+1)); done; exit 1").await;
    assert!(long.len() < 700 && long.contains("1999"), "{long}");
}

#[tokio::test]
async fn what_is_no_credential_is_refused_without_repeating_it() {
    for (text, reason) in [
        ("echo secret", "not the JSON"),
        ("echo '{}'", "no status"),
        (r#"echo '{"status":{}}'"#, "neither a token"),
        (r#"echo '{"status":{"token":"secret","expirationTimestamp":"tomorrow"}}'"#, "no time"),
        ("head -c 2000000 /dev/zero", "more than a mebibyte"),
        (
            r#"echo '{"status":{"clientCertificateData":"secret","clientKeyData":"secret"}}'"#,
            "cannot be used",
        ),
    ] {
        let said = failure(text).await;
        assert!(said.contains(reason) && !said.contains("secret"), "{text}: {said}");
    }
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut call =
        PluginCall::new(&exec(&script(folder.path(), "exec tail -f /dev/null")), &Cluster::default())
            .unwrap();
    call.patience = Duration::from_millis(200);
    let begun = Instant::now();
    assert!(matches!(call.attempt(false).await, Err(PluginFailure::Slow(_))));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_plugin_that_is_missing_is_named_with_what_the_kubeconfig_says_about_it() {
    let exec =
        ExecConfig { install_hint: Some("brew install it".to_owned()), ..exec("no-such-plugin-anywhere") };
    let error = PluginCall::new(&exec, &Cluster::default()).unwrap().run().await.err().unwrap();
    assert!(error.to_string().contains("`no-such-plugin-anywhere`"), "{error}");
    assert!(error.to_string().contains("is not installed"), "{error}");
    assert!(error.advice().contains("brew install it"));
}

#[tokio::test]
async fn a_plugin_that_needs_a_person_is_not_started_without_one() {
    let exec = ExecConfig { interactive_mode: Some(ExecInteractiveMode::Always), ..exec("false") };
    let call = PluginCall::new(&exec, &Cluster::default()).unwrap();
    assert!(matches!(call.attempt(false).await, Err(PluginFailure::NoTerminal)));
}

#[test]
fn a_version_that_kubectl_has_removed_is_refused() {
    let version = Some("client.authentication.k8s.io/v1alpha1".to_owned());
    let error = PluginCall::new(&ExecConfig { api_version: version, ..exec("x") }, &Cluster::default());
    let error = error.err().unwrap();
    assert!(error.to_string().contains("v1alpha1") && error.advice().contains("update"), "{error}");
}
