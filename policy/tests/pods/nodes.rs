//! What honest nodes send for pods of many kinds: versions of containerd and of kubelet differ, and all of them are allowed.

use contrast_policy::{Image, Settings};
use serde_json::{Value, json};

use crate::honest::{
    WEB, begun_with, create_pause, create_web, generate, generate_with, image, layer, mount, spec,
};

/// The specification with another value at one place of its container.
fn container(key: &str, value: Value) -> Value {
    let mut spec = spec();
    spec["containers"][0][key] = value;
    spec
}

/// Checks that fail for the container of a pod.
fn failed(spec: Value, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut request = create_web(WEB);
    change(&mut request);
    crate::honest::sort_mounts(&mut request);
    begun_with(generate(spec).unwrap().text(), &create_pause()).failed(&request)
}

fn mount_of<'v>(request: &'v mut Value, destination: &str) -> &'v mut Value {
    let mounts = request["OCI"]["Mounts"].as_array_mut().unwrap();
    mounts.iter_mut().find(|mount| mount["destination"] == destination).unwrap()
}

const FINE: [&str; 0] = [];

#[test]
fn sandboxes_of_containerd_1_6_and_2_4_are_allowed() {
    let file = "/run/kata-containers/shared/containers";
    let sandbox = crate::honest::SANDBOX;
    for options in [vec!["rbind", "ro"], vec!["rbind", "ro", "nosuid", "nodev", "noexec"]] {
        let mut pause = create_pause();
        let source = format!("{file}/{sandbox}-0123456789abcdef-resolv.conf");
        let mounts = pause["OCI"]["Mounts"].as_array_mut().unwrap();
        mounts.push(mount("/etc/resolv.conf", "bind", &source, &options));
        begun_with(generate(spec()).unwrap().text(), &pause);
    }
    let mut pause = create_pause();
    pause["OCI"]["Version"] = json!("1.0.2-dev");
    pause["OCI"]["Linux"]["Sysctl"] = json!({});
    pause["OCI"]["Process"]["Env"] = json!([]);
    pause["OCI"]["Linux"]["CgroupsPath"] = json!("kubepods-besteffort-pod0_1.slice:cri-containerd:abc");
    begun_with(generate(spec()).unwrap().text(), &pause);
    let mut pause = create_pause();
    let name = "io.kubernetes.cri.podsandbox.image-name";
    pause["OCI"]["Annotations"][name] = json!("registry.k8s.io/pause:3.10");
    begun_with(generate(spec()).unwrap().text(), &pause);
}

#[test]
fn the_sandbox_runs_as_the_pod_says() {
    let mut spec = spec();
    spec["securityContext"] = json!({"runAsUser": 1000, "fsGroup": 2000});
    let policy = generate(spec).unwrap();
    let mut pause = create_pause();
    let mut agent = crate::agent::Agent::load(policy.text());
    assert_eq!(agent.failed(&pause), ["user"]);
    pause["OCI"]["Process"]["User"] = json!({"UID": 1000, "GID": 0, "AdditionalGids": [0], "Username": ""});
    assert_eq!(agent.failed(&pause), FINE);
}

