//! A history in files, as `verify` leaves it for `history --offline` and for auditors.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt::Write,
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{Anchors, Checked, History, line, lines::read_line};
use crate::{
    failure::Advice,
    policies::is_initdata,
    workspace::{self, LATEST_TRANSITION, MAX_EVENTS_LEN, MESH_CA, ROOT_CA, WorkspaceError},
};

const TRANSITION_SIGNER: &str = "transition-signer.pem";
const EVENTS: &str = "history.jsonl";

/// A folder does not hold a history.
#[derive(thiserror::Error, Debug)]
pub(crate) enum FolderError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// A line is not an event.
    #[error("line {number} of {} is not an event of a history", path.display())]
    Line { path: PathBuf, number: usize, source: serde_json::Error },
    /// The file with the latest transition says something else than the history.
    #[error("{} names another transition than the last one of the history beside it", path.display())]
    LatestTransition { path: PathBuf },
}

impl Advice for FolderError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::File(_) | Self::Line { .. } => {
                "give the folder that `contrast verify` wrote, complete and unchanged".into()
            }
            Self::LatestTransition { .. } => {
                "the files are of different times, or somebody changed them: run `contrast verify` again"
                    .into()
            }
        })
    }
}

/// Writes a checked history, and removes what an older one left there. The latest transition comes last, when
/// everything else is on disk: it vouches for the rest.
pub(crate) fn write_folder(dir: &Path, history: &History, checked: &Checked) -> Result<(), WorkspaceError> {
    let put = |name: &str, content: &[u8]| workspace::write(&dir.join(name), content);
    let mut files = BTreeMap::new();
    for (number, set) in history.manifests().enumerate() {
        let manifest = history.contents.get(&set.manifest).map_or(&[][..], Vec::as_slice);
        files.insert(manifest_name(number), manifest);
    }
    for (digest, policy) in history.policies() {
        let name = if is_initdata(policy) { initdata_name(&digest) } else { rego_name(&digest) };
        files.insert(name, policy);
    }
    workspace::write_all(dir, &files)?;
    put(ROOT_CA, &history.anchors.root_ca)?;
    put(MESH_CA, &history.anchors.mesh_ca)?;
    put(TRANSITION_SIGNER, &history.anchors.transition_signer)?;
    let mut events = String::new();
    for record in &history.records {
        // Writing to a string does not fail.
        let _ = writeln!(events, "{}", line(record));
    }
    put(EVENTS, events.as_bytes())?;
    put(LATEST_TRANSITION, hex::encode(checked.latest_transition).as_bytes())?;
    workspace::remove_where(dir, |name| is_content_name(name) && !files.contains_key(name))
}

