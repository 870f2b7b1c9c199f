//! From one configuration to another: looked at by containerd before it is in place, restarted only if need be, and taken back if
//! containerd does not come back.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{
    Change, ConfigurationSource, Containerd, ContainerdError, Document,
    edits::{Edit, Edits},
};
use crate::{host, platform::Handler};

/// Where it is remembered, until the node restarts, which configurations containerd did not come back with.
const MARKS: &str = "/run/contrast/node-installer";
/// How often containerd is asked while it starts.
const PAUSE: Duration = Duration::from_millis(200);

impl Containerd {
    /// Makes containerd have one runtime, and others no more. Does nothing if that is so. Says whether anything was done.
    ///
    /// # Errors
    /// See [`ContainerdError`]: except for `Down`, containerd runs.
    pub async fn apply(&self, change: &Change) -> Result<bool, ContainerdError> {
        self.lift_guard().await?;
        let done = self.carry_out(change).await;
        // Also after going back: what is in place is the configuration of before.
        self.lift_guard().await?;
        done
    }

    async fn carry_out(&self, change: &Change) -> Result<bool, ContainerdError> {
        let edits = self.edits(change).await?;
        let mark = mark(&edits);
        if !edits.edits.is_empty() {
            if let Some(reason) = self.host.read(&mark)? {
                let reason = String::from_utf8_lossy(&reason).into_owned();
                return Err(ContainerdError::TriedBefore { reason, mark });
            }
            self.check(&edits, change).await?;
            self.back_up(&edits, change)?;
            self.set_guard(&edits).await?;
            self.write(&edits, change).await?;
        }
        if !self.needs_restart(change).await? {
            return Ok(!edits.edits.is_empty());
        }
        self.restart(&edits, change, mark).await.map(|()| true)
    }

    /// Asks containerd what it makes of the present configuration, and of the next one.
    async fn check(&self, edits: &Edits, change: &Change) -> Result<(), ContainerdError> {
        let Some(program) = &self.program else {
            warn!(
                "containerd's program is not seen from here: it is not asked beforehand what it makes of the change"
            );
            return Ok(());
        };
        let main = self.source.main();
        let broken = |cause| ContainerdError::Broken { path: main.clone(), cause };
        if self.host.read(main)?.is_some() {
            program.dump(main).await.map_err(broken)?;
        }
        let rendered = edits.rendered.as_ref().map(|text| (main, text.as_bytes()));
        let written = edits.edits.iter().filter_map(|edit| Some((&edit.path, edit.after.as_deref()?)));
        let written = written.filter(|_| matches!(self.source, ConfigurationSource::File(_)));
        for (path, content) in rendered.into_iter().chain(written) {
            let new = self.host.prepare(path, content)?;
            let seen = program.dump(&new.on_node).await;
            host::remove_quietly(&new.here);
            let seen = seen.map_err(|cause| ContainerdError::Refused { path: path.clone(), cause })?;
            // Imported files are only a part.
            if path == main && !seen.is_none_or(|seen| is_done(&seen, change)) {
                return Err(ContainerdError::Ignored(path.clone()));
            }
        }
        Ok(())
    }

    /// Keeps what was there before this version's first change.
    fn back_up(&self, edits: &Edits, change: &Change) -> Result<(), ContainerdError> {
        let Some(handler) = &change.wanted else { return Ok(()) };
        for edit in &edits.edits {
            let backup = backup(&edit.path, handler.name());
            if let Some(before) = &edit.before
                && self.host.read(&backup)?.is_none()
            {
                self.host.replace(&backup, before)?;
                info!("{} is kept as {}", edit.path.display(), backup.display());
            }
        }
        Ok(())
    }

    /// Writes, and lets containerd look at the whole once more before anything depends on it.
    async fn write(&self, edits: &Edits, change: &Change) -> Result<(), ContainerdError> {
        for edit in &edits.edits {
            self.put(&edit.path, edit.after.as_deref())?;
            info!("{} is changed", edit.path.display());
        }
        let (Some(program), ConfigurationSource::File(main)) = (&self.program, &self.source) else {
            return Ok(());
        };
        if self.host.read(main)?.is_none() {
            return Ok(());
        }
        let refused = match program.dump(main).await {
            Ok(seen) if seen.as_ref().is_none_or(|seen| is_done(seen, change)) => return Ok(()),
            Ok(_) => ContainerdError::Ignored(main.clone()),
            Err(cause) => ContainerdError::Refused { path: main.clone(), cause },
        };
        self.put_back(&edits.edits)?;
        Err(refused)
    }

