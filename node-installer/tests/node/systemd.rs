//! systemd on the bus: one unit, which can be restarted.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use zbus::{Connection, ObjectPath, OwnedObjectPath, OwnedVariant, connection::Builder, fdo, interface};

use crate::world::State;

type Shared = Arc<Mutex<State>>;

const UNIT: &str = "/org/freedesktop/systemd1/unit/it";
const NONE: &str = "/org/freedesktop/systemd1/unit/none";

pub(crate) async fn serve(socket: &Path, state: Shared) -> zbus::Result<Connection> {
    Builder::address(format!("unix:path={}", socket.display()).as_str())
        .name("org.freedesktop.systemd1")
        .serve_at("/org/freedesktop/systemd1", Manager(Arc::clone(&state)))
        .serve_at(UNIT, Unit(Some(Arc::clone(&state))))
        .serve_at(UNIT, Service)
        .serve_at(NONE, Unit(None))
        .serve_at(NONE, Service)
        .build()
        .await
}

struct Manager(Shared);

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn load_unit(&self, name: String) -> fdo::Result<OwnedObjectPath> {
        let known = self.0.lock().unwrap().unit == name;
        Ok(ObjectPath::from_static_str_unchecked(if known { UNIT } else { NONE }).into())
    }

    async fn reset_failed_unit(&self, _name: String) -> fdo::Result<()> {
        Ok(())
    }

    async fn start_transient_unit(
        &self,
        name: String,
        _mode: String,
        _properties: Vec<(String, OwnedVariant)>,
        others: Vec<(String, Vec<(String, OwnedVariant)>)>,
    ) -> fdo::Result<OwnedObjectPath> {
        assert_eq!(name, "contrast-node-installer-guard.timer");
        let mut properties = others.into_iter().flat_map(|(_, properties)| properties);
        let (_, starts) = properties.find(|(name, _)| name == "ExecStart").unwrap();
        let starts: Vec<(String, Vec<String>, bool)> = starts.try_into().unwrap();
        let commands = starts.into_iter().map(|(_, words, _)| words).collect();
        self.0.lock().unwrap().guard = Some(commands);
        Ok(ObjectPath::from_static_str_unchecked("/org/freedesktop/systemd1/job/1").into())
    }

    async fn stop_unit(&self, name: String, _mode: String) -> fdo::Result<OwnedObjectPath> {
        assert_eq!(name, "contrast-node-installer-guard.timer");
        let stopped = self.0.lock().unwrap().guard.take();
        let job = ObjectPath::from_static_str_unchecked("/org/freedesktop/systemd1/job/1").into();
        stopped.map(|_| job).ok_or_else(|| fdo::Error::Failed("it is not loaded".to_owned()))
    }

    async fn restart_unit(&self, name: String, mode: String) -> fdo::Result<OwnedObjectPath> {
        let mut state = self.0.lock().unwrap();
        assert_eq!((name.as_str(), mode.as_str()), (state.unit.as_str(), "replace"));
        state.restarts += 1;
        state.start();
        Ok(ObjectPath::from_static_str_unchecked("/org/freedesktop/systemd1/job/1").into())
    }
}

struct Unit(Option<Shared>);

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    async fn load_state(&self) -> String {
        if self.0.is_some() { "loaded" } else { "not-found" }.to_owned()
    }

    #[zbus(property)]
    async fn active_state(&self) -> String {
        self.0.as_ref().map_or("inactive".to_owned(), |state| state.lock().unwrap().active.clone())
    }

    #[zbus(property)]
    async fn inactive_exit_timestamp(&self) -> u64 {
        self.0.as_ref().map_or(0, |state| state.lock().unwrap().since)
    }
}

struct Service;

#[interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property, name = "MainPID")]
    async fn main_pid(&self) -> u32 {
        0
    }
}
