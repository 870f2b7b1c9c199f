//! The Coordinator's block device, on real ones: the first start, later starts, what is left alone, what may go wrong.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Stdio},
};

use contrast_coordinator::state_device::{Content, Found, LABEL, inspect};
use contrast_tests::{Coordinator, Deployment, LoopDevice, search_path, with_own_mounts};

const MIB: u64 = 1 << 20;
const SIZE: u64 = 64 * MIB;

/// The command of a Coordinator on a device, in a mount namespace where `script` ran before.
fn command(deployment: &Deployment, device: &Path, script: &str) -> Command {
    let mut command = deployment.coordinator_command();
    command.arg("--state-device").arg(device);
    let mut own = with_own_mounts(&command, script);
    own.env("PATH", search_path(&deployment.workspace));
    own
}

fn start(deployment: &Deployment, device: &LoopDevice) -> Coordinator {
    Coordinator::start(command(deployment, &device.path, ""))
}

/// Why a Coordinator on this device does not start.
fn refusal(deployment: &Deployment, device: &Path, script: &str) -> String {
    let (status, said) = Coordinator::refuses_to_start(command(deployment, device, script));
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

/// Puts a program of this name before all others, as a shell script. `real` finds the one that it stands for.
fn stand_in(deployment: &Deployment, name: &str, script: &str) {
    let path = deployment.workspace.join(name);
    let real = format!("real() {{ PATH=${{PATH#*:}} {name} \"$@\"; }}");
    fs::write(&path, format!("#!/bin/sh\nset -e\n{real}\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn content(device: &LoopDevice) -> Content {
    let file = fs::File::open(&device.content).unwrap();
    inspect(&file, file.metadata().unwrap().len()).unwrap()
}

/// What util-linux says about a device: one field.
fn blkid(device: &LoopDevice, field: &str) -> String {
    let mut command = Command::new("blkid");
    command.args(["--probe", "--output", "value", "--match-tag", field]).arg(&device.content);
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn an_empty_device_is_formatted_once_and_carries_the_deployment_over_restarts() {
    let deployment = Deployment::new();
    let Some(device) = LoopDevice::new(SIZE) else { return };
    assert_eq!(content(&device), Content::Empty);
    let coordinator = start(&deployment, &device);
    coordinator.wait_for_log("formatted and mounted the state device");
    deployment.contrast(&coordinator, "set", &[]).success();
    coordinator.kill();
    assert_eq!((blkid(&device, "TYPE"), blkid(&device, "LABEL")), ("ext4".to_owned(), LABEL.to_owned()));

    let coordinator = start(&deployment, &device);
    coordinator.wait_for_log("INFO contrast_coordinator::serve: mounted the state device");
    deployment.contrast(&coordinator, "recover", &[]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
    // Nothing there is a program, a device or a followed link, whatever the host puts there.
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", coordinator.process_id())).unwrap();
    let mount = mounts.lines().find(|line| line.contains(deployment.state_dir.to_str().unwrap())).unwrap();
    for option in ["nosuid", "nodev", "noexec", "nosymfollow"] {
        assert!(mount.contains(option), "{option}: {mount}");
    }
    assert!(coordinator.stop().0.success());
    assert!(
        fs::read_dir(&deployment.state_dir).unwrap().next().is_none(),
        "the store is on the device alone"
    );
}

#[test]
fn a_device_that_is_mounted_on_the_directory_already_is_used() {
    let deployment = Deployment::new();
    let Some(device) = LoopDevice::new(SIZE) else { return };
    start(&deployment, &device).kill();
    // Also by another of its names.
    let alias = deployment.workspace.join("disk");
    std::os::unix::fs::symlink(&device.path, &alias).unwrap();
    let script = format!("mount {} {}", device.path.display(), deployment.state_dir.display());
    let coordinator = Coordinator::start(command(&deployment, &alias, &script));
    coordinator.wait_for_log("the state device is mounted already");
    deployment.contrast(&coordinator, "set", &[]).success();
}

#[test]
fn a_kill_at_any_step_of_the_first_start_is_made_good_by_the_next() {
    for (step, script) in [
        ("before the file system", "kill -KILL $PPID"),
        ("in the middle of it", "for device; do :; done; printf garbage >\"$device\"; kill -KILL $PPID"),
        ("between the file system and the mount", "real \"$@\"; kill -KILL $PPID"),
    ] {
        let deployment = Deployment::new();
        let Some(device) = LoopDevice::new(SIZE) else { return };
        stand_in(&deployment, "mkfs.ext4", script);
        let (status, said) = Coordinator::refuses_to_start(command(&deployment, &device.path, ""));
        assert_eq!(status.code(), None, "{step}: it was killed, but said: {said}");
        assert_eq!(content(&device), Content::Unfinished, "{step}");
        fs::remove_file(deployment.workspace.join("mkfs.ext4")).unwrap();
        let coordinator = start(&deployment, &device);
        coordinator.wait_for_log("formatted and mounted the state device");
        deployment.contrast(&coordinator, "set", &[]).success();
        coordinator.kill();
        assert_eq!(content(&device), Content::Ours, "{step}");
    }
}

#[test]
fn whatever_else_is_on_a_device_is_named_and_left_alone() {
    let deployment = Deployment::new();
    // By their own programs, as they are made in practice, and by hand what has none.
    let programs: [(&str, &[&str], &str, &str); 6] = [
        ("mkfs.ext4", &["-q", "-L", "data"], "", "an ext4 file system labelled \"data\""),
        (
            "mkfs.ext4",
            &["-q", "-O", "none", "-L", LABEL],
            "",
            "an ext2 file system labelled \"contrast-state\"",
        ),
        ("mkswap", &["--quiet"], "", "a swap area"),
        ("sfdisk", &["--quiet"], "label: gpt\n,,\n", "a partition table (GPT)"),
        ("sfdisk", &["--quiet"], "label: dos\n,,\n", "a partition table or a boot sector"),
        (
            "cryptsetup",
            &[
                "luksFormat",
                "--batch-mode",
                "--pbkdf-force-iterations=4",
                "--pbkdf-memory=32",
                "--key-file=-",
            ],
            "a passphrase",
            "a LUKS encrypted volume",
        ),
    ];
    for (program, arguments, input, expected) in programs {
        let Some(device) = LoopDevice::new(SIZE) else { return };
        let mut command = Command::new(program);
        command.args(arguments).arg(&device.content).env("PATH", search_path(&deployment.workspace));
        pour(command, input);
        assert_ne!(blkid(&device, "TYPE") + &blkid(&device, "PTTYPE"), "", "{program} {arguments:?}");
        stays(&deployment, &device, expected);
    }
    for (offset, expected) in [
        (4096, "data of an unknown kind (at byte 4096)".to_owned()),
        (MIB - 1, format!("(at byte {})", MIB - 1)),
        (SIZE - MIB, format!("(at byte {})", SIZE - MIB)),
        (SIZE - 1, format!("(at byte {})", SIZE - 1)),
    ] {
        let Some(device) = LoopDevice::new(SIZE) else { return };
        fs::OpenOptions::new().write(true).open(&device.content).unwrap().write_all_at(&[7], offset).unwrap();
        stays(&deployment, &device, &expected);
    }
}

/// Runs a program with this on its standard input.
fn pour(mut command: Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}");
}

/// The Coordinator says what is on the device, and no bit of it changes.
fn stays(deployment: &Deployment, device: &LoopDevice, expected: &str) {
    let before = device.digest();
    let said = refusal(deployment, &device.path, "");
    assert!(said.contains(expected) && said.contains("left as it is"), "{expected}: {said}");
    assert_eq!(device.digest(), before, "{expected}");
}

#[test]
fn a_disk_that_lost_its_beginning_is_not_an_empty_one() {
    let Some(device) = LoopDevice::new(256 * MIB) else { return };
    let mut command = Command::new("mkfs.ext4");
    command.args(["-q", "-b", "4096"]).arg(&device.content).env("PATH", search_path(Path::new("/sbin")));
    pour(command, "");
    fs::OpenOptions::new()
        .write(true)
        .open(&device.content)
        .unwrap()
        .write_all_at(&vec![0; 1 << 20], 0)
        .unwrap();
    assert_eq!(content(&device), Content::Foreign(Found::Known("what is left of an ext file system")));
}

#[test]
fn what_is_no_device_for_it_is_said_with_what_to_do() {
    let deployment = Deployment::new();
    for (path, expected) in [
        ("/dev/no-such-device", "give the pod a block volume"),
        ("/dev/null", "is not a block device"),
        ("/", "is not a block device"),
    ] {
        let said = refusal(&deployment, Path::new(path), "");
        assert!(said.contains(expected), "{path}: {said}");
    }
    let Some(small) = LoopDevice::new(8 * MIB) else { return };
    let said = refusal(&deployment, &small.path, "");
    assert!(said.contains("has 8388608 bytes, and needs 16777216 at least"), "{said}");
    assert_eq!(content(&small), Content::Empty);
}

#[test]
fn a_device_or_directory_in_other_use_is_not_touched() {
    let deployment = Deployment::new();
    let Some(device) = LoopDevice::new(SIZE) else { return };
    let state = deployment.state_dir.display();
    let elsewhere = deployment.workspace.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    start(&deployment, &device).kill();
    let before = device.digest();
    let mount = format!("mount -o ro,noload {} {}", device.path.display(), elsewhere.display());
    let said = refusal(&deployment, &device.path, &mount);
    assert!(said.contains(&format!("in use, mounted on {}", elsewhere.display())), "{said}");
    let said = refusal(&deployment, &device.path, &format!("mount -t tmpfs other {state}"));
    assert!(said.contains("other is mounted on the state directory"), "{said}");
    // A part of the right file system is not the right one.
    let part = format!("{mount}; mount --bind {}/lost+found {state}", elsewhere.display());
    let said = refusal(&deployment, &device.path, &part);
    assert!(said.contains("is mounted on the state directory"), "{said}");
    assert_eq!(device.digest(), before);
    // Neither is one that another Coordinator has, whose mounts nobody sees.
    let other = start(&deployment, &device);
    let said = refusal(&deployment, &device.path, "");
    assert!(said.contains("is in use; end what uses it first"), "{said}");
    other.kill();
    let before = device.digest();
    fs::write(deployment.state_dir.join("log"), "").unwrap();
    let said = refusal(&deployment, &device.path, "");
    assert!(said.contains("holds files (log for example), which the state device would hide"), "{said}");
    assert_eq!(device.digest(), before);
}

#[test]
fn a_device_that_fails_and_a_program_that_fails_or_is_missing_are_named() {
    let deployment = Deployment::new();
    let Some(device) = LoopDevice::new(SIZE) else { return };
    let said = refusal(
        &deployment,
        &device.path,
        "mount -t tmpfs none /usr/sbin; mount -t tmpfs none /sbin; PATH=/nowhere; export PATH",
    );
    assert!(said.contains("there is no program `mkfs.ext4`") && said.contains("e2fsprogs"), "{said}");
    stand_in(&deployment, "mkfs.ext4", "printf '\\033[2Jno luck' >&2; exit 3");
    let said = refusal(&deployment, &device.path, "");
    assert!(said.contains("(exit status: 3): \\u{1b}[2Jno luck; check that the volume"), "{said}");
    stand_in(&deployment, "mkfs.ext4", "exit 0");
    let said = refusal(&deployment, &device.path, "");
    assert!(said.contains("does not hold the file system that was just made on it"), "{said}");
    fs::remove_file(deployment.workspace.join("mkfs.ext4")).unwrap();
    let said = refusal(&deployment, &device.path, "exec setpriv --bounding-set=-sys_admin \"$@\"");
    assert!(said.contains("takes the capability SYS_ADMIN"), "{said}");
    start(&deployment, &device).kill();

    let locked = format!(
        "blockdev --setro {0}; trap 'blockdev --setrw {0}' EXIT; \"$@\"; exit",
        device.path.display()
    );
    let said = refusal(&deployment, &device.path, &locked);
    assert!(said.contains("is read-only; attach the volume writable"), "{said}");

    // A number of blocks that does not fit the checksum.
    let content = fs::OpenOptions::new().write(true).open(&device.content).unwrap();
    content.write_all_at(&[0xff; 4], 1024 + 4).unwrap();
    let said = refusal(&deployment, &device.path, "");
    assert!(said.contains("cannot be mounted on") && said.contains("e2fsck"), "{said}");

    // The kernel keeps the size; what is behind the end of the file is unreadable.
    content.set_len(MIB).unwrap();
    let said = refusal(&deployment, &device.path, "");
    assert!(said.contains("cannot read the state device") && said.contains("healthy"), "{said}");
}
