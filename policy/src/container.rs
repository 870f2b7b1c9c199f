//! From a pod specification to the data of its policy: the sandbox, and each container.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, LifecycleHandler, PodSpec};

use crate::{
    Image, Layer, Problem, Settings, Workload,
    data::{self, ImageName, Pod, Said, Variable, Wanted},
    environment::{self, Text, Variables},
    identity, initdata, mounts,
    problem::{Place, Problems, Trouble},
    rights,
};

/// Containers of the project's own, whose output tells the host nothing.
const TALKATIVE: [&str; 2] = ["contrast-initializer", "contrast-service-mesh"];

/// Annotations of the KRM functions specification, by how they begin.
const OF_FUNCTIONS: [&str; 2] = ["config.kubernetes.io/", "internal.config.kubernetes.io/"];

pub(crate) fn pod(workload: &Workload<'_>, settings: &Settings) -> Result<Pod, Vec<Problem>> {
    let mut problems = Problems::default();
    let spec = workload.spec;
    of_the_host(spec, &mut problems);
    let mut containers = BTreeMap::new();
    for (place, container) in all_containers(spec) {
        let entry = entry(workload, settings, container, &place, &mut problems);
        if containers.insert(container.name.clone(), entry).is_some() {
            problems.add(&place.member("name"), Trouble::NamedTwice(container.name.clone()));
        }
    }
    let sandbox = sandbox(workload, settings, &mut problems);
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(Pod {
        name: workload.naming.wanted(),
        namespace: workload.namespace.map_or_else(|| Wanted::pattern(&["[a-z0-9-]{1,63}"]), Wanted::value),
        annotations: of_user(workload),
        runtime_versions: settings.runtime_versions.clone(),
        root: settings.root.clone(),
        shared_file: "/run/kata-containers/shared/containers/(?:watchable/)?[0-9a-f]{64}-[0-9a-f]{16}-"
            .to_owned(),
        layer_folder: "/run/kata-containers/sandbox/layers/",
        block_folder: "/run/kata-containers/sandbox/storage".to_owned(),
        sandbox_storages: settings.sandbox_storages.clone(),
        service_variables: environment::of_cluster(workload),
        sandbox,
        containers,
    })
}

/// Annotations of the pod but those that carry its policy, which the runtime takes away, and on which no policy can depend; and those
/// by which functions of kustomize remember where an object stood, which never leave it.
fn of_user(workload: &Workload<'_>) -> BTreeMap<String, String> {
    let mut all = workload.metadata.annotations.clone().unwrap_or_default();
    all.retain(|key, _| ![initdata::ANNOTATION, initdata::POLICY_ANNOTATION].contains(&key.as_str()));
    all.retain(|key, _| !OF_FUNCTIONS.iter().any(|start| key.starts_with(start)));
    all
}

