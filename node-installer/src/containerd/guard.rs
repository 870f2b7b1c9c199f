//! Who brings the configuration of before back if this program cannot, because it was killed while containerd was away: a timer of systemd's,
//! which lives on without us. It is set before a restart, and stopped when containerd is back.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tracing::warn;

use super::{Containerd, ContainerdError, edits::Edits};

/// The timer and what it starts.
const NAME: &str = "contrast-node-installer-guard";
/// The file of before, ready to be moved back.
const BEFORE: &str = ".contrast-before";
/// How much longer than twice containerd's limit it may take to go forward and back without help.
const SLACK: Duration = Duration::from_secs(120);

impl Containerd {
    /// Sets the timer. A node whose systemd does not take it is served without.
    pub(super) async fn set_guard(&self, edits: &Edits) -> Result<(), ContainerdError> {
        let mut commands: Vec<Vec<String>> = Vec::new();
        for edit in edits.edits.iter().rev() {
            let path = self.host.place(&edit.path)?.on_node;
            match &edit.before {
                Some(before) => {
                    let kept = kept(&path);
                    self.host.copy(&path, &kept, before)?;
                    commands.push(command("/bin/mv", &["-fT", "--"], &[&kept, &path]));
                }
                None => commands.push(command("/bin/rm", &["-f", "--"], &[&path])),
            }
        }
        if commands.is_empty() {
            return Ok(());
        }
        commands.push(command("/bin/systemctl", &["--no-block", "restart", self.unit.as_str()], &[]));
        let after = self.limit * 2 + SLACK;
        if let Err(error) = self.systemd.start_later(NAME, after, &commands).await {
            warn!(
                "{error}. If this program is killed while containerd starts, nobody puts the configuration back"
            );
        }
        Ok(())
    }

    /// Stops the timer, also one that a run left that was killed, and removes what it would need.
    pub(super) async fn lift_guard(&self) -> Result<(), ContainerdError> {
        // Mostly there is none, which is an error to systemd. One that cannot be stopped fails without its files.
        let _ = self.systemd.stop(&format!("{NAME}.timer")).await;
        for path in self.paths()? {
            let path = self.host.place(&path)?.on_node;
            self.host.remove(&kept(&path))?;
        }
        Ok(())
    }
}

fn kept(path: &Path) -> PathBuf {
    let mut kept = path.as_os_str().to_owned();
    kept.push(BEFORE);
    kept.into()
}

fn command(program: &str, options: &[&str], paths: &[&Path]) -> Vec<String> {
    let words = [program].into_iter().chain(options.iter().copied()).map(str::to_owned);
    // Percent signs and dollars mean something to units, but not in what comes over the bus.
    words.chain(paths.iter().map(|path| path.to_string_lossy().into_owned())).collect()
}
