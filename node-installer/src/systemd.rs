//! The node's systemd, over D-Bus (org.freedesktop.systemd1(5)).

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use zbus::{Connection, OwnedObjectPath, Proxy, Variant, connection::Builder, proxy::CacheProperties};

use crate::host::Host;

const NAME: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
/// The system's bus.
const BUS: &str = "/run/dbus/system_bus_socket";
/// systemd's own socket, for root, where a node has no bus.
const PRIVATE: &str = "/run/systemd/private";
/// How long an answer may take. Restarts answer at once, and go on.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to systemd.
pub struct Systemd {
    bus: Connection,
}

/// A unit as it is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// `active`, `activating`, `failed` …
    pub state: String,
    /// When it last began to start, before it read its configuration; nothing if it never did.
    pub since: Option<SystemTime>,
    /// Its main process, in the node's own numbers.
    pub main_process: Option<u32>,
}

impl Unit {
    /// Does it run?
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self.state.as_str(), "active" | "reloading")
    }
}

/// systemd cannot be asked, or does not do what it is asked to.
#[derive(thiserror::Error, Debug)]
pub enum SystemdError {
    /// There is none.
    #[error(
        "the node's systemd cannot be reached: neither {BUS} nor {PRIVATE} is a socket that answers ({cause}). Nodes without systemd cannot be set up by this program"
    )]
    Connect {
        /// What went wrong.
        cause: Box<zbus::Error>,
    },
    /// A call failed.
    #[error("systemd does not {action} {unit}: {cause}")]
    Call {
        /// What was asked for.
        action: &'static str,
        /// The unit.
        unit: String,
        /// The answer.
        cause: Box<zbus::Error>,
    },
}

impl Systemd {
    /// Connects to the bus of the node, or else to systemd itself.
    ///
    /// # Errors
    /// If neither answers.
    pub async fn connect(host: &Host) -> Result<Self, SystemdError> {
        let at = |path: &str| {
            let place = host.place(Path::new(path));
            place.map_or_else(|_| PathBuf::from(path), |place| place.here)
        };
        let builder = |path: &str| Builder::address(format!("unix:path={}", at(path).display()).as_str());
        if let Ok(bus) = builder(BUS).method_timeout(PATIENCE).build().await {
            return Ok(Self { bus });
        }
        let own = builder(PRIVATE).p2p().method_timeout(PATIENCE).build().await;
        own.map(|bus| Self { bus }).map_err(|cause| SystemdError::Connect { cause: Box::new(cause) })
    }

    /// A unit; nothing if no unit has this name.
    ///
    /// # Errors
    /// If systemd does not answer.
    pub async fn unit(&self, name: &str) -> Result<Option<Unit>, SystemdError> {
        let failed = |cause| SystemdError::Call {
            action: "tell about",
            unit: name.to_owned(),
            cause: Box::new(cause),
        };
        let path: OwnedObjectPath =
            self.manager().await.map_err(failed)?.call("LoadUnit", &(name,)).await.map_err(failed)?;
        let unit = self.proxy(path.as_str(), UNIT).await.map_err(failed)?;
        let loaded: String = unit.get_property("LoadState").await.map_err(failed)?;
        if loaded != "loaded" {
            return Ok(None);
        }
        let state: String = unit.get_property("ActiveState").await.map_err(failed)?;
        let since: u64 = unit.get_property("InactiveExitTimestamp").await.map_err(failed)?;
        let service = self.proxy(path.as_str(), SERVICE).await.map_err(failed)?;
        // Units that are no services have no processes.
        let main_process = service.get_property::<u32>("MainPID").await.unwrap_or(0);
        let since = (since != 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_micros(since));
        Ok(Some(Unit {
            name: name.to_owned(),
            state,
            since,
            main_process: (main_process != 0).then_some(main_process),
        }))
    }

    /// Begins to restart a unit, whatever its state is.
    ///
    /// # Errors
    /// If systemd does not begin.
    pub async fn restart(&self, unit: &str) -> Result<(), SystemdError> {
        let failed =
            |cause| SystemdError::Call { action: "restart", unit: unit.to_owned(), cause: Box::new(cause) };
        let manager = self.manager().await.map_err(failed)?;
        // One that failed too often lately is not started again without this. If it is not in that state, nothing happens.
        let _ = manager.call::<_, _, ()>("ResetFailedUnit", &(unit,)).await;
        let _: OwnedObjectPath = manager.call("RestartUnit", &(unit, "replace")).await.map_err(failed)?;
        Ok(())
    }

    /// Lets systemd run these commands after a while, whatever becomes of this program: a timer and a service of this name.
    ///
    /// # Errors
    /// If systemd does not take them.
    pub async fn start_later(
        &self,
        name: &str,
        after: Duration,
        commands: &[Vec<String>],
    ) -> Result<(), SystemdError> {
        let (timer, service) = (format!("{name}.timer"), format!("{name}.service"));
        let failed =
            |cause| SystemdError::Call { action: "take", unit: timer.clone(), cause: Box::new(cause) };
        let manager = self.manager().await.map_err(failed)?;
        let description = "Puts containerd's configuration back if Contrast's node-installer was killed";
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let of_timer = vec![
            ("Description", Variant::from(description)),
            ("OnActiveSec", Variant::from(micros)),
            ("AccuracyUSec", Variant::from(1_000_000_u64)),
            ("RemainAfterElapse", Variant::from(false)),
        ];
        let starts: Vec<(String, Vec<String>, bool)> = commands
            .iter()
            .filter_map(|command| Some((command.first()?.clone(), command.clone(), false)))
            .collect();
        let of_service = vec![
            ("Description", Variant::from(description)),
            ("Type", Variant::from("oneshot")),
            ("ExecStart", Variant::from(starts)),
        ];
        let arguments = (timer.as_str(), "replace", of_timer, vec![(service.as_str(), of_service)]);
        let _: OwnedObjectPath = manager.call("StartTransientUnit", &arguments).await.map_err(failed)?;
        Ok(())
    }

    /// Stops a unit.
    ///
    /// # Errors
    /// If there is none of this name.
    pub async fn stop(&self, unit: &str) -> Result<(), SystemdError> {
        let failed =
            |cause| SystemdError::Call { action: "stop", unit: unit.to_owned(), cause: Box::new(cause) };
        let manager = self.manager().await.map_err(failed)?;
        let _: OwnedObjectPath = manager.call("StopUnit", &(unit, "replace")).await.map_err(failed)?;
        Ok(())
    }

    async fn manager(&self) -> zbus::Result<Proxy<'_>> {
        self.proxy(MANAGER_PATH, MANAGER).await
    }

    async fn proxy<'a>(&'a self, path: &'a str, interface: &'a str) -> zbus::Result<Proxy<'a>> {
        let builder = zbus::proxy::Builder::<Proxy<'_>>::new(&self.bus);
        let builder = builder.destination(NAME).path(path).interface(interface);
        builder.cache_properties(CacheProperties::No).build().await
    }
}
