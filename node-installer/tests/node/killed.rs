//! Killed at every step: containerd starts with what is there, and the next run finishes the work.

use std::{fs, os::unix::process::ExitStatusExt as _, path::Path, process::Command};

use crate::{
    VERSION_3,
    world::{CONFIG, HANDLER, World},
};

/// System calls that change the node, or ask others to.
const STEPS: &str = "rename,unlink,unlinkat,rmdir,mkdir,fsync,fchmod,sendmsg,connect";

/// Runs the program until its `step`th such call, and kills it there. Says whether it got to its end before.
fn kill_at(world: &World, command: &[&str], step: u32) -> bool {
    let mut traced = Command::new("strace");
    traced.args(["-o", "/dev/null"]);
    traced.arg("-e").arg(format!("inject={STEPS}:signal=KILL:when={step}"));
    traced.arg(env!("CARGO_BIN_EXE_node-installer")).args(world.arguments(command)).env_clear();
    let status = traced.output().expect("strace can be started").status;
    // Killed, or ended by itself: with success, or with what it says about a containerd that does not come back.
    let killed = status.signal() == Some(9) || status.code() == Some(137);
    assert!(killed || matches!(status.code(), Some(0 | 1)), "{status}");
    !killed
}

/// Restarts containerd, as a boot would: it has to start, with what it names in place.
fn boots(world: &World, step: u32) {
    let mut state = world.state.lock().unwrap();
    state.start();
    assert_eq!(state.active, "active", "after step {step}");
    assert!(state.loaded.contains("runc"), "after step {step}");
    let has = state.loaded.contains(HANDLER);
    drop(state);
    let program = world.path(&format!("/opt/edgeless/{HANDLER}/bin/contrast-simulated-runtime"));
    let is_whole = fs::read_to_string(program).is_ok_and(|text| text == "#!/bin/sh\n");
    assert!(!has || is_whole, "after step {step}, containerd names a program that is not there");
}

#[test]
fn an_installation_that_is_killed_anywhere_is_finished_by_the_next() {
    let whole = World::new(VERSION_3);
    whole.install().unwrap();
    let mut step = 0;
    loop {
        step += 1;
        let world = World::new(VERSION_3);
        let done = kill_at(&world, &["simulated"], step);
        // Half of the nodes are booted in between.
        if step % 2 == 0 {
            boots(&world, step);
        }
        world.install().unwrap_or_else(|said| panic!("after step {step}: {said}"));
        assert_same(&world, &whole, step);
        boots(&world, step);
        if done {
            break;
        }
    }
    assert!(step > 20, "only {step} steps");
}

#[test]
fn a_removal_that_is_killed_anywhere_is_finished_by_the_next() {
    let mut step = 0;
    loop {
        step += 1;
        let world = World::new(VERSION_3);
        let untouched = World::new(VERSION_3);
        world.install().unwrap();
        let done = kill_at(&world, &["uninstall", "simulated"], step);
        if step % 2 == 0 {
            boots(&world, step);
        }
        world.uninstall().unwrap_or_else(|said| panic!("after step {step}: {said}"));
        assert_eq!(world.read(CONFIG), VERSION_3, "after step {step}");
        fs::remove_dir_all(untouched.path("/var/lib/contrast")).unwrap();
        assert_same(&world, &untouched, step);
        if done {
            break;
        }
    }
    assert!(step > 10, "only {step} steps");
}

#[test]
fn containerd_that_does_not_start_is_brought_back_also_if_the_installer_is_killed_meanwhile() {
    let (mut step, mut helped) = (0, 0);
    loop {
        step += 1;
        let world = World::new(VERSION_3);
        world.state.lock().unwrap().breaks_with = Some(HANDLER.to_owned());
        let done = kill_at(&world, &["simulated"], step);
        let mut state = world.state.lock().unwrap();
        helped += u32::from(state.active != "active");
        state.time_passes();
        assert_eq!(state.active, "active", "after step {step}");
        // And so it is at the next start of the node.
        state.start();
        assert_eq!(state.active, "active", "after step {step}");
        drop(state);
        assert_eq!(world.read(CONFIG), VERSION_3, "after step {step}");
        if done {
            break;
        }
    }
    assert!(helped > 0, "it was never needed");
}

fn assert_same(one: &World, other: &World, step: u32) {
    let files = |world: &World| -> Vec<_> {
        let root = world.path("/");
        let relative = |path: &Path| path.strip_prefix(&root).unwrap().to_owned();
        let empty = [Path::new("opt"), Path::new("opt/edgeless")];
        let all = world.tree().into_iter().map(|(path, mode, content)| (relative(&path), mode, content));
        // Keys are the same; a folder that others may need stays.
        all.filter(|(path, ..)| !empty.contains(&path.as_path())).collect()
    };
    assert_eq!(files(one), files(other), "after step {step}");
}
