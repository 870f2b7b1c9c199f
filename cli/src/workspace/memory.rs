//! What a workspace knows of its deployment's history.

use std::path::PathBuf;

use super::{LATEST_TRANSITION, Workspace, WorkspaceError, file, read_transition, write};

/// Stands only where it differs from [`LATEST_TRANSITION`].
const SEEN_TRANSITION: &str = "seen-transition";

/// What a workspace knows of its deployment's history. A transition is a hash over all before it, so that one is enough
/// to name a whole history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Memory {
    /// The newest transition that is known: a history without it was rolled back.
    pub(crate) latest: [u8; 32],
    /// Up to here, the manifests were set from here or accepted by `verify`; zeros if there are none. Others may have
    /// set more before [`Self::latest`].
    pub(crate) seen: [u8; 32],
}

impl Memory {
    /// Every manifest up to this transition was seen.
    pub(crate) fn all_seen(latest: [u8; 32]) -> Self {
        Self { latest, seen: latest }
    }

    /// What there is after a manifest was set from here, right after `previous`: an own manifest is seen, but it does
    /// not hide those of others before it.
    pub(crate) fn after_own(known: Option<Self>, previous: [u8; 32], latest: [u8; 32]) -> Self {
        match known {
            Some(Self { seen, .. }) if seen != previous => Self { latest, seen },
            _ => Self::all_seen(latest),
        }
    }
}

impl Workspace {
    /// What is known, if anything is. Where nothing else is said, everything that is known was seen.
    pub(crate) fn memory(&self) -> Result<Option<Memory>, WorkspaceError> {
        let Some(latest) = self.latest_transition()? else { return Ok(None) };
        let seen = read_transition(self.seen_file())?.unwrap_or(latest);
        Ok(Some(Memory { latest, seen }))
    }

    /// Writes down what is known. If it is interrupted, less counts as seen than was, and never more.
    pub(crate) fn remember(&self, memory: Memory) -> Result<(), WorkspaceError> {
        let Memory { latest, seen } = memory;
        if seen != latest {
            write(&self.seen_file(), hex::encode(seen).as_bytes())?;
        }
        // Present programs take the file's content as it is, so it must not end with a newline.
        write(&self.verify_dir().join(LATEST_TRANSITION), hex::encode(latest).as_bytes())?;
        if seen == latest { file::remove(&self.seen_file()) } else { Ok(()) }
    }

    fn seen_file(&self) -> PathBuf {
        self.verify_dir().join(SEEN_TRANSITION)
    }
}

#[cfg(test)]
mod tests {
    use contrast_manifest::NO_TRANSITION;

    use super::*;

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(Some(dir.path().to_owned()));
        (dir, workspace)
    }

    #[test]
    fn what_is_remembered_is_read_back() {
        let (dir, workspace) = workspace();
        assert_eq!(workspace.memory().unwrap(), None);
        for memory in [
            Memory::all_seen([0xab; 32]),
            Memory { latest: [0xcd; 32], seen: [0xab; 32] },
            Memory { latest: [0xcd; 32], seen: NO_TRANSITION },
            Memory::all_seen([0xcd; 32]),
        ] {
            workspace.remember(memory).unwrap();
            assert_eq!(workspace.memory().unwrap(), Some(memory));
        }
        assert_eq!(
            std::fs::read(dir.path().join("verify/latest-transition")).unwrap(),
            "cd".repeat(32).into_bytes()
        );
        assert_eq!(std::fs::read_dir(dir.path().join("verify")).unwrap().count(), 1);
    }

    #[test]
    fn a_workspace_of_an_earlier_release_has_seen_all_that_it_knows() {
        let (dir, workspace) = workspace();
        std::fs::create_dir(dir.path().join("verify")).unwrap();
        std::fs::write(dir.path().join("verify/latest-transition"), "ab".repeat(32)).unwrap();
        assert_eq!(workspace.memory().unwrap(), Some(Memory::all_seen([0xab; 32])));
    }

    #[test]
    fn an_own_manifest_does_not_hide_those_that_others_set_before_it() {
        let gap = Memory { latest: [2; 32], seen: [1; 32] };
        assert_eq!(Memory::after_own(Some(gap), [2; 32], [3; 32]), Memory { latest: [3; 32], seen: [1; 32] });
        let whole = Memory::all_seen([2; 32]);
        assert_eq!(Memory::after_own(Some(whole), [2; 32], [3; 32]), Memory::all_seen([3; 32]));
        assert_eq!(
            Memory::after_own(Some(whole), [9; 32], [3; 32]),
            Memory { latest: [3; 32], seen: [2; 32] }
        );
        assert_eq!(Memory::after_own(None, [9; 32], [3; 32]), Memory::all_seen([3; 32]));
    }
}