#[test]
fn kernel_settings_of_the_pod_are_made_in_its_sandbox_and_those_of_nodes_may_be_missing() {
    let mut spec = spec();
    spec["securityContext"] = json!({"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}]});
    let policy = generate(spec).unwrap();
    let mut pause = create_pause();
    let mut agent = crate::agent::Agent::load(policy.text());
    assert_eq!(agent.failed(&pause), ["kernel"]);
    pause["OCI"]["Linux"]["Sysctl"] = json!({"kernel.shm_rmid_forced": "1"});
    let mut agent = begun_with(policy.text(), &pause);
    let mut web = create_web(WEB);
    web["OCI"]["Linux"]["Sysctl"] = json!({});
    assert_eq!(agent.failed(&web), FINE);
    web["OCI"]["Linux"]["Sysctl"] = json!({"kernel.shm_rmid_forced": "0"});
    assert_eq!(agent.failed(&web), ["kernel"]);
}

#[test]
fn a_privileged_container_may_write_to_the_kernel_s_files() {
    let spec = container("securityContext", json!({"privileged": true}));
    let privileged = |access: &'static str| {
        move |request: &mut Value| {
            let all: Vec<_> = Settings::default().privileged_capabilities.into_iter().collect();
            for set in ["Bounding", "Effective", "Permitted"] {
                request["OCI"]["Process"]["Capabilities"][set] = json!(all);
            }
            request["OCI"]["Linux"]["MaskedPaths"] = json!([]);
            request["OCI"]["Linux"]["ReadonlyPaths"] = json!([]);
            mount_of(request, "/sys")["options"] = json!(["nosuid", "noexec", "nodev", access]);
            mount_of(request, "/sys/fs/cgroup")["options"] =
                json!(["nosuid", "noexec", "nodev", "relatime", access]);
        }
    };
    assert_eq!(failed(spec.clone(), privileged("rw")), FINE);
    assert_eq!(failed(spec, privileged("ro")), FINE);
    let rw = |request: &mut Value| mount_of(request, "/sys/fs/cgroup")["options"][4] = json!("rw");
    assert_eq!(failed(crate::honest::spec(), rw), ["mounts"]);
}

#[test]
fn a_node_with_apparmor_names_its_profile_and_the_guest_has_none() {
    let named = |name: &'static str| {
        move |request: &mut Value| request["OCI"]["Process"]["ApparmorProfile"] = json!(name)
    };
    assert_eq!(failed(spec(), named("cri-containerd.apparmor.d")), FINE);
    assert_eq!(failed(spec(), named("unconfined")), ["nothing else"]);
}

#[test]
fn variables_of_config_maps_stand_for_themselves_in_variables_and_commands_and_those_of_the_image_do_not() {
    let mut spec = container("envFrom", json!([{"configMapRef": {"name": "web"}}]));
    spec["containers"][0]["env"] = json!([{"name": "LINE", "value": "$(GREETING) world"}]);
    spec["containers"][0]["command"] = json!(["/bin/web", "$(LINE)", "$(PATH)", "$(HOSTNAME)"]);
    let honest = |request: &mut Value| {
        let process = &mut request["OCI"]["Process"];
        process["Args"] = json!(["/bin/web", "hello world", "$(PATH)", "$(HOSTNAME)"]);
        process["Env"] = json!([
            "PATH=/bin",
            "HOSTNAME=web-5d4f8c7b9-x2k4z",
            "A=b=c",
            "GREETING=hello",
            "LINE=hello world"
        ]);
    };
    assert_eq!(failed(spec, honest), FINE);
}

#[test]
fn a_capability_that_is_added_and_dropped_is_dropped() {
    let capabilities = |add: &str, drop: &str| json!({"capabilities": {"add": [add], "drop": [drop]}});
    let with = |all: Value| {
        move |request: &mut Value| {
            for set in ["Bounding", "Effective", "Permitted"] {
                request["OCI"]["Process"]["Capabilities"][set] = all.clone();
            }
        }
    };
    let spec = container("securityContext", capabilities("NET_ADMIN", "ALL"));
    assert_eq!(failed(spec, with(json!(["CAP_NET_ADMIN"]))), FINE);
    let spec = container("securityContext", capabilities("CAP_KILL", "KILL"));
    assert_eq!(failed(spec.clone(), |_| {}), ["rights"]);
    let without: Vec<_> =
        Settings::default().capabilities.into_iter().filter(|name| name != "KILL").collect();
    assert_eq!(failed(spec, with(json!(without))), FINE);
}

#[test]
fn a_claim_is_read_only_where_the_volume_says_so() {
    let mut spec = container("volumeMounts", json!([{"name": "disk", "mountPath": "/disk"}]));
    let claim = |read_only: bool| json!([{"name": "disk", "persistentVolumeClaim": {"claimName": "x", "readOnly": read_only}}]);
    let honest = |access: &'static str| {
        move |request: &mut Value| {
            let mounts = request["OCI"]["Mounts"].as_array_mut().unwrap();
            mounts.retain(|mount| {
                !["/data", "/memory", "/etc/web"].iter().any(|at| mount["destination"] == *at)
            });
            mounts.push(crate::honest::shared(WEB, "/disk", access));
            request["storages"].as_array_mut().unwrap().truncate(1);
        }
    };
    for (read_only, access) in [(true, "ro"), (false, "rw")] {
        spec["volumes"] = claim(read_only);
        assert_eq!(failed(spec.clone(), honest(access)), FINE);
    }
    assert_eq!(failed(spec, honest("ro")), ["mounts"]);
}

