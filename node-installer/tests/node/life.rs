//! What happens on a node where nothing goes wrong.

use std::{fs, time::SystemTime};

use crate::{
    VERSION_3,
    world::{CONFIG, HANDLER, K3S, TEMPLATE, World, write},
};

const AKS: &str = include_str!("../../src/containerd/document/samples/aks.toml");
const K3S_3: &str = include_str!("../../src/containerd/document/samples/k3s-v3.toml");

#[test]
fn a_runtime_is_installed_once_and_removed_without_a_trace() {
    for configuration in [VERSION_3, AKS] {
        let world = World::new(configuration);
        let untouched = world.tree();
        let said = world.install().unwrap();
        assert!(
            said.contains("is installed on this node")
                && said.contains("Nothing that it runs is confidential")
        );
        assert_eq!(world.loaded().iter().filter(|name| *name == HANDLER).count(), 1);
        assert!(world.path(&format!("/opt/edgeless/{HANDLER}/bin/contrast-simulated-runtime")).exists());
        assert_eq!(world.read(&format!("{CONFIG}.before-{HANDLER}")), configuration);
        assert_eq!(world.restarts(), 1);

        let installed = world.tree();
        let said = world.install().unwrap();
        assert!(said.contains("knows contrast-cc-simulated-00000000 already"), "{said}");
        assert_eq!((world.restarts(), world.tree()), (1, installed), "nothing to do, so nothing is done");

        world.uninstall().unwrap();
        assert_eq!(world.restarts(), 2);
        assert!(!world.loaded().contains(&HANDLER.to_owned()));
        assert_eq!(world.read(CONFIG), configuration);
        let left: Vec<_> = world.tree().into_iter().filter(|entry| !untouched.contains(entry)).collect();
        assert_eq!(left, [], "nothing is left");
        world.uninstall().unwrap();
        assert_eq!(world.restarts(), 2);
    }
}

#[test]
fn a_configuration_that_was_not_read_yet_is_read_by_a_restart() {
    let world = World::new(VERSION_3);
    world.install().unwrap();
    // Somebody else changes something, and does not restart.
    let text = world.read(CONFIG) + "# by hand\n";
    fs::write(world.path(CONFIG), &text).unwrap();
    // The kernel's own stamp is the last tick's, which may have been before this containerd's start.
    fs::File::open(world.path(CONFIG)).unwrap().set_modified(SystemTime::now()).unwrap();
    world.install().unwrap();
    assert_eq!((world.restarts(), world.read(CONFIG)), (2, text));
}

#[test]
fn a_configuration_behind_a_link_and_without_a_file_are_changed_as_well() {
    let world = World::new(VERSION_3);
    fs::rename(world.path(CONFIG), world.path("/etc/real.toml")).unwrap();
    std::os::unix::fs::symlink("../real.toml", world.path(CONFIG)).unwrap();
    world.install().unwrap();
    assert!(fs::symlink_metadata(world.path(CONFIG)).unwrap().is_symlink());
    assert!(world.read("/etc/real.toml").contains(HANDLER));
    world.uninstall().unwrap();
    assert_eq!(world.read("/etc/real.toml"), VERSION_3);

    let world = World::new("version = 2\n");
    fs::remove_file(world.path(CONFIG)).unwrap();
    world.install().unwrap();
    assert!(world.loaded().contains(&HANDLER.to_owned()));
    // A containerd that has no configuration at all starts, too; ours does not, so it is not asked to.
    let text = world.read(CONFIG);
    assert!(
        text.starts_with("# Contrast's node-installer made this file") && text.contains("version = 2"),
        "{text}"
    );
}

#[test]
fn a_template_is_added_to_and_restored() {
    for template in [None, Some("{{ template \"base\" . }}\n# mine\n[debug]\nlevel = \"info\"\n")] {
        let world = World::k3s(K3S_3);
        if let Some(template) = template {
            write(&world.path(TEMPLATE), template);
            world.state.lock().unwrap().start();
        }
        world.install().unwrap();
        assert!(world.loaded().contains(&HANDLER.to_owned()));
        assert_eq!(world.read(TEMPLATE).matches("template \"base\"").count(), 1);
        world.install().unwrap();
        assert_eq!(world.restarts(), 1);
        world.uninstall().unwrap();
        assert_eq!(fs::read_to_string(world.path(TEMPLATE)).ok().as_deref(), template);
        assert!(!world.read(K3S).contains("contrast"));
    }
}

#[test]
fn an_upgrade_takes_away_what_nobody_uses_or_wants_any_more() {
    const NEW: &str = "contrast-cc-simulated-11111111";
    let pod =
        |application: &str, runtime: &str| ("pod".to_owned(), application.to_owned(), runtime.to_owned());
    let installer = format!("{HANDLER}-nodeinstaller");
    for (pods, stays) in [
        (vec![], false),
        (vec![pod("web", ""), pod("other", NEW)], false),
        (vec![pod("web", HANDLER)], true),
        (vec![pod(&installer, "")], true),
    ] {
        let world = World::new(VERSION_3);
        world.install().unwrap();
        world.image(NEW);
        world.state.lock().unwrap().pods.clone_from(&pods);
        world.install().unwrap();
        assert_eq!(world.restarts(), 2, "one for both");
        assert!(world.loaded().contains(&NEW.to_owned()));
        assert_eq!(world.loaded().contains(&HANDLER.to_owned()), stays, "{pods:?}");
        assert_eq!(world.path(&format!("/opt/edgeless/{HANDLER}")).exists(), stays);
        assert!(world.path("/var/lib/contrast/simulated/processor").exists(), "keys outlive versions");

        // The new one goes: keys stay as long as there is a version that uses them.
        world.state.lock().unwrap().pods.clear();
        world.uninstall().unwrap();
        assert_eq!(world.path("/var/lib/contrast/simulated/processor").exists(), stays);
        assert_eq!(world.read(CONFIG) == VERSION_3, !stays);
    }
}

#[test]
fn a_runtime_in_use_is_not_removed() {
    let world = World::new(VERSION_3);
    world.install().unwrap();
    let installed = world.tree();
    for (application, runtime, expected) in [
        ("web", HANDLER, "is in use on this node by default/shop"),
        ("contrast-cc-simulated-00000000-nodeinstaller", "", "delete the DaemonSet that installs it first"),
    ] {
        let pods = vec![("shop".to_owned(), application.to_owned(), runtime.to_owned())];
        world.state.lock().unwrap().pods = pods;
        let said = world.uninstall().unwrap_err();
        assert!(said.contains(expected), "{said}");
        assert_eq!((world.restarts(), world.tree()), (1, installed.clone()));
    }
}
