//! What may happen on the way.

use std::{fs, net::TcpListener, process::Command};

use crate::{Room, application, pod};

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    // A registry that takes a connection and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let name = format!("{address}/shop/web:1@sha256:{}", "ab".repeat(32));
    let room = Room::with(&[("resources/web.yaml", &pod("web").replace(&application().pinned(), &name))]);
    let before = room.files();
    let mut child = room.command(&[&format!("--insecure-registry={address}"), "resources"]).spawn().unwrap();
    // Once it has connected, it waits.
    let _connection = silent.accept().unwrap();
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(room.files(), before);
}

#[test]
fn a_full_disk_is_an_error_and_no_file_is_half_new() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    let disk = room.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&disk).status();
    assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a small file system, as root");
    let _unmount = Unmount(disk.clone());
    for name in ["coordinator.yml", "web.yaml"] {
        fs::copy(room.path("resources").join(name), disk.join(name)).unwrap();
    }
    fs::write(disk.join("filler"), vec![1; 1 << 20]).unwrap_err();
    let read = |name: &str| fs::read(disk.join(name)).unwrap();
    let before = ["coordinator.yml", "web.yaml"].map(read);
    let said = room.run(&["disk"]).failure();
    assert!(said.contains("cannot write disk/") && said.contains("No space left"), "{said}");
    assert_eq!(["coordinator.yml", "web.yaml"].map(read), before);
    assert!(!room.path("manifest.json").exists(), "the manifest names policies that no resource has");
    let left: Vec<_> = fs::read_dir(&disk).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "a draft is left: {left:?}");
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn no_home_directory_is_needed() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    let mut command = room.command(&["resources"]);
    command.env_remove("HOME").env_remove("XDG_CACHE_HOME").env_remove("CONTRAST_CACHE_DIR");
    contrast_tests::Answer::of(command).success();
}

#[test]
fn two_runs_at_once_do_not_spoil_each_other() {
    let room = Room::shop();
    let runs: Vec<_> = (0..4).map(|_| room.command(&["resources"]).spawn().unwrap()).collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    let again = room.run(&["--check", "resources"]).success();
    assert_eq!(again.stdout, "");
}

#[test]
fn a_file_that_cannot_be_written_leaves_no_new_key_behind() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    fs::remove_file(room.path("workload-owner.pem")).unwrap();
    let file = room.path("resources/web.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let before = room.files();
    assert!(room.run(&["resources"]).failure().contains("cannot write resources/web.yaml"));
    assert_eq!(room.files(), before);
}
