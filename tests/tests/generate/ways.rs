//! How resources come in and go out.

use std::fs;

use contrast_tests::Generated;

use crate::{Room, pod};

#[test]
fn plain_resources_come_out_ready_with_every_other_byte_as_it_was() {
    let room = Room::shop();
    let before = room.read("resources/shop.yml");
    room.run(&["resources"]).success();
    let after = room.read("resources/shop.yml");
    let mut lines = after.lines();
    // The class gets a platform, and images get digests.
    let changes = |line: &str| line.contains("runtimeClassName") || line.contains("image: ");
    for line in before.lines().filter(|line| !changes(line)) {
        assert!(lines.any(|other| other == line), "{line:?} is gone, or is in another order");
    }
    let written = room.files();
    let again = room.run(&["resources"]).success();
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    assert_eq!(room.files(), written, "a second run changes something");
}

#[test]
fn standard_input_goes_to_standard_output_and_nothing_else_does() {
    let room = Room::with(&[]);
    let input = room.read("resources/coordinator.yml")
        + "---\n"
        + &pod("web")
        + "--- # untouched: {}\nkind: Other\napiVersion: x.example/v1\n";
    let answer = room.run_with(&input, &["-"]).success();
    assert!(
        answer.stdout.contains("contrast-initializer") && answer.stdout.contains("# untouched: {}"),
        "{}",
        answer.stdout
    );
    assert!(
        !answer.stdout.contains('✔') && answer.stderr.contains("2 workloads are ready"),
        "{}",
        answer.stderr
    );
    assert_eq!(room.manifest()["Policies"].as_object().unwrap().len(), 2);
    assert!(
        !room.read("resources/coordinator.yml").contains("cc_init_data"),
        "a file that was not named is changed"
    );
    let again = room.run_with(&answer.stdout, &["-"]).success();
    assert_eq!(again.stdout, answer.stdout);
}

#[test]
fn one_output_file_takes_all_resources_and_the_inputs_stay() {
    let room = Room::with(&[
        ("resources/a.yaml", &pod("a")),
        (
            "resources/b.json",
            "{ \"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": { \"name\": \"s\" } }",
        ),
        ("resources/c.yml", &format!("\u{feff}---\r\n{}", pod("c").replace('\n', "\r\n"))),
    ]);
    let before = room.files();
    room.run(&["--output", "out/all.yaml", "resources"]).success();
    let mut after = room.files();
    let all = String::from_utf8(after.remove(&room.path("out/all.yaml")).unwrap()).unwrap();
    after.remove(&room.path("manifest.json"));
    assert_eq!(after, before);
    // What comes out is the same resources, ready.
    room.write("again/all.yaml", &all);
    let again = room.run(&["again"]).success();
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    assert!(all.contains("\"name\": \"s\""), "{all}");

    // A changed pod keeps what was written into the manifest for it.
    let manifest = room
        .read("manifest.json")
        .replace("\"a\",\n", "\"a\", \"192.0.2.1\",\n")
        .replace("Pod/default/a", "mine");
    room.write("manifest.json", &manifest);
    room.write("resources/a.yaml", &pod("a").replace("name: main", "name: renamed"));
    room.run(&["--output", "out/all.yaml", "resources"]).success();
    let manifest = room.manifest();
    let mut entries = manifest["Policies"].as_object().unwrap().values();
    let entry = entries.find(|entry| entry["SANs"][0] == "a").unwrap();
    assert_eq!(entry["SANs"][1], "192.0.2.1");
    assert_eq!(entry["WorkloadSecretID"], "core/v1/mine");
}

#[test]
fn files_of_a_folder_that_are_no_resources_and_the_output_itself_are_left_out() {
    let room = Room::with(&[("resources/web.yaml", &pod("web")), ("resources/values.yaml", "image: x\n")]);
    for _ in 0..2 {
        room.run(&["--output", "resources/all.yaml", "--manifest", "resources/manifest.json", "resources"])
            .success();
    }
    let all = room.read("resources/all.yaml");
    assert_eq!(all.matches("kind: Pod").count(), 1, "{all}");
    assert!(!all.contains("Policies") && !all.contains("image: x\n"), "{all}");
}

#[test]
fn the_output_takes_the_place_of_no_other_file_of_the_run() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    let before = room.files();
    let answer = room.run(&["--output", "resources/web.yaml", "resources"]);
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("resources/web.yaml is both among the resources"), "{}", answer.stderr);
    let answer = room.run(&["--output", "m.json", "--manifest", "m.json", "resources"]);
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("m.json is the manifest"), "{}", answer.stderr);
    assert_eq!(room.files(), before);
}

