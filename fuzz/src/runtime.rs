//! What containerd tells the runtime of the simulated platform.

use std::{cell::RefCell, ffi::OsString, os::unix::ffi::OsStringExt as _, thread_local};

use contrast_policy::Engine;
use contrast_simulated_runtime::{
    PodPolicy,
    command_line::{Call, CommandLine, is_identifier},
    configuration::Configuration,
    denial,
    requests::{self, Disks, Volume},
};

/// Arguments, each on a line: an identifier that is read is one, and stands there as it is.
///
/// # Panics
/// If it is not, or does not.
pub fn runtime_call(bytes: &[u8]) {
    let words = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    let arguments: Vec<_> = words.map(OsString::from_vec).collect();
    let Ok(CommandLine { call, .. }) = CommandLine::read(&arguments) else { return };
    let id = match call {
        Call::Create { id, .. }
        | Call::Start { id }
        | Call::Exec { id, .. }
        | Call::Kill { id, .. }
        | Call::Delete { id }
        | Call::Update { id, .. }
        | Call::Pause { id }
        | Call::Resume { id }
        | Call::Events { id } => id,
        Call::Plain | Call::Sign { .. } => return,
    };
    assert!(is_identifier(&id) && arguments.contains(&OsString::from(id)));
}

/// The configuration of a container: whatever it says, it becomes a request, or is refused; and what a policy refuses is told in few words.
///
/// # Panics
/// If more words are told.
pub fn runtime_configuration(bytes: &[u8]) {
    /// Every source is a volume.
    struct All;
    impl Disks for All {
        fn volume(&mut self, source: &str) -> Option<Volume> {
            Some(Volume::Memory { name: source.to_owned(), group: Some(7) })
        }

        fn device(&mut self, _: &serde_json::Value) -> String {
            "01".to_owned()
        }
    }
    thread_local! {
        static ENGINE: RefCell<Option<Engine>> =
            RefCell::new(Engine::load("package agent_policy\ndefault CreateContainerRequest := false\n").ok());
    }
    let Ok(configuration) = Configuration::parse(bytes) else { return };
    let _ = PodPolicy::of(&configuration);
    let _ = (configuration.role(), configuration.network(), configuration.bound().count());
    let value = configuration.value();
    let _ = (requests::create_sandbox(value, "ab"), requests::exec_process(value, "ab", "cd"));
    let _ = requests::update_container(value, "ab");
    let Ok(request) = requests::create_container(value, "ab", "/b", &mut All) else { return };
    ENGINE.with_borrow_mut(|engine| {
        let Some(engine) = engine else { return };
        if let Err(denial) = denial::ask(engine, &request) {
            assert!(denial.to_string().len() <= denial::MAX_LEN);
        }
    });
}