#[test]
fn a_key_of_a_config_map_is_mounted_as_a_file() {
    let mut spec = spec();
    spec["containers"][0]["volumeMounts"][2] =
        json!({"name": "config", "mountPath": "/etc/web", "subPath": "key"});
    assert_eq!(failed(spec, |_| {}), FINE);
}

#[test]
fn probes_run_without_a_terminal() {
    let create = create_web(WEB);
    let mut spec = container("tty", json!(true));
    spec["containers"][0]["stdin"] = json!(true);
    let mut tty = create.clone();
    tty["OCI"]["Process"]["Terminal"] = json!(true);
    tty["OCI"]["Process"]["Env"].as_array_mut().unwrap().push(json!("TERM=xterm"));
    let mut agent = begun_with(generate(spec).unwrap().text(), &create_pause());
    assert!(agent.allows("CreateContainerRequest", &tty), "{:?}", agent.failed(&tty));
    assert!(agent.allows("StartContainerRequest", &json!({"container_id": WEB})));
    let mut process = tty["OCI"]["Process"].clone();
    process["Args"] = json!(["/bin/check", "-q"]);
    process["Terminal"] = json!(false);
    let request = json!({"container_id": WEB, "exec_id": "1", "string_user": null, "process": process});
    assert!(agent.allows("ExecProcessRequest", &request));
}

#[test]
fn a_user_of_the_image_has_to_be_written_down_where_the_guest_pulls() {
    let with_user = |user: &str| Image {
        config: contrast_image::Config { user: user.to_owned(), ..image().config },
        ..image()
    };
    let problems = |spec: Value, user: &str| {
        let problems = generate_with(spec, with_user(user), &Settings::default()).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let said = problems(spec(), "1000:1000");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("containers[0].image: the image runs as user `1000:1000`"), "{said:?}");
    assert!(problems(spec(), "app")[0].contains("set `securityContext.runAsUser`"));
    assert_eq!(problems(spec(), "0"), FINE);
    let own = container("securityContext", json!({"runAsUser": 1000, "runAsGroup": 1000}));
    assert_eq!(problems(own, "app"), FINE);
}

/// The storages of an image whose layers are devices of the node, bottom first.
fn layers(root: &str, layers: &[(&str, &str)]) -> Vec<Value> {
    let storage = |driver: &str, fstype: &str, at: String, options: Value| {
        json!({
            "driver": driver, "driver_options": [], "source": "01/02", "fstype": fstype, "options": options,
            "mount_point": at, "fs_group": null, "shared": false,
        })
    };
    let layer = |(name, hash): &(&str, &str)| {
        let options = json!(["ro", format!("io.katacontainers.fs-opt.root-hash={hash}")]);
        storage("blk", "tar", format!("/run/kata-containers/sandbox/layers/{name}"), options)
    };
    let joined =
        |part: fn(&(&str, &str)) -> String| layers.iter().rev().map(part).collect::<Vec<_>>().join(":");
    let options = json!([joined(|layer| layer.0.to_owned()), joined(|layer| layer.1.to_owned())]);
    layers
        .iter()
        .map(layer)
        .chain([storage("overlayfs", "fuse3.kata-overlay", root.to_owned(), options)])
        .collect()
}