#[test]
fn a_file_is_one_file_by_whatever_names_it_is_given() {
    use std::os::unix::fs::symlink;
    // As a ConfigMap looks where it is mounted.
    let room = Room::with(&[("resources/..2026/web.yaml", &pod("web"))]);
    symlink("..2026", room.path("resources/..data")).unwrap();
    symlink("..data/web.yaml", room.path("resources/web.yaml")).unwrap();
    let whole = room.path("resources");
    room.run(&["resources", "resources/web.yaml", "./resources/web.yaml", whole.to_str().unwrap()]).success();
    assert!(room.read("resources/web.yaml").contains("cc_init_data"));
}

#[test]
fn a_platform_that_no_pod_is_moved_to_is_told_of() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    room.run(&["resources"]).success();
    assert!(!room.run(&["resources"]).success().stderr.contains("changes nothing"));
    let command = room.bare_command(&[
        "generate",
        "--reference-values=metal-qemu-snp",
        "--simulator-dir=simulator",
        "--image-layout=images",
        "--image-replacements=image-replacements.txt",
        "resources",
    ]);
    let answer = contrast_tests::Answer::of(command).success();
    assert!(answer.stderr.contains("--reference-values metal-qemu-snp changes nothing"), "{}", answer.stderr);
}

#[test]
fn what_cannot_be_read_in_a_folder_is_named() {
    use std::os::unix::fs::symlink;
    let room = Room::with(&[("resources/web.yaml", &pod("web")), ("base/other.yaml", &pod("other"))]);
    symlink("nowhere", room.path("resources/lost.yaml")).unwrap();
    symlink("../base", room.path("resources/base")).unwrap();
    let answer = room.run(&["resources"]).success();
    for expected in ["resources/lost.yaml", "resources/base"] {
        assert!(answer.stderr.contains(expected), "{expected}: {}", answer.stderr);
    }
}

#[test]
fn a_check_writes_nothing_and_says_what_would_change() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    fs::remove_file(room.path("workload-owner.pem")).unwrap();
    let before = room.files();
    let answer = room.run(&["--check", "resources"]);
    assert_eq!(answer.code, 1);
    for expected in
        ["+++ resources/web.yaml", "-  runtimeClassName: contrast-cc\n", "workload-owner.pem would be made"]
    {
        assert!(answer.stdout.contains(expected), "{expected}:\n{}", answer.stdout);
    }
    assert_eq!(room.files(), before);
    room.run(&["resources"]).success();
    let answer = room.run(&["--check", "resources"]).success();
    assert_eq!(answer.stdout, "");
}

