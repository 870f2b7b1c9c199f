//! Who to say that we are: Docker's configuration file and its credential helpers.

use std::{
    collections::HashMap,
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::descriptor::or_default;

/// A user of one registry. Shows itself nowhere.
#[derive(Clone)]
pub enum Credential {
    /// User and password.
    Password {
        /// The user.
        user: String,
        /// The password, or what stands in for it.
        password: Zeroizing<String>,
    },
    /// A token that is exchanged for others.
    IdentityToken(Zeroizing<String>),
}

/// Where credentials come from.
#[derive(Default)]
pub struct Credentials {
    path: PathBuf,
    /// Where helpers are looked for, instead of in the folders of `PATH`.
    helpers: Option<PathBuf>,
    file: ConfigFile,
}

/// Why credentials cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is no configuration of Docker.
    #[error("{path} is no configuration of Docker: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, without any of its content.
        source: serde_json::Error,
    },
    /// What stands there for a registry is not user, colon and password in base64.
    #[error("{path} has no user and password for {registry} in base64; use `docker login {registry}` again")]
    Entry {
        /// The file.
        path: PathBuf,
        /// The registry.
        registry: String,
    },
    /// The helper cannot be started, or its answer cannot be used.
    #[error("docker-credential-{helper}, named in {path}, gives no credentials for {registry}: {reason}")]
    Helper {
        /// The file that names it.
        path: PathBuf,
        /// The last part of its name.
        helper: String,
        /// The registry.
        registry: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    #[serde(deserialize_with = "or_default")]
    auths: HashMap<String, Entry>,
    #[serde(deserialize_with = "or_default")]
    cred_helpers: HashMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    #[serde(deserialize_with = "or_default")]
    auth: Zeroizing<String>,
    #[serde(deserialize_with = "or_default")]
    identitytoken: Zeroizing<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: Zeroizing<String>,
}

/// Docker Hub is known there by its oldest URL.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// What helpers say when they have nothing, which is no failure.
const NOTHING: &str = "credentials not found";
/// The user name by which a helper says that the secret is an identity token.
const TOKEN: &str = "<token>";

impl Credentials {
    /// From `config.json` in the folder that `DOCKER_CONFIG` names, or else in `.docker` of the home directory. If
    /// there is none, nobody signs in.
    ///
    /// # Errors
    /// If there is one and it cannot be read.
    pub fn of_docker() -> Result<Self, CredentialError> {
        let folder =
            env::var_os("DOCKER_CONFIG").map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
        let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".docker"));
        match folder.or_else(home) {
            Some(folder) => Self::of_file(&folder.join("config.json")),
            None => Ok(Self::default()),
        }
    }

    /// From a file. If there is none, nobody signs in.
    ///
    /// # Errors
    /// If there is one and it cannot be read.
    pub fn of_file(path: &Path) -> Result<Self, CredentialError> {
        let text = match fs::read(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(CredentialError::Io { path: path.to_owned(), source }),
        };
        let file = serde_json::from_slice(&text)
            .map_err(|source| CredentialError::Json { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), helpers: None, file })
    }

    /// The user of a registry, if there is one. May start a program: not on a thread that others wait for.
    pub(super) fn of_registry(&self, registry: &str) -> Result<Option<Credential>, CredentialError> {
        let server = if registry == "docker.io" { DOCKER_HUB } else { registry };
        let helper = self.file.cred_helpers.get(server).or_else(|| self.file.cred_helpers.get(registry));
        if let Some(helper) = helper.or(Some(&self.file.creds_store)).filter(|helper| !helper.is_empty())
            && let Some(credential) = self.ask_helper(helper, server, registry)?
        {
            return Ok(Some(credential));
        }
        let same = |key: &&String| key.as_str() == server || host(key) == registry;
        let Some(entry) = self.file.auths.keys().find(same).and_then(|key| self.file.auths.get(key)) else {
            return Ok(None);
        };
        if !entry.identitytoken.is_empty() {
            return Ok(Some(Credential::IdentityToken(entry.identitytoken.clone())));
        }
        if entry.auth.is_empty() {
            return Ok(None);
        }
        let wrong = || CredentialError::Entry { path: self.path.clone(), registry: registry.to_owned() };
        let decoded = Zeroizing::new(STANDARD.decode(entry.auth.trim()).map_err(|_| wrong())?);
        let text = std::str::from_utf8(&decoded).map_err(|_| wrong())?;
        let (user, password) = text.split_once(':').ok_or_else(wrong)?;
        // Some old files have a NUL at the end.
        let password = Zeroizing::new(password.trim_end_matches('\0').to_owned());
        Ok(Some(Credential::Password { user: user.to_owned(), password }))
    }

    /// Runs `docker-credential-NAME get`, which reads the server and writes JSON.
    fn ask_helper(
        &self,
        helper: &str,
        server: &str,
        registry: &str,
    ) -> Result<Option<Credential>, CredentialError> {
        let failed = |reason: String| CredentialError::Helper {
            path: self.path.clone(),
            helper: helper.to_owned(),
            registry: registry.to_owned(),
            reason,
        };
        if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            return Err(failed("its name has characters that no program's name has".to_owned()));
        }
        let io = |error: io::Error| failed(error.to_string());
        let program = format!("docker-credential-{helper}");
        let program = self.helpers.as_ref().map_or_else(|| program.clone().into(), |it| it.join(&program));
        let mut child = Command::new(program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(io)?;
        if let Some(mut input) = child.stdin.take() {
            // A helper that does not read is judged by its answer.
            let _ = writeln!(input, "{server}");
        }
        let output = child.wait_with_output().map_err(io)?;
        let answer = Zeroizing::new(output.stdout);
        if !output.status.success() {
            // Helpers write their reason to standard output; only this one is known to hold no secret.
            let nothing = answer.windows(NOTHING.len()).any(|part| part == NOTHING.as_bytes());
            return if nothing { Ok(None) } else { Err(failed(output.status.to_string())) };
        }
        let HelperAnswer { username: user, secret } = serde_json::from_slice(&answer)
            .map_err(|_| failed("its answer is not what helpers answer".to_owned()))?;
        Ok(Some(match user.as_str() {
            TOKEN => Credential::IdentityToken(secret),
            _ => Credential::Password { user, password: secret },
        }))
    }
}