    /// Has containerd been started with what is in place now?
    async fn needs_restart(&self, change: &Change) -> Result<bool, ContainerdError> {
        let loaded = self.cri.status().await.ok().and_then(|status| status.runtimes);
        if let Some(loaded) = loaded {
            let has = |handler: &Handler| loaded.contains(handler.name());
            if change.wanted.iter().any(|handler| !has(handler)) || change.unwanted.iter().any(has) {
                return Ok(true);
            }
        }
        let files = match &self.source {
            ConfigurationSource::File(main) => super::Files::read(&self.host, main)?,
            ConfigurationSource::Template { template, .. } => return self.is_newer(template).await,
        };
        for (path, _) in files.all() {
            if self.is_newer(path).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Was a file changed since the unit started?
    async fn is_newer(&self, path: &Path) -> Result<bool, ContainerdError> {
        let changed = self.host.changed(path)?;
        let since = self.systemd.unit(&self.unit).await?.and_then(|unit| unit.since);
        Ok(changed.zip(since).is_none_or(|(changed, since)| changed >= since) && changed.is_some())
    }

    async fn restart(&self, edits: &Edits, change: &Change, mark: PathBuf) -> Result<(), ContainerdError> {
        info!("{} is restarted", self.unit);
        let reason = match self.restart_and_wait(Some(change)).await {
            Ok(()) => return Ok(()),
            Err(reason) => reason,
        };
        warn!("{reason}; the configuration of before comes back");
        // Of a run that was killed between writing and restarting, nobody knows what was before, but what was added.
        let taken_back = if edits.edits.is_empty() {
            let unwanted = change.wanted.iter().cloned().collect();
            let back = self.edits(&Change { wanted: None, unwanted }).await?;
            back.edits.iter().try_for_each(|edit| self.put(&edit.path, edit.after.as_deref()))
        } else {
            self.put_back(&edits.edits)
        };
        taken_back?;
        let unit = self.unit.clone();
        match self.restart_and_wait(None).await {
            Ok(()) => {
                if !edits.edits.is_empty() {
                    self.remember(&mark, &reason);
                }
                Err(ContainerdError::RolledBack { seconds: self.limit.as_secs(), reason, unit, mark })
            }
            Err(after) => Err(ContainerdError::Down { reason, after, unit }),
        }
    }

    /// Restarts, and waits until containerd answers and has done what it was told. Says what was seen last, if not.
    async fn restart_and_wait(&self, change: Option<&Change>) -> Result<(), String> {
        let before = self.systemd.unit(&self.unit).await.ok().flatten().and_then(|unit| unit.since);
        let asked = self.systemd.restart(&self.unit).await;
        asked.map_err(|error| error.to_string())?;
        let end = Instant::now() + self.limit;
        loop {
            let reason = match self.came_back(before, change).await {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            };
            if Instant::now() >= end {
                return Err(reason);
            }
            sleep(PAUSE).await;
        }
    }

    async fn came_back(&self, before: Option<SystemTime>, change: Option<&Change>) -> Result<(), String> {
        let unit = self.systemd.unit(&self.unit).await.map_err(|error| error.to_string())?;
        let unit = unit.ok_or_else(|| format!("{} is gone", self.unit))?;
        if !unit.runs() || unit.since == before {
            return Err(format!("{} is {}", unit.name, unit.state));
        }
        let status = self.cri.status().await.map_err(|error| error.to_string())?;
        let (Some(change), Some(loaded)) = (change, status.runtimes) else { return Ok(()) };
        let missing = change.wanted.iter().find(|handler| !loaded.contains(handler.name()));
        let left = change.unwanted.iter().find(|handler| loaded.contains(handler.name()));
        match (missing, left) {
            (Some(missing), _) => Err(format!("containerd runs, and does not know {missing}")),
            (_, Some(left)) => Err(format!("containerd runs, and still knows {left}")),
            (None, None) => Ok(()),
        }
    }

    fn put(&self, path: &Path, content: Option<&[u8]>) -> Result<(), ContainerdError> {
        match content {
            Some(content) => self.host.replace(path, content)?,
            None => self.host.remove(path)?,
        }
        Ok(())
    }

    fn put_back(&self, edits: &[Edit]) -> Result<(), ContainerdError> {
        edits.iter().rev().try_for_each(|edit| self.put(&edit.path, edit.before.as_deref()))
    }

    /// Removes what was kept of the configuration before a version's first change.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_backups(&self, handler: &Handler) -> Result<(), ContainerdError> {
        let paths = self.paths()?;
        paths.iter().try_for_each(|path| self.host.remove(&backup(path, handler.name())))?;
        Ok(())
    }

    /// All files that containerd's configuration is made of.
    pub(super) fn paths(&self) -> Result<Vec<PathBuf>, ContainerdError> {
        let files = super::Files::read(&self.host, self.source.main())?;
        let mut paths: Vec<_> = files.all().map(|(path, _)| path.clone()).collect();
        if let ConfigurationSource::Template { template, .. } = &self.source {
            paths.push(template.clone());
        }
        Ok(paths)
    }

    fn remember(&self, mark: &Path, reason: &str) {
        let made = self.host.make_folder(Path::new(MARKS)).map(|_| ());
        if let Err(error) = made.and_then(|()| self.host.replace(mark, reason.as_bytes())) {
            warn!("{error}");
        }
    }
}

/// Remembers one configuration.
fn mark(edits: &Edits) -> PathBuf {
    let mut digest = Sha256::new();
    for edit in &edits.edits {
        digest.update(edit.after.as_deref().unwrap_or_default());
    }
    let digest: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Path::new(MARKS).join(format!("refused-{digest}"))
}

/// Where a file's content of before a version's first change is kept.
fn backup(path: &Path, name: &str) -> PathBuf {
    let mut backup = path.as_os_str().to_owned();
    backup.push(format!(".before-{name}"));
    backup.into()
}

fn is_done(seen: &Document, change: &Change) -> bool {
    change.wanted.iter().all(|handler| seen.runtime(handler.name()).is_some())
        && change.unwanted.iter().all(|handler| seen.runtime(handler.name()).is_none())
}
