//! A folder that is removed, whatever happens to this program.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use crate::{failure::Failure, process};

const PREFIX: &str = "root-";

/// An empty folder of this process.
///
/// It is removed by a second process as soon as this one is gone, be it by its end, by Ctrl-C or by a kill.
pub(super) struct Room {
    path: PathBuf,
    keeper: Child,
}

/// Waits for the end of its standard input, then removes the folder. Dying processes may still write to it.
const KEEPER: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
tries=0
until rm -rf --one-file-system -- "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 30 ] || exit 1
    sleep 1
done
"#;

impl Room {
    /// Makes a folder in `parent`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn new(parent: &Path) -> Result<Self, Failure> {
        remove_forgotten(parent);
        let path = parent.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&path).map_err(Failure::writing(&path))?;
        let mut command = process::program("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&path).stdin(Stdio::piped());
        // Ctrl-C on a terminal goes to the whole group.
        let keeper = command.process_group(0).spawn();
        let keeper = keeper.map_err(|cause| Failure::Start { program: "sh".into(), cause })?;
        Ok(Self { path, keeper })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folder.
    ///
    /// # Errors
    /// When something is left of it.
    pub(super) fn remove(mut self) -> Result<(), Failure> {
        drop(self.keeper.stdin.take());
        let status = self.keeper.wait().map_err(Failure::writing(&self.path))?;
        if status.success() { Ok(()) } else { Err(Failure::Exit { command: "rm -rf".into(), status }) }
    }
}

/// Rooms whose process and keeper were both killed.
fn remove_forgotten(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            // What cannot be removed now is tried again the next time.
            let _ = process::run(
                process::program("rm").args(["-rf", "--one-file-system", "--"]).arg(entry.path()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("contrast-xtask-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_room_is_gone_after_use_with_all_that_is_in_it() {
        let parent = parent("room");
        let room = Room::new(&parent).unwrap();
        let path = room.path().to_owned();
        fs::write(path.join("file"), "content").unwrap();
        room.remove().unwrap();
        assert!(!path.exists());
        fs::remove_dir(&parent).unwrap();
    }

    #[test]
    fn a_room_is_removed_when_its_process_can_no_longer_do_so() {
        let parent = parent("killed");
        let Room { path, mut keeper } = Room::new(&parent).unwrap();
        // As when this process is killed: its end of the pipe is closed, and nothing else happens.
        drop(keeper.stdin.take());
        assert!(keeper.wait().unwrap().success());
        assert!(!path.exists());
        fs::remove_dir(&parent).unwrap();
    }

    #[test]
    fn a_room_that_was_forgotten_is_removed_by_the_next() {
        let parent = parent("forgotten");
        // Larger than any process's number (proc(5), pid_max).
        let forgotten = parent.join(format!("{PREFIX}9999999"));
        fs::create_dir_all(forgotten.join("tmp")).unwrap();
        let room = Room::new(&parent).unwrap();
        assert!(!forgotten.exists());
        room.remove().unwrap();
        fs::remove_dir(&parent).unwrap();
    }
}
