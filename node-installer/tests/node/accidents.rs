//! What goes wrong, and that the node is then as it was.

use std::{fs, os::fd::AsFd as _};

use rustix::fs::FlockOperation;

use crate::{
    VERSION_3,
    world::{CONFIG, HANDLER, World, write},
};

#[test]
fn containerd_that_does_not_come_back_gets_its_configuration_back_and_is_not_tried_again() {
    type Fault = fn(&mut crate::world::State);
    let faults: [(Fault, &str); 2] = [
        (|state| state.breaks_with = Some(HANDLER.to_owned()), "containerd.service is failed"),
        (|state| state.ignores = Some(HANDLER.to_owned()), "does not know contrast-cc-simulated-00000000"),
    ];
    for (fault, expected) in faults {
        let world = World::new(VERSION_3);
        fault(&mut world.state.lock().unwrap());
        let said = world.install().unwrap_err();
        for part in
            ["did not come back within 1 s", expected, "containerd runs", "journalctl -u containerd.service"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(world.read(CONFIG), VERSION_3);
        assert_eq!(world.state.lock().unwrap().active, "active");
        assert_eq!((world.loaded(), world.restarts()), (vec!["runc".to_owned()], 2));

        let said = world.install().unwrap_err();
        assert!(
            said.contains("not tried again before the node restarts") && said.contains(expected),
            "{said}"
        );
        assert_eq!(world.restarts(), 2);
        // The node restarts.
        fs::remove_dir_all(world.path("/run/contrast")).unwrap();
        world.state.lock().unwrap().breaks_with = None;
        world.state.lock().unwrap().ignores = None;
        world.install().unwrap();
        assert!(world.loaded().contains(&HANDLER.to_owned()));
    }
}

#[test]
fn containerd_that_does_not_come_back_at_all_is_told_loudly() {
    let world = World::new(VERSION_3);
    world.state.lock().unwrap().breaks_with = Some("version".to_owned());
    let said = world.install().unwrap_err();
    assert!(said.contains("containerd does not run") && said.contains("This node needs you"), "{said}");
    assert_eq!(world.read(CONFIG), VERSION_3);
}

#[test]
fn an_uninstallation_that_containerd_does_not_survive_is_taken_back() {
    let world = World::new(VERSION_3);
    world.install().unwrap();
    let installed = world.tree();
    world.state.lock().unwrap().needs = Some(HANDLER.to_owned());
    let said = world.uninstall().unwrap_err();
    assert!(said.contains("The one of before is in place again, and containerd runs"), "{said}");
    assert!(world.loaded().contains(&HANDLER.to_owned()));
    assert_eq!(world.tree(), installed);
}

#[test]
fn configurations_that_cannot_be_changed_are_left_alone_and_told() {
    for (text, expected) in [
        ("version = 3\n[plugins\n", "it is no TOML: line 2"),
        ("version = 9\n", "it has version 9"),
        ("[plugins.cri]\n", "containerd config migrate"),
        ("version = 3\nimports = ['/etc/gone.toml']\n", "imports /etc/gone.toml, which is not there"),
        ("version = 2\ndisabled_plugins = ['cri']\n", "disables containerd's part for Kubernetes"),
    ] {
        let world = World::new(VERSION_3);
        fs::write(world.path(CONFIG), text).unwrap();
        let said = world.install().unwrap_err();
        assert!(said.contains(expected) && said.contains(CONFIG), "{said}");
        assert_eq!((world.read(CONFIG).as_str(), world.restarts()), (text, 0));
    }
    let world = World::new(VERSION_3);
    fs::write(world.path(CONFIG), b"\xff\xfe").unwrap();
    assert!(world.install().unwrap_err().contains("it is no text"));
}

#[test]
fn nodes_that_are_not_what_they_should_be_are_told() {
    let world = World::new(VERSION_3);
    world.state.lock().unwrap().active = "failed".to_owned();
    let said = world.install().unwrap_err();
    assert!(said.contains("none of these units runs") && said.contains("systemd-unit-name"), "{said}");
    world.state.lock().unwrap().start();

    write(&world.folder.path().join("target/systemd-unit-name"), "other.service, containerd.service\n");
    world.install().unwrap();
    write(&world.folder.path().join("target/systemd-unit-name"), "other.service\n");
    assert!(world.install().unwrap_err().contains("none of these units runs on the node: other.service"));
    write(&world.folder.path().join("target/sistemd-unit-name"), "x");
    assert!(world.install().unwrap_err().contains("sistemd-unit-name means nothing"));

    let world = World::new(VERSION_3);
    fs::remove_file(world.path("/run/dbus/system_bus_socket")).unwrap();
    assert!(world.install().unwrap_err().contains("systemd cannot be reached"));

    let world = World::new(VERSION_3);
    fs::remove_file(world.folder.path().join("image/program")).unwrap();
    assert!(world.install().unwrap_err().contains("the image is damaged"));
    assert_eq!((world.read(CONFIG).as_str(), world.restarts()), (VERSION_3, 0));
}

#[test]
fn a_configuration_in_another_place_is_found_by_the_target_configuration() {
    let world = World::new(VERSION_3);
    write(&world.path("/srv/containerd.toml"), "version = 3\n");
    write(&world.folder.path().join("target/containerd-config-path"), "srv/containerd.toml\n");
    // The make-believe containerd does not read it, so it comes back without the runtime.
    assert!(world.install().unwrap_err().contains("does not know contrast-cc-simulated-00000000"));
    assert_eq!(world.read("/srv/containerd.toml"), "version = 3\n");
    assert_eq!(world.read(CONFIG), VERSION_3);
}

#[test]
fn two_installers_do_not_work_at_once() {
    let world = World::new(VERSION_3);
    write(&world.path("/run/contrast/node-installer/lock"), "");
    let lock = fs::File::open(world.path("/run/contrast/node-installer/lock")).unwrap();
    rustix::fs::flock(lock.as_fd(), FlockOperation::LockExclusive).unwrap();
    let said = world.install().unwrap_err();
    assert!(said.contains("another installer works on this node"), "{said}");
    assert_eq!(world.restarts(), 0);
    drop(lock);
    world.install().unwrap();
}
