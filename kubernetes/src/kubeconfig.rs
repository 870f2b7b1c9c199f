//! The user's kubeconfig: one file, or several that are one together.

use std::{
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use kube::config::{Kubeconfig, KubeconfigError};

use crate::error::AccessError;

/// The environment variable with the files.
const VARIABLE: &str = "KUBECONFIG";
/// Kubeconfigs are shorter; so are the files that they name.
const LONGEST: usize = 4 << 20;

/// A kubeconfig, and where it is from.
pub(crate) struct Loaded {
    pub(crate) config: Kubeconfig,
    pub(crate) files: Vec<PathBuf>,
}

/// Reads the files that `KUBECONFIG` names, or the one in the home folder.
pub(crate) fn read() -> Result<Loaded, AccessError> {
    let named: Vec<PathBuf> = env::var_os(VARIABLE)
        .map(|value| env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if named.is_empty() {
        read_files(&env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect::<Vec<_>>())
    } else {
        read_files(&named)
    }
}

/// Reads files. As in `kubectl`, those that are not there are left out, and the first one to say something has the word.
pub(crate) fn read_files(named: &[PathBuf]) -> Result<Loaded, AccessError> {
    let mut config = Kubeconfig::default();
    let mut files = Vec::new();
    for file in named {
        let text = match read_bounded(file) {
            Ok(text) => text,
            Err(AccessError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                continue;
            }
            Err(error) => return Err(error),
        };
        let malformed = |line| AccessError::Malformed { file: file.clone(), line };
        let text = String::from_utf8(text).map_err(|_| malformed(None))?;
        let mut next = Kubeconfig::from_yaml(&text).map_err(|error| malformed(line_of(&error)))?;
        complete_paths(&mut next, file.parent().unwrap_or(Path::new("")));
        config = config.merge(next).map_err(|_| malformed(None))?;
        files.push(file.clone());
    }
    if files.is_empty() {
        return Err(AccessError::NoKubeconfig { looked_at: named.to_vec() });
    }
    Ok(Loaded { config, files })
}

/// Reads a file of reasonable length.
pub(crate) fn read_bounded(file: &Path) -> Result<Vec<u8>, AccessError> {
    let unreadable = |source| AccessError::Unreadable { file: file.to_owned(), source: Arc::new(source) };
    let mut content = Vec::new();
    let opened = fs::File::open(file).map_err(unreadable)?;
    opened.take(LONGEST as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() > LONGEST {
        return Err(AccessError::TooLong { file: file.to_owned(), longest: LONGEST });
    }
    Ok(content)
}

fn line_of(error: &KubeconfigError) -> Option<u64> {
    match error {
        KubeconfigError::Parse(error) => error.location().map(|location| location.line()),
        _ => None,
    }
}

/// Paths in a kubeconfig are meant from the folder that it is in; so are programs, unless they stand without a folder.
fn complete_paths(config: &mut Kubeconfig, folder: &Path) {
    let complete = |path: &mut Option<String>| {
        if let Some(text) = path.as_mut().filter(|text| !text.is_empty()) {
            *text = folder.join(&*text).to_string_lossy().into_owned();
        }
    };
    for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        complete(&mut cluster.certificate_authority);
    }
    for user in config.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        complete(&mut user.client_certificate);
        complete(&mut user.client_key);
        complete(&mut user.token_file);
        if let Some(exec) = &mut user.exec
            && exec.command.as_ref().is_some_and(|command| command.contains('/'))
        {
            complete(&mut exec.command);
        }
    }
}