fn of_the_host(spec: &PodSpec, problems: &mut Problems) {
    for (name, set) in [("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)] {
        if set == Some(true) {
            problems.add(&Place::of(name), Trouble::OfTheHost(name));
        }
    }
    if spec.host_users == Some(false) {
        problems.add(&Place::of("hostUsers"), Trouble::UserNamespace);
    }
    for (place, container) in all_containers(spec) {
        for name in devices_of_node(container) {
            problems.add(&place.member("resources"), Trouble::DeviceOfNode(name));
        }
    }
}

/// GPUs by the names under which their plugins hand them out (`nvidia.com/gpu`, `nvidia.com/GH100_H100`), and claims of devices.
fn devices_of_node(container: &Container) -> BTreeSet<String> {
    let Some(resources) = &container.resources else { return BTreeSet::new() };
    let asked = resources.limits.iter().chain(&resources.requests).flatten();
    let gpus = asked.filter(|(name, amount)| {
        (name.starts_with("nvidia.com/") || name.ends_with("/gpu")) && amount.0 != "0"
    });
    let claims = resources.claims.iter().flatten().map(|claim| format!("claims: {}", claim.name));
    gpus.map(|(name, _)| name.clone()).chain(claims).collect()
}

fn all_containers(spec: &PodSpec) -> impl Iterator<Item = (Place, &Container)> {
    let place = |name| move |(index, container)| (Place::default().item(name, index), container);
    let init = spec.init_containers.iter().flatten().enumerate().map(place("initContainers"));
    init.chain(spec.containers.iter().enumerate().map(place("containers")))
}

fn entry(
    workload: &Workload<'_>,
    settings: &Settings,
    container: &Container,
    place: &Place,
    problems: &mut Problems,
) -> data::Container {
    let name = container.image.as_deref().unwrap_or_default();
    let unknown = Image::default();
    let image = workload.images.get(name).unwrap_or_else(|| {
        problems.add(&place.member("image"), Trouble::UnknownImage(name.to_owned()));
        &unknown
    });
    let spec = workload.spec;
    let variables = environment::variables(workload, settings, container, image, place, problems);
    let (mounts, storages) = mounts::of_container(workload, settings, container, image, place, problems);
    let unmasked = rights::is_unmasked(container);
    let context = container.security_context.as_ref();
    let paths = |paths: &Vec<String>| if unmasked { Vec::new() } else { paths.clone() };
    data::Container {
        annotations: annotations(Some(&container.name)),
        args: args(container, image, &variables.of_kubelet, place, problems),
        cwd: cwd(container, image),
        terminal: container.tty.unwrap_or_default(),
        env: env(&variables),
        user: identity::user(settings, spec, container, image, place, problems),
        capabilities: rights::capabilities(settings, container),
        no_new_privileges: rights::no_new_privileges(container),
        readonly_root: context.and_then(|context| context.read_only_root_filesystem).unwrap_or_default(),
        image: ImageName {
            name: image.name.clone(),
            digest: image.digest.clone(),
            layers: layers(settings, image, &place.member("image"), problems),
        },
        mounts,
        storages,
        propagation: mounts::propagation_of_root(container),
        devices: block_devices(container),
        sysctls: rights::sysctls(settings, spec),
        needed_sysctls: BTreeSet::new(),
        masked_paths: paths(&settings.masked_paths),
        readonly_paths: paths(&settings.readonly_paths),
        share_processes: spec.share_process_namespace.unwrap_or_default(),
        own_host_name: true,
        exec: commands(container, place, problems),
        logs: settings.logs || TALKATIVE.contains(&container.name.as_str()),
        stdin: container.stdin.unwrap_or_default(),
    }
}

fn layers(settings: &Settings, image: &Image, place: &Place, problems: &mut Problems) -> Vec<Layer> {
    if !identity::needs_layers(settings) {
        return Vec::new();
    }
    if image.layers.is_empty() && !image.name.is_empty() {
        problems.add(place, Trouble::LayersNotRead);
    }
    image.layers.clone()
}

fn sandbox(workload: &Workload<'_>, settings: &Settings, problems: &mut Problems) -> data::Container {
    let spec = workload.spec;
    let layers = match workload.pause {
        Some(pause) => layers(settings, pause, &Place::default(), problems),
        None => Vec::new(),
    };
    if identity::needs_layers(settings) && workload.pause.is_none() {
        problems.add(&Place::default(), Trouble::UnknownPause);
    }
    let has_privileged = all_containers(spec).any(|(_, container)| rights::is_privileged(container));
    data::Container {
        annotations: annotations(None),
        args: settings.pause_command.iter().map(Wanted::value).collect(),
        cwd: "/".to_owned(),
        terminal: false,
        // If the node's pause image has one.
        env: BTreeMap::from([(
            "PATH".to_owned(),
            Variable { value: Wanted::value(environment::PATH), optional: true, of_image: None },
        )]),
        user: identity::of_sandbox(settings, spec),
        capabilities: settings.capabilities.clone(),
        no_new_privileges: true,
        readonly_root: true,
        image: ImageName { name: "pause".to_owned(), digest: String::new(), layers },
        mounts: mounts::of_sandbox(has_privileged),
        storages: Vec::new(),
        propagation: "",
        devices: BTreeMap::new(),
        sysctls: rights::sysctls(settings, spec),
        needed_sysctls: rights::own_sysctls(spec).map(|(name, _)| name).collect(),
        masked_paths: settings.masked_paths.clone(),
        readonly_paths: settings.readonly_paths.clone(),
        share_processes: false,
        own_host_name: !spec.host_network.unwrap_or_default(),
        exec: Vec::new(),
        logs: false,
        stdin: false,
    }
}

/// What containerd and Kata say about a container, as patterns. What is compared with the pod has rules of its own.
fn annotations(container: Option<&str>) -> BTreeMap<String, Said> {
    let mut all: BTreeMap<String, Said> = [
        "io.katacontainers.pkg.oci.bundle_path",
        "io.katacontainers.pkg.oci.container_type",
        "io.kubernetes.cri.container-type",
        "io.kubernetes.cri.sandbox-id",
        "io.kubernetes.cri.sandbox-name",
        "io.kubernetes.cri.sandbox-namespace",
    ]
    .map(|key| (key.to_owned(), Said::Line(true)))
    .into();
    let pattern = |text: &str| Said::Pattern(text.to_owned());
    // What a variable may stand for; pods of a node's own files have one without dashes.
    all.insert("io.kubernetes.cri.sandbox-uid".to_owned(), pattern("^[0-9a-f-]{0,36}$"));
    match container {
        Some(name) => {
            all.insert("io.kubernetes.cri.container-name".to_owned(), Said::Value(name.to_owned()));
            all.insert("io.kubernetes.cri.image-name".to_owned(), Said::Line(true));
        }
        None => {
            let numbers = ["sandbox-cpu-period", "sandbox-cpu-quota", "sandbox-cpu-shares", "sandbox-memory"];
            all.extend(numbers.map(|key| (format!("io.kubernetes.cri.{key}"), pattern("^-?[0-9]+$"))));
            all.insert(
                "io.kubernetes.cri.sandbox-log-directory".to_owned(),
                pattern("^/var/log/pods/[^/\n]+$"),
            );
            all.insert("io.kubernetes.cri.podsandbox.image-name".to_owned(), Said::Line(true));
            all.insert("nerdctl/network-namespace".to_owned(), pattern("^/var/run/netns/cni-[0-9a-f-]+$"));
        }
    }
    all
}

/// `command` stands for the image's entrypoint, and `args` for its command; who sets the first drops both.
fn args(
    container: &Container,
    image: &Image,
    variables: &BTreeMap<String, Text>,
    place: &Place,
    problems: &mut Problems,
) -> Vec<Wanted> {
    let command = container.command.as_deref().unwrap_or_default();
    let args = container.args.as_deref().unwrap_or_default();
    let mut all = Vec::new();
    for (name, texts) in [("command", command), ("args", args)] {
        for (index, text) in texts.iter().enumerate() {
            let place = place.item(name, index);
            let text = problems.note(&place, environment::expanded(text, variables));
            all.extend(text.map(|text| text.wanted()));
        }
    }
    if command.is_empty() {
        let of_image =
            image.config.entrypoint.iter().chain(image.config.cmd.iter().filter(|_| args.is_empty()));
        let of_image: Vec<_> = of_image.map(Wanted::value).collect();
        all.splice(0..0, of_image);
    }
    if all.is_empty() && !image.name.is_empty() {
        problems.add(place, Trouble::NoCommand);
    }
    all
}

fn env(variables: &Variables) -> BTreeMap<String, Variable> {
    let variable = |name: &String, text: &Text| Variable {
        value: text.wanted(),
        optional: variables.optional.contains(&name.as_str()),
        of_image: variables.replaced.get(name).cloned(),
    };
    variables.all.iter().map(|(name, text)| (name.clone(), variable(name, text))).collect()
}

fn cwd(container: &Container, image: &Image) -> String {
    let own = container.working_dir.clone().filter(|path| !path.is_empty());
    own.unwrap_or_else(|| {
        if image.config.working_dir.is_empty() { "/".to_owned() } else { image.config.working_dir.clone() }
    })
}

fn block_devices(container: &Container) -> BTreeMap<String, &'static str> {
    container.volume_devices.iter().flatten().map(|device| (device.device_path.clone(), "b")).collect()
}