/// Reads a history that [`write_folder`] wrote. Nothing in it is checked yet; a content that is not what its
/// name says is as good as absent.
pub(crate) fn read_folder(dir: &Path) -> Result<History, FolderError> {
    let get = |name: &str| workspace::read(&dir.join(name));
    let anchors = Anchors {
        root_ca: get(ROOT_CA)?,
        transition_signer: get(TRANSITION_SIGNER)?,
        mesh_ca: get(MESH_CA)?,
    };
    let events = workspace::read_bounded(&dir.join(EVENTS), MAX_EVENTS_LEN)?;
    let mut records = Vec::new();
    for (index, text) in String::from_utf8_lossy(&events).lines().enumerate() {
        let record = read_line(text).map_err(|source| FolderError::Line {
            path: dir.join(EVENTS),
            number: index + 1,
            source,
        })?;
        records.push(record);
    }
    let mut history = History { anchors, records, contents: BTreeMap::new() };
    let mut names: Vec<String> =
        history.manifests().enumerate().map(|(number, _)| manifest_name(number)).collect();
    let policies: std::collections::BTreeSet<_> = history.manifests().flat_map(|set| &set.policies).collect();
    names.extend(policies.iter().flat_map(|digest| [rego_name(digest), initdata_name(digest)]));
    for name in names {
        match get(&name) {
            Ok(content) => drop(history.contents.insert(Sha256::digest(&content).into(), content)),
            Err(WorkspaceError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let last = history.manifests().last().map(|set| set.transition);
    if workspace::latest_transition(dir)? != last {
        return Err(FolderError::LatestTransition { path: dir.join(LATEST_TRANSITION) });
    }
    Ok(history)
}

fn manifest_name(number: usize) -> String {
    format!("manifest.{number}.json")
}

/// Whether a file can only be a manifest or policy of a history.
fn is_content_name(name: &str) -> bool {
    let between = |prefix, suffix| name.strip_prefix(prefix)?.strip_suffix(suffix);
    let digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    between("manifest.", ".json").is_some_and(|number: &str| number.parse::<usize>().is_ok())
        || between("policy.", ".rego").is_some_and(digest)
        || between("initdata.", ".toml").is_some_and(digest)
}

fn rego_name(digest: &[u8; 32]) -> String {
    format!("policy.{}.rego", hex::encode(digest))
}

fn initdata_name(digest: &[u8; 32]) -> String {
    format!("initdata.{}.toml", hex::encode(digest))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::SystemTime};

    use super::*;
    use crate::history::{Contents, testing::Scribe};

    fn written() -> (tempfile::TempDir, History) {
        let dir = tempfile::tempdir().unwrap();
        let history = Scribe::of(&["first", "second"]);
        let checked = history.check(Contents::Required, SystemTime::now()).unwrap();
        write_folder(dir.path(), &history, &checked).unwrap();
        (dir, history)
    }

    #[test]
    fn a_history_is_read_back_as_it_was_written() {
        let (dir, history) = written();
        let read = read_folder(dir.path()).unwrap();
        assert_eq!(read.records, history.records);
        assert_eq!(read.anchors, history.anchors);
        assert_eq!(read.contents, history.contents);
        read.check(Contents::Required, SystemTime::now()).unwrap();
    }

    #[test]
    fn the_files_have_the_names_that_the_documentation_gives_them() {
        let (dir, history) = written();
        let policy = history.manifests().next().unwrap().policies[0];
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "coordinator-root-ca.pem",
                "history.jsonl",
                "latest-transition",
                "manifest.0.json",
                "manifest.1.json",
                "mesh-ca.pem",
                &format!("policy.{}.rego", hex::encode(policy)),
                "transition-signer.pem",
            ]
        );
    }

    #[test]
    fn what_an_older_history_left_is_removed_and_nothing_else() {
        let (dir, _) = written();
        let old_policy = format!("policy.{}.rego", "ab".repeat(32));
        for name in [&*old_policy, "notes.txt", "manifest.mine.json"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let history = Scribe::of(&["only"]);
        let checked = history.check(Contents::Required, SystemTime::now()).unwrap();
        write_folder(dir.path(), &history, &checked).unwrap();
        let is_there = |name: &str| dir.path().join(name).exists();
        assert!(!is_there("manifest.1.json") && !is_there(&old_policy));
        assert!(is_there("manifest.0.json") && is_there("notes.txt") && is_there("manifest.mine.json"));
        assert_eq!(read_folder(dir.path()).unwrap().contents, history.contents);
    }

    #[test]
    fn events_that_are_longer_than_one_message_are_read() {
        let (dir, history) = written();
        let mut events = fs::read(dir.path().join(EVENTS)).unwrap();
        events.resize(17 << 20, b' ');
        // White space before the end of a line says nothing.
        let end = events.iter().rposition(|byte| *byte == b'\n').unwrap();
        events[end] = b' ';
        fs::write(dir.path().join(EVENTS), events).unwrap();
        assert_eq!(read_folder(dir.path()).unwrap().records, history.records);
    }

    #[test]
    fn a_changed_manifest_counts_as_absent() {
        let (dir, _) = written();
        fs::write(dir.path().join("manifest.1.json"), "{\"second\": 3}").unwrap();
        let history = read_folder(dir.path()).unwrap();
        let error = history.check(Contents::Required, SystemTime::now()).unwrap_err();
        assert!(error.to_string().contains("event 2"), "{error}");
    }

    #[test]
    fn a_cut_list_of_events_does_not_fit_the_latest_transition() {
        let (dir, _) = written();
        let events = fs::read_to_string(dir.path().join(EVENTS)).unwrap();
        let first: String = events.lines().take(2).map(|line| format!("{line}\n")).collect();
        fs::write(dir.path().join(EVENTS), first).unwrap();
        assert!(matches!(read_folder(dir.path()), Err(FolderError::LatestTransition { .. })));
        fs::write(dir.path().join(EVENTS), &events[..events.len() - 20]).unwrap();
        assert!(matches!(read_folder(dir.path()), Err(FolderError::Line { number: 6, .. })));
    }

    #[test]
    fn a_folder_without_a_history_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(read_folder(dir.path()), Err(FolderError::File(_))));
    }
}