#[test]
fn groups_of_the_image_count_unless_the_pod_s_own_are_to_be_all() {
    let accounts = contrast_image::Accounts::parse(Some(b"app:x:7:8::/:/bin/sh\n"), Some(b"more:x:9:app\n"));
    let image = Image { layers: vec![layer(2)], accounts: Some(accounts), ..image() };
    let groups = |policy: Value| {
        let mut spec = spec();
        spec["containers"][0]["volumeMounts"] = json!([]);
        spec["securityContext"] =
            json!({"runAsUser": 7, "supplementalGroups": [10], "supplementalGroupsPolicy": policy});
        let policy = generate_with(spec, image.clone(), &Settings::of_layers()).unwrap();
        let pod = contrast_policy::Engine::load(policy.text()).unwrap().rule("pod", Value::Null).unwrap();
        pod["containers"]["web"]["user"]["groups"].clone()
    };
    assert_eq!(groups(Value::Null), json!([8, 9, 10]));
    assert_eq!(groups(json!("Merge")), json!([8, 9, 10]));
    assert_eq!(groups(json!("Strict")), json!([8, 10]));
}

#[test]
fn layers_that_the_node_has_are_those_of_the_image_by_their_root_hashes() {
    let mut spec = spec();
    spec["containers"][0]["volumeMounts"] = json!([]);
    let with_layers =
        Image { layers: vec![layer(2), layer(3)], accounts: Some(Default::default()), ..image() };
    let settings = Settings::of_layers();
    let policy = generate_with(spec.clone(), with_layers, &settings).unwrap();
    let pod = contrast_policy::Engine::load(policy.text()).unwrap().rule("pod", Value::Null).unwrap();
    let of = |entry: &Value| {
        let layers = entry["image"]["layers"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        layers.map(|layer| (text(&layer["name"]), text(&layer["root"]))).collect::<Vec<_>>()
    };
    let with = |mut request: Value, found: &[(String, String)]| {
        let id = request["container_id"].as_str().unwrap();
        let root = format!("/run/kata-containers/shared/containers/{id}/rootfs");
        let found: Vec<_> = found.iter().map(|(name, root)| (name.as_str(), root.as_str())).collect();
        request["storages"] = json!(layers(&root, &found));
        request["OCI"]["Root"]["Path"] = json!(root);
        let mounts = request["OCI"]["Mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| !["/data", "/memory", "/etc/web"].iter().any(|at| mount["destination"] == *at));
        request
    };
    let (pause, web) = (of(&pod["sandbox"]), of(&pod["containers"]["web"]));
    assert_eq!((pause.len(), web.len()), (1, 2));
    // SHA-256 of the text of the chain ID.
    let name = sha2_of(&contrast_image::Digest::of(&[2]).to_string());
    assert_eq!(web[0].0, name);
    let mut agent = begun_with(policy.text(), &with(create_pause(), &pause));
    let honest = with(create_web(WEB), &web);
    assert_eq!(agent.failed(&honest), FINE);
    for (place, value) in [
        ("/storages/0/options/1", json!(format!("io.katacontainers.fs-opt.root-hash={}", web[1].1))),
        ("/storages/0/options", json!(["ro"])),
        ("/storages/0/options/0", json!("rw")),
        ("/storages/0/mount_point", json!("/etc")),
        ("/storages/0/driver", json!("local")),
        ("/storages/0/source", json!("/dev/vda")),
        ("/storages/2/options/0", json!(format!("{}:{}", web[0].0, web[1].0))),
        ("/storages/2/options/1", json!(web[1].1)),
        ("/storages/2/mount_point", json!("/etc")),
        ("/storages/2/driver", json!("local")),
        ("/storages/0", honest["storages"][1].clone()),
    ] {
        let mut request = honest.clone();
        *request.pointer_mut(place).unwrap() = value;
        assert!(agent.failed(&request).contains(&"image".to_owned()), "{place}");
    }
    for other in [&create_web(WEB)["storages"][0], &honest["storages"][0], &honest["storages"][2]] {
        let mut request = honest.clone();
        request["storages"].as_array_mut().unwrap().push(other.clone());
        assert!(!agent.allows("CreateContainerRequest", &request), "{other}");
    }
    let problems = generate_with(spec, Image { accounts: Some(Default::default()), ..image() }, &settings);
    let problems: Vec<_> = problems.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("containers[0].image: the root hashes of the image's layers"),
        "{problems:?}"
    );
}

fn sha2_of(text: &str) -> String {
    contrast_image::Digest::of(text.as_bytes()).to_string().trim_start_matches("sha256:").to_owned()
}