/// Keys are hosts, or URLs.
fn host(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// `user:password`, or `token:` and an identity token, or nothing.
    fn of(credentials: &Credentials, registry: &str) -> Option<String> {
        credentials.of_registry(registry).unwrap().map(|credential| match credential {
            Credential::Password { user, password } => format!("{user}:{}", *password),
            Credential::IdentityToken(token) => format!("token:{}", *token),
        })
    }

    fn read(dir: &Path, text: &str) -> Credentials {
        fs::write(dir.join("config.json"), text).unwrap();
        let read = Credentials::of_file(&dir.join("config.json")).unwrap();
        Credentials { helpers: Some(dir.to_owned()), ..read }
    }

    #[test]
    fn credentials_stand_in_the_file_under_a_host_or_a_url() {
        let dir = tempfile::tempdir().unwrap();
        let credentials = read(
            dir.path(),
            r#"{"auths": {
                "https://index.docker.io/v1/": {"auth": "aHViOnc="},
                "a.example:5000": {"auth": "dTpwOnE="},
                "https://b.example/v2/": {"identitytoken": "t", "auth": ""},
                "c.example": {}
            }, "credHelpers": null, "HttpHeaders": {"X": "y"}}"#,
        );
        for (registry, expected) in [
            ("docker.io", Some("hub:w")),
            ("a.example:5000", Some("u:p:q")),
            ("b.example", Some("token:t")),
            ("c.example", None),
            ("a.example", None),
        ] {
            assert_eq!(of(&credentials, registry).as_deref(), expected, "{registry}");
        }
        assert_eq!(of(&Credentials::of_file(&dir.path().join("none")).unwrap(), "a.example"), None);
    }

    #[test]
    fn what_cannot_be_read_is_said_without_what_stands_there() {
        let dir = tempfile::tempdir().unwrap();
        let credentials = read(dir.path(), r#"{"auths": {"a.example": {"auth": "c2VjcmV0"}}}"#);
        let error = credentials.of_registry("a.example").err().unwrap();
        assert!(error.to_string().contains("docker login a.example"), "{error}");
        fs::write(dir.path().join("config.json"), r#"{"auths": {"a": {"auth": ["secret"]}}}"#).unwrap();
        let error = Credentials::of_file(&dir.path().join("config.json")).err().unwrap().to_string();
        assert!(error.contains("configuration of Docker") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn helpers_are_asked_for_the_server_and_may_have_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let helper = "#!/bin/sh\nread -r server\ncase \"$1 $server\" in\n\
            'get a.example') echo '{\"ServerURL\":\"a\",\"Username\":\"u\",\"Secret\":\"p\"}' ;;\n\
            'get https://index.docker.io/v1/') echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}' ;;\n\
            'get b.example') echo 'credentials not found in native keychain'; exit 1 ;;\n\
            'get c.example') echo 'nonsense' ;;\n\
            *) echo 'secret'; exit 3 ;;\nesac\n";
        let path = dir.path().join("docker-credential-test");
        fs::write(&path, helper).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let credentials = read(
            dir.path(),
            r#"{"credsStore": "test", "credHelpers": {"e.example": "missing", "f.example": "../x"},
                "auths": {"b.example": {"auth": "ZjpnIA=="}}}"#,
        );
        assert_eq!(of(&credentials, "a.example").as_deref(), Some("u:p"));
        assert_eq!(of(&credentials, "docker.io").as_deref(), Some("token:t"));
        assert_eq!(of(&credentials, "b.example").as_deref(), Some("f:g "));
        for (registry, words) in [
            ("c.example", "not what helpers answer"),
            ("d.example", "exit status: 3"),
            ("e.example", "docker-credential-missing"),
            ("f.example", "characters"),
        ] {
            let error = credentials.of_registry(registry).err().unwrap().to_string();
            assert!(error.contains(words) && !error.contains("secret"), "{error}");
        }
    }
}