/// Commands that kubelet runs in a container: of its probes and of its hooks. In those of probes it resolves references to variables,
/// but only to those with a value in the specification, as it stands there; those without one are empty then.
fn commands(container: &Container, place: &Place, problems: &mut Problems) -> Vec<Vec<Wanted>> {
    let values =
        container.env.iter().flatten().map(|variable| {
            (variable.name.clone(), Text::known(variable.value.as_deref().unwrap_or_default()))
        });
    let values: BTreeMap<_, _> = values.collect();
    let mut all = Vec::new();
    for (name, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        let exec = probe.as_ref().and_then(|probe| probe.exec.as_ref());
        for command in exec.into_iter().filter_map(|exec| exec.command.as_ref()) {
            let place = place.member(name).member("exec");
            let words = command.iter().enumerate().map(|(index, word)| {
                let word = environment::expanded(word, &values);
                problems.note(&place.item("command", index), word).map(|text| text.wanted())
            });
            all.push(words.flatten().collect());
        }
    }
    let hooks = container.lifecycle.as_ref();
    let hooks: [Option<&LifecycleHandler>; 2] =
        [hooks.and_then(|hooks| hooks.post_start.as_ref()), hooks.and_then(|hooks| hooks.pre_stop.as_ref())];
    let of_hooks = hooks.into_iter().flatten().filter_map(|hook| hook.exec.as_ref());
    let of_hooks = of_hooks.filter_map(|exec| exec.command.as_ref());
    all.extend(of_hooks.map(|command| command.iter().map(Wanted::value).collect::<Vec<_>>()));
    let mut different: Vec<Vec<Wanted>> = Vec::new();
    for command in all {
        if !different.contains(&command) {
            different.push(command);
        }
    }
    different
}