#[test]
fn files_are_written_through_links_and_keep_their_mode() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let room = Room::with(&[("elsewhere/web.yaml", &pod("web"))]);
    fs::set_permissions(room.path("elsewhere/web.yaml"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink(room.path("elsewhere/web.yaml"), room.path("resources/web.yaml")).unwrap();
    room.run(&["resources"]).success();
    assert!(fs::symlink_metadata(room.path("resources/web.yaml")).unwrap().is_symlink());
    assert!(room.read("elsewhere/web.yaml").contains("cc_init_data"));
    let mode = fs::metadata(room.path("elsewhere/web.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn owners_keys_are_made_where_there_are_none_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::with(&[]);
    let keys = ["workload-owner.pem", "seedshare-owner.pem"];
    keys.iter().for_each(|key| fs::remove_file(room.path(key)).unwrap());
    let answer = room.run(&["resources"]).success();
    for key in keys {
        assert_eq!(fs::metadata(room.path(key)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(answer.stderr.contains(key), "{}", answer.stderr);
    }
    let owners =
        Generated::read(&room.path("resources/coordinator.yml")).variable("CONTRAST_INITIAL_OWNERS").unwrap();
    let named = room.manifest()["WorkloadOwnerPubKeys"][0].as_str().map(|key| hex::decode(key).unwrap());
    assert_eq!(owners, contrast_tests::policy_digest(&named.unwrap()));
}

/// A `ResourceList` as kustomize hands it to a function.
fn resource_list(config: &str, items: &[&str]) -> String {
    let items = items.iter().map(|item| format!("- {}\n", item.trim_end().replace('\n', "\n  ")));
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n  apiVersion: contrast.example/v1\n  kind: Generate\n  \
         spec: {{ {config} }}\nitems:\n{}",
        items.collect::<String>()
    )
}

#[test]
fn a_list_for_a_function_is_answered_with_one() {
    let room = Room::with(&[]);
    let coordinator = room.read("resources/coordinator.yml");
    let coordinator = coordinator.split("---").next().unwrap();
    let options = "reference-values: simulated, simulator-dir: simulator, image-layout: [images], image-replacements: image-replacements.txt";
    let list =
        resource_list(options, &[coordinator, &pod("web"), "apiVersion: x.example/v1\nkind: Other # a note"]);
    let run = |list: &str| room.feed(room.bare_command(&["generate", "-"]), list);
    let answer = run(&list).success();
    assert!(
        answer.stdout.starts_with("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"),
        "{}",
        answer.stdout
    );
    assert!(answer.stdout.contains("contrast-initializer") && answer.stdout.contains("# a note"));
    assert!(
        answer.stdout.contains("severity: info") && !answer.stdout.contains("severity: w"),
        "{}",
        answer.stdout
    );
    assert_eq!(room.manifest()["Policies"].as_object().unwrap().len(), 2);

    // What stands on the command line is not replaced.
    let command = room.bare_command(&["generate", "--reference-values=metal-qemu-snp", "-"]);
    fs::remove_file(room.path("manifest.json")).unwrap();
    let answer = room.feed(command, &list).success();
    assert!(answer.stdout.contains("contrast-cc-metal-qemu-snp-"), "{}", answer.stdout);
    assert!(
        answer.stdout.contains("severity: warning") && answer.stdout.contains("filled in"),
        "{}",
        answer.stdout
    );

    let before = room.files();
    let bad = list.replace("image: registry.example", "imgae: registry.example");
    let answer = run(&bad);
    assert_eq!(answer.code, 1);
    for expected in ["severity: error", "name: web", "knows no such member"] {
        assert!(answer.stdout.contains(expected), "{expected}:\n{}", answer.stdout);
    }
    assert!(!answer.stdout.contains("cc_init_data"), "{}", answer.stdout);
    let answer = run(&list.replace("simulator-dir", "simulator"));
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("functionConfig") && answer.stderr.contains("--simulator"),
        "{}",
        answer.stderr
    );
    assert_eq!(room.files(), before);
}

#[test]
fn options_may_stand_in_the_settings_file_of_the_workspace() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    room.write(
        "contrast.toml",
        "[generate]\nreference-values = \"simulated\"\nsimulator-dir = \"simulator\"\nimage-layout = [\"images\"]\n\
         image-replacements = \"image-replacements.txt\"\n[verify]\ncoordinator = \"nowhere.example\"\n",
    );
    let run = |arguments: &[&str]| contrast_tests::Answer::of(room.bare_command(arguments));
    let answer = run(&["generate", "resources"]).success();
    assert!(
        answer.stderr.contains("contrast.toml: --") && answer.stderr.contains("--reference-values"),
        "{}",
        answer.stderr
    );
    let other = run(&["generate", "--check", "--reference-values=metal-qemu-snp", "resources"]);
    assert_eq!(other.stdout, "", "the class names its platform by now: {}", other.stdout);
    // A command that checks takes nothing that weakens it, whoever made the folder.
    room.write("contrast.toml", "[verify]\naccept-history = \"00\"\n");
    let said = run(&["verify", "-c", "nowhere.example"]).failure();
    assert!(said.contains("contrast.toml:2") && said.contains("not taken from a file"), "{said}");
}
