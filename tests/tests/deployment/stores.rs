//! Stores that are not as a Coordinator left them. (Every byte, chunk and crash state: tests of `store`.)

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Command,
};

use contrast_tests::{Coordinator, Deployment, program};

/// A deployment whose Coordinator was stopped after two manifests.
fn stopped() -> Deployment {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    for _ in 0..2 {
        deployment.contrast(&coordinator, "set", &["--atomic"]).success();
        touch_manifest(&deployment);
    }
    assert!(coordinator.stop().0.success());
    deployment
}

/// Makes the manifest another one, byte for byte.
pub(crate) fn touch_manifest(deployment: &Deployment) {
    let mut bytes = fs::read(deployment.manifest_path()).unwrap();
    bytes.push(b'\n');
    fs::write(deployment.manifest_path(), bytes).unwrap();
}

/// Why the Coordinator does not start, or stays locked when its owner recovers it; nothing if it serves.
fn refusal(deployment: &Deployment) -> Option<String> {
    let mut process = deployment.coordinator_command().spawn().unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let decisive =
        lines.map_while(Result::ok).find(|line| line.contains("serving") || line.contains("Error"));
    process.kill().unwrap();
    process.wait().unwrap();
    let line = decisive.unwrap_or_default();
    if !line.contains("serving") {
        return Some(line);
    }
    let coordinator = deployment.start();
    let answer = deployment.contrast(&coordinator, "recover", &[]);
    let ready = coordinator.ops.get("/probe/readiness").0 == 200;
    assert_eq!(ready, answer.code == 0, "{answer:?}");
    (!ready).then_some(answer.stderr)
}

/// The file that holds everything: sled's log (docs/store-format.md).
fn database(state_dir: &Path) -> PathBuf {
    state_dir.join("log/db")
}

/// Replaces a folder by a copy of another.
pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn a_cut_store_is_refused_or_found_out_by_who_remembers_more() {
    let deployment = stopped();
    let database = database(&deployment.state_dir);
    let whole = fs::read(&database).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for keep in [0, 1, used / 3, used / 2, used - 1] {
        let saved = deployment.state_dir.with_extension("saved");
        copy(&deployment.state_dir, &saved);
        fs::write(&database, &whole[..keep]).unwrap();
        // A tail that held nothing yet may go; whoever set two manifests finds out about every other cut.
        let refused = refusal(&deployment);
        assert!(refused.is_some() || keep == used - 1, "cut to {keep} of {used} bytes");
        fs::remove_dir_all(&deployment.state_dir).unwrap();
        fs::rename(&saved, &deployment.state_dir).unwrap();
    }
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
}

#[test]
fn a_store_mixed_from_two_deployments_is_refused() {
    let (one, other) = (stopped(), stopped());
    fs::copy(database(&other.state_dir), database(&one.state_dir)).unwrap();
    assert!(refusal(&one).is_some());
}

#[test]
fn a_store_of_another_deployment_is_refused() {
    let (one, other) = (stopped(), stopped());
    copy(&other.state_dir, &one.state_dir);
    let said = refusal(&one).unwrap();
    assert!(said.contains("another deployment") || said.contains("seed share"), "{said}");
}

#[test]
fn a_store_that_was_rolled_back_is_reported_to_who_remembers_the_later_state() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    coordinator.kill();
    let old = deployment.state_dir.with_extension("old");
    copy(&deployment.state_dir, &old);
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
    touch_manifest(&deployment);
    deployment.contrast(&coordinator, "set", &["--atomic"]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
    let remembered = fs::read(deployment.workspace.join("verify/latest-transition")).unwrap();
    coordinator.kill();
    copy(&old, &deployment.state_dir);

    let coordinator = deployment.start();
    let said = deployment.contrast(&coordinator, "recover", &[]).failure();
    assert!(said.contains("rolled back"), "{said}");
    assert_eq!(coordinator.ops.get("/probe/readiness").0, 503);
    // Somebody else recovers it without remembering anything; whoever remembers still finds out.
    let memory = deployment.workspace.join("verify/latest-transition");
    fs::rename(&memory, memory.with_extension("hidden")).unwrap();
    deployment.contrast(&coordinator, "recover", &[]).success();
    fs::rename(memory.with_extension("hidden"), &memory).unwrap();
    for (command, more) in [("verify", &[][..]), ("set", &["--atomic"][..]), ("set", &[][..])] {
        let said = deployment.contrast(&coordinator, command, more).failure();
        assert!(said.contains("rolled back"), "{command}: {said}");
    }
    assert_eq!(fs::read(memory).unwrap(), remembered, "the memory of the later state is kept");
}

