//! What takes minutes to build is built once on a machine, whoever asks for it, and however often a build was ended.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::{failure::Failure, workspace};

/// The folder, among the user's caches, of programs that were built from source.
pub(crate) fn tools() -> PathBuf {
    workspace::caches().join("contrast-tools")
}

/// The ending of a folder in the making.
const UNFINISHED: &str = ".new";

/// Makes a folder of tools, unless it is there. `build` gets a folder for all that it needs, and says which part of it is to be kept:
/// that is renamed, so there is never half of it; the rest is removed. Whoever comes second waits, and takes what the first has built.
///
/// # Errors
/// Those of `build`, and when something cannot be written.
pub(crate) fn make(
    finished: &Path,
    build: impl FnOnce(&Path) -> Result<PathBuf, Failure>,
) -> Result<(), Failure> {
    if finished.is_dir() {
        return Ok(());
    }
    let parent = finished.parent().unwrap_or(finished);
    fs::create_dir_all(parent).map_err(Failure::writing(parent))?;
    // The lock goes with this process.
    let lock = File::open(parent)
        .and_then(|folder| folder.lock().map(|()| folder))
        .map_err(Failure::writing(parent))?;
    if finished.is_dir() {
        return Ok(());
    }
    let mut name = finished.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    let work = finished.with_file_name(name);
    // Of a build that was ended.
    remove(&work)?;
    fs::create_dir(&work).map_err(Failure::writing(&work))?;
    let part = build(&work)?;
    fs::rename(part, finished).map_err(Failure::writing(finished))?;
    remove(&work)?;
    drop(lock);
    Ok(())
}

/// Whether a folder of this name is finished.
pub(crate) fn is_finished(name: &OsStr) -> bool {
    !name.as_encoded_bytes().ends_with(UNFINISHED.as_bytes())
}

fn remove(folder: &Path) -> Result<(), Failure> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(Failure::writing(folder)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder for one test.
    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("contrast-xtask-once-{name}-{}", std::process::id()))
    }

    fn build(work: &Path) -> Result<PathBuf, Failure> {
        let part = work.join("bin");
        fs::create_dir(&part).map_err(Failure::writing(&part))?;
        workspace::write(&part.join("program"), "whole")?;
        Ok(part)
    }

    #[test]
    fn two_builds_at_once_are_one() {
        let parent = folder("two");
        let finished = parent.join("tool-1.0");
        let built = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    make(&finished, |work| {
                        built.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        build(work)
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(built.into_inner(), 1);
        assert_eq!(workspace::read(&finished.join("program")).unwrap(), "whole");
        fs::remove_dir_all(&parent).unwrap();
    }

    #[test]
    fn a_build_that_fails_or_was_killed_leaves_no_program_and_the_next_one_begins_anew() {
        let parent = folder("killed");
        let finished = parent.join("tool-1.0");
        let ended = |work: &Path| {
            build(work)?;
            Err(Failure::Components { missing: vec!["a disk with room"] })
        };
        assert!(make(&finished, ended).is_err());
        assert!(!finished.exists());
        assert!(workspace::list(&parent).unwrap().iter().all(|left| !is_finished(left.file_name().unwrap())));
        make(&finished, build).unwrap();
        assert_eq!(workspace::list(&parent).unwrap(), [finished]);
        fs::remove_dir_all(&parent).unwrap();
    }
}