#[test]
fn an_emptied_store_is_reported_as_a_rollback_to_who_remembers_a_history() {
    let deployment = stopped();
    fs::remove_dir_all(&deployment.state_dir).unwrap();
    let coordinator = deployment.start();
    for (command, more) in [("set", &["--atomic"][..]), ("set", &[][..]), ("recover", &[][..])] {
        let said = deployment.contrast(&coordinator, command, more).failure();
        assert!(said.contains("rolled back"), "{command}: {said}");
    }
}

#[test]
fn another_deployment_with_the_same_manifest_is_refused_by_its_root_ca() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
    coordinator.kill();
    // The host begins anew with what anybody can read: same manifest, same policies, so the same transition.
    fs::remove_dir_all(&deployment.state_dir).unwrap();
    let coordinator = deployment.start();
    contrast_tests::Client::connect(coordinator.user_api, Default::default())
        .set(deployment.set_request())
        .unwrap();
    let before = fingerprint(&deployment.workspace);
    for command in ["verify", "history", "set"] {
        let said = deployment.contrast(&coordinator, command, &[]).failure();
        assert!(said.contains("root CA"), "{command}: {said}");
    }
    assert_eq!(before, fingerprint(&deployment.workspace), "what is remembered is kept");
}

// A read-only directory is a test of `store`, where it takes a mount of its own.
#[test]
fn a_state_directory_that_is_none_is_refused() {
    let deployment = stopped();
    fs::remove_dir_all(&deployment.state_dir).unwrap();
    fs::write(&deployment.state_dir, "not a directory").unwrap();
    let (status, said) = Coordinator::refuses_to_start(deployment.coordinator_command());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("Error:") && said.contains("state"), "{said}");
}

#[test]
fn a_store_in_use_by_another_process_is_refused() {
    let deployment = Deployment::new();
    let _first = deployment.start();
    let (status, said) = Coordinator::refuses_to_start(deployment.coordinator_command());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn store_check_lists_every_event_with_the_seed_and_only_sizes_without() {
    let deployment = stopped();
    let (code, said) = store_check(&deployment, None);
    assert_eq!(code, Some(1), "nothing was verified: {said}");
    assert!(said.contains("events:         4") && said.contains("--seed-file"), "{said}");
    let seed = deployment.workspace.join("seed.hex");
    let shares = fs::read(deployment.workspace.join("seed-shares.json")).unwrap();
    let shares = contrast_manifest::SeedShares::from_json(&shares).unwrap();
    fs::write(&seed, hex::encode(&*shares.decrypt(&deployment.seedshare_owner_key("")).unwrap())).unwrap();
    let (code, said) = store_check(&deployment, Some(&seed));
    assert_eq!(code, Some(0), "{said}");
    let events: Vec<serde_json::Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["event"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ManifestSet", "CaGenerationStarted", "ManifestSet", "CaGenerationStarted"]);
    assert!(said.contains("verified:       yes"), "{said}");
    fs::write(&seed, hex::encode([7; 64])).unwrap();
    let (code, said) = store_check(&deployment, Some(&seed));
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn store_check_changes_nothing_and_refuses_a_store_in_use() {
    let deployment = stopped();
    let before = fingerprint(&deployment.state_dir);
    assert!(store_check(&deployment, None).1.contains("events:"));
    assert_eq!(before, fingerprint(&deployment.state_dir));
    let _running = deployment.start();
    let (code, said) = store_check(&deployment, None);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("in use"), "{said}");
}

fn store_check(deployment: &Deployment, seed: Option<&Path>) -> (Option<i32>, String) {
    let mut command = program("coordinator");
    command.args(["store", "check", "--state-dir"]).arg(&deployment.state_dir);
    if let Some(seed) = seed {
        command.arg("--seed-file").arg(seed);
    }
    let output = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

/// Names, sizes, times and contents of everything in a directory.
fn fingerprint(directory: &Path) -> Vec<(PathBuf, std::time::SystemTime, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                return fingerprint(&path);
            }
            vec![(path.clone(), path.metadata().unwrap().modified().unwrap(), fs::read(&path).unwrap())]
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_full_disk_refuses_the_set_and_the_coordinator_still_serves() {
    let deployment = Deployment::new();
    let Some(small) = SmallDisk::mount(&deployment.state_dir) else {
        assert!(std::env::var_os("CI").is_none(), "mounting a small disk takes root with CAP_SYS_ADMIN");
        eprintln!("skipped: mounting a small disk takes root with CAP_SYS_ADMIN");
        return;
    };
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    small.fill();
    let mut refused = None;
    for _ in 0..200 {
        touch_manifest(&deployment);
        let answer = deployment.contrast(&coordinator, "set", &[]);
        if answer.code != 0 {
            refused = Some(answer.stderr);
            break;
        }
    }
    let said = refused.unwrap();
    assert!(said.contains("full") || said.contains("space") || said.contains("room"), "{said}");
    assert_eq!(coordinator.ops.get("/probe/readiness").0, 200);
    let accepted =
        contrast_tests::Client::connect(coordinator.user_api, Default::default()).manifests().unwrap();
    coordinator.kill();
    small.make_room();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
    let after =
        contrast_tests::Client::connect(coordinator.user_api, Default::default()).manifests().unwrap();
    assert!(after.manifests.starts_with(&accepted.manifests), "nothing acknowledged is lost");
}

#[test]
fn a_first_manifest_that_a_full_disk_does_not_take_can_be_set_after_a_restart_with_more_room() {
    let deployment = Deployment::new();
    let Some(small) = SmallDisk::mount(&deployment.state_dir) else {
        assert!(std::env::var_os("CI").is_none(), "mounting a small disk takes root with CAP_SYS_ADMIN");
        eprintln!("skipped: mounting a small disk takes root with CAP_SYS_ADMIN");
        return;
    };
    let coordinator = deployment.start();
    small.fill();
    let mut request = deployment.set_request();
    // More than what is left of the last block of sled's file.
    request.manifest.extend(vec![b' '; 900 * 1024]);
    let mut client = contrast_tests::Client::connect(coordinator.user_api, Default::default());
    let said = client.set(request).unwrap_err().to_string();
    assert!(said.contains("full") || said.contains("space") || said.contains("estart"), "{said}");
    assert!(coordinator.stop().0.success());
    small.make_room();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
}

/// A file system of a few MiB; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(at).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }

    /// Leaves only a little room.
    fn fill(&self) {
        let path = self.0.join("lost+found");
        fs::create_dir_all(&path).unwrap();
        let mut file = fs::File::create(path.join("filler")).unwrap();
        let block = vec![1; 64 * 1024];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("lost+found/filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_deployment_of_an_earlier_layout_is_recovered_verified_and_goes_on() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/earlier-deployment");
    let deployment = Deployment::copy_of(&recorded);
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
    deployment.pod(&coordinator, "web").finish();
    let root = fs::read(recorded.join("workspace/coordinator-root-ca.pem")).unwrap();
    assert_eq!(fs::read(deployment.workspace.join("verify/coordinator-root-ca.pem")).unwrap(), root);
    touch_manifest(&deployment);
    deployment.contrast(&coordinator, "set", &["--atomic"]).success();
    assert!(coordinator.stop().0.success());

    // What was appended to an old history is read back with it.
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
    let history = deployment.contrast(&coordinator, "history", &[]).success().stdout;
    assert_eq!(history.matches("manifest set").count(), 3, "{history}");
}
