//! Variables of a container, as kubelet and the container runtime make them: those of the image, of ConfigMaps and Secrets, of
//! the pod, each kind instead of the one before.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVarSource, ObjectFieldSelector};

use crate::{
    Image, MAX_LINE_LEN, Settings, Workload,
    data::Wanted,
    naming::Naming,
    problem::{Place, Problems, Trouble},
};

/// What an image has that says nothing (containerd).
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const IP: &str = r"(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f:]*:[0-9a-f:.]*)";
const HOST_NAME: &str = "[a-z0-9.-]{1,253}";
/// What the controller of an indexed Job adds.
const COMPLETION_INDEX: &str = "JOB_COMPLETION_INDEX";
const LABEL: &str = "[A-Za-z0-9._-]{0,63}";
const NUMBER: &str = "[0-9]{1,10}";
const UID: &str = "[0-9a-f-]{36}";
/// Labels that controllers give to their pods, with the form of their values.
const GIVEN_LABELS: [(&str, &str); 7] = [
    ("apps.kubernetes.io/pod-index", NUMBER),
    ("batch.kubernetes.io/controller-uid", UID),
    ("batch.kubernetes.io/job-completion-index", NUMBER),
    ("batch.kubernetes.io/job-name", LABEL),
    ("controller-revision-hash", LABEL),
    ("controller-uid", UID),
    ("pod-template-hash", "[a-z0-9]{1,63}"),
];
/// Another one: the pod's own name.
const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";

/// A text of which parts may be unknown here.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Text(Vec<Part>);

#[derive(Clone, PartialEq, Debug)]
enum Part {
    Known(String),
    Like(String),
    Pin(&'static str, String),
}

impl Text {
    pub(crate) fn known(text: impl Into<String>) -> Self {
        Self(vec![Part::Known(text.into())])
    }

    fn like(pattern: impl Into<String>) -> Self {
        Self(vec![Part::Like(pattern.into())])
    }

    /// Bytes of all that is known of it.
    fn len(&self) -> usize {
        let of_part = |part: &Part| match part {
            Part::Known(text) | Part::Like(text) | Part::Pin(_, text) => text.len(),
        };
        self.0.iter().map(of_part).sum()
    }

    pub(crate) fn wanted(&self) -> Wanted {
        let patterns: String = self.0.iter().map(Part::pattern).collect();
        let unknown: Vec<_> =
            self.0.iter().enumerate().filter(|(_, part)| !matches!(part, Part::Known(_))).collect();
        match unknown.as_slice() {
            [] => Wanted::value(known(&self.0)),
            [(index, Part::Pin(pin, _))] => {
                let (before, rest) = self.0.split_at(*index);
                let after = rest.get(1..).unwrap_or_default();
                Wanted::Pin {
                    pin,
                    like: format!("^(?:{patterns})$"),
                    before: known(before),
                    after: known(after),
                }
            }
            _ => Wanted::pattern(&[&patterns]),
        }
    }
}

/// The parts that are known, put together.
fn known(parts: &[Part]) -> String {
    parts.iter().map(|part| if let Part::Known(text) = part { text.as_str() } else { "" }).collect()
}

impl Part {
    fn pattern(&self) -> String {
        match self {
            Self::Known(text) => regex::escape(text),
            Self::Like(pattern) | Self::Pin(_, pattern) => pattern.clone(),
        }
    }
}

/// Variables by name.
type ByName = BTreeMap<String, Text>;

/// The variables of a container.
pub(crate) struct Variables {
    pub(crate) all: ByName,
    /// Those that `$(NAME)` in commands may stand for: not those of the image, nor the container runtime's.
    pub(crate) of_kubelet: ByName,
    /// Those of the image that the pod sets to something else.
    pub(crate) replaced: BTreeMap<String, String>,
    /// Those that need not be there.
    pub(crate) optional: &'static [&'static str],
}

pub(crate) fn variables(
    workload: &Workload<'_>,
    settings: &Settings,
    container: &Container,
    image: &Image,
    place: &Place,
    problems: &mut Problems,
) -> Variables {
    let mut all = ByName::new();
    all.insert("PATH".to_owned(), Text::known(PATH));
    all.insert("HOSTNAME".to_owned(), host_name(workload));
    if container.tty.unwrap_or_default() {
        all.insert("TERM".to_owned(), Text::known("xterm"));
    }
    for variable in &image.config.env {
        match variable.split_once('=') {
            Some((name, value)) => all.insert(name.to_owned(), Text::known(value)),
            None => all.remove(variable),
        };
    }
    let mut of_kubelet = from_objects(workload, settings, container, place, problems);
    for (index, variable) in container.env.iter().flatten().enumerate() {
        let place = place.item("env", index);
        let value = match &variable.value_from {
            None => expanded(variable.value.as_deref().unwrap_or_default(), &of_kubelet).map(Some),
            Some(source) => source_value(workload, settings, source, &place.member("valueFrom"), problems),
        };
        let Some(value) = value.map_err(|trouble| problems.add(&place, trouble)).ok().flatten() else {
            continue;
        };
        of_kubelet.insert(variable.name.clone(), value);
    }
    let of_image = image.config.env.iter().filter_map(|variable| variable.split_once('='));
    // The container runtime's own are replaced at their place.
    let sent_twice = of_image.filter(|(name, value)| {
        !["PATH", "TERM", "HOSTNAME"].contains(name)
            && of_kubelet.get(*name).is_some_and(|own| *own != Text::known(*value))
    });
    let replaced = sent_twice.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    all.extend(of_kubelet.clone());
    let optional: &[&str] = match workload.naming {
        // Whether a Job is indexed is not in the pod.
        Naming::Job(_) | Naming::CronJob(_) if !all.contains_key(COMPLETION_INDEX) => {
            all.insert(COMPLETION_INDEX.to_owned(), Text::like("[0-9]{1,10}"));
            &[COMPLETION_INDEX]
        }
        _ => &[],
    };
    Variables { all, of_kubelet, replaced, optional }
}

fn host_name(workload: &Workload<'_>) -> Text {
    let spec = workload.spec;
    if spec.host_network.unwrap_or_default() {
        return Text::like(HOST_NAME);
    }
    let mut name = match (&spec.hostname, workload.naming.host_name()) {
        (Some(name), _) => Text::known(name.clone()),
        (None, Some(pattern)) => Text::like(pattern),
        (None, None) => Text(vec![Part::Pin("name", HOST_NAME.to_owned())]),
    };
    if spec.set_hostname_as_fqdn == Some(true) && spec.subdomain.is_some() {
        // The domain of the cluster is not in the pod.
        name.0.push(Part::Like(r"(?:\.[a-z0-9.-]{1,253})?".to_owned()));
    }
    name
}

/// `envFrom`: all keys of an object, with a prefix.
fn from_objects(
    workload: &Workload<'_>,
    settings: &Settings,
    container: &Container,
    place: &Place,
    problems: &mut Problems,
) -> ByName {
    let mut all = ByName::new();
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let place = place.item("envFrom", index);
        let prefix = source.prefix.as_deref().unwrap_or_default();
        if let Some(reference) = &source.config_map_ref {
            match (workload.config_maps.get(&reference.name), reference.optional) {
                (Some(map), _) => all.extend(
                    map.data
                        .iter()
                        .flatten()
                        .map(|(key, value)| (format!("{prefix}{key}"), Text::known(value.clone()))),
                ),
                (None, Some(true)) => {}
                (None, _) => problems
                    .add(&place, Trouble::MissingObject { kind: "ConfigMap", name: reference.name.clone() }),
            }
        }
        if let Some(reference) = &source.secret_ref {
            let optional = reference.optional.unwrap_or_default();
            let keys = secret_keys(workload, &reference.name);
            if keys.is_none() && !optional {
                problems.add(&place, Trouble::MissingObject { kind: "Secret", name: reference.name.clone() });
            }
            for key in keys.into_iter().flatten() {
                let value = secret_value(workload, settings, &reference.name, &key, optional);
                if let Some(value) = problems.note(&place, value).flatten() {
                    all.insert(format!("{prefix}{key}"), value);
                }
            }
        }
    }
    all
}

fn secret_keys(workload: &Workload<'_>, name: &str) -> Option<Vec<String>> {
    let secret = workload.secrets.get(name)?;
    let keys = secret.data.iter().flatten().map(|(key, _)| key);
    let mut keys: Vec<_> =
        keys.chain(secret.string_data.iter().flatten().map(|(key, _)| key)).cloned().collect();
    keys.sort();
    keys.dedup();
    Some(keys)
}

/// `None`: there is no such variable then.
fn source_value(
    workload: &Workload<'_>,
    settings: &Settings,
    source: &EnvVarSource,
    place: &Place,
    problems: &mut Problems,
) -> Result<Option<Text>, Trouble> {
    if let Some(field) = &source.field_ref {
        return Ok(problems.note(&place.member("fieldRef"), field_value(workload, field)));
    }
    if let Some(reference) = &source.config_map_key_ref {
        let missing = reference.optional.unwrap_or_default();
        let kind = "ConfigMap";
        let Some(map) = workload.config_maps.get(&reference.name) else {
            let error = Trouble::MissingObject { kind, name: reference.name.clone() };
            return if missing { Ok(None) } else { Err(error) };
        };
        return match map.data.iter().flatten().find(|(key, _)| **key == reference.key) {
            Some((_, value)) => Ok(Some(Text::known(value.clone()))),
            None if missing => Ok(None),
            None => {
                Err(Trouble::MissingKey { kind, name: reference.name.clone(), key: reference.key.clone() })
            }
        };
    }
    if let Some(reference) = &source.secret_key_ref {
        let optional = reference.optional.unwrap_or_default();
        return secret_value(workload, settings, &reference.name, &reference.key, optional);
    }
    if source.file_key_ref.is_some() {
        return Err(Trouble::VariableInFile);
    }
    // What a container may use, in the unit that it is asked for.
    Ok(Some(Text::like("[0-9]+")))
}

fn secret_value(
    workload: &Workload<'_>,
    settings: &Settings,
    name: &str,
    key: &str,
    optional: bool,
) -> Result<Option<Text>, Trouble> {
    let Some(secret) = workload.secrets.get(name) else {
        let error = Trouble::MissingObject { kind: "Secret", name: name.to_owned() };
        return if optional { Ok(None) } else { Err(error) };
    };
    if !settings.secrets_in_policy {
        return Err(Trouble::SecretInPolicy { name: name.to_owned() });
    }
    if let Some(value) = secret.string_data.as_ref().and_then(|data| data.get(key)) {
        return Ok(Some(Text::known(value.clone())));
    }
    match secret.data.as_ref().and_then(|data| data.get(key)) {
        Some(bytes) => match std::str::from_utf8(&bytes.0) {
            Ok(text) => Ok(Some(Text::known(text))),
            Err(_) => Err(Trouble::NotText { name: name.to_owned(), key: key.to_owned() }),
        },
        None if optional => Ok(None),
        None => Err(Trouble::MissingKey { kind: "Secret", name: name.to_owned(), key: key.to_owned() }),
    }
}

/// The downward API (Kubernetes API reference, "ObjectFieldSelector"). What is missing is an empty text there.
fn field_value(workload: &Workload<'_>, field: &ObjectFieldSelector) -> Result<Text, Trouble> {
    let metadata = workload.metadata;
    let pin = |pin, like: &str| Text(vec![Part::Pin(pin, like.to_owned())]);
    let path = field.field_path.as_str();
    let key = |of: &str| path.strip_prefix(of)?.strip_prefix("['")?.strip_suffix("']");
    if let Some(key) = key("metadata.labels") {
        let label = metadata.labels.as_ref().and_then(|labels| labels.get(key));
        if let Some((_, form)) = GIVEN_LABELS.iter().find(|(given, _)| *given == key) {
            return Ok(Text::like(*form));
        }
        return match label {
            _ if key == NAME_LABEL => Ok(pin("name", HOST_NAME)),
            Some(label) => Ok(Text::known(label.clone())),
            None => Err(Trouble::NoSuchMetadata { kind: "label", key: key.to_owned() }),
        };
    }
    if let Some(key) = key("metadata.annotations") {
        let annotation = metadata.annotations.as_ref().and_then(|annotations| annotations.get(key));
        let missing = Trouble::NoSuchMetadata { kind: "annotation", key: key.to_owned() };
        return annotation.map(|value| Text::known(value.clone())).ok_or(missing);
    }
    Ok(match path {
        "metadata.name" => pin("name", HOST_NAME),
        "metadata.namespace" => pin("namespace", LABEL),
        "metadata.uid" => pin("uid", UID),
        "spec.nodeName" => Text::like(HOST_NAME),
        "spec.serviceAccountName" => {
            Text::known(workload.spec.service_account_name.as_deref().unwrap_or("default"))
        }
        "status.hostIP" | "status.podIP" => Text::like(IP),
        "status.hostIPs" | "status.podIPs" => Text::like(format!("{IP}(?:,{IP})?")),
        _ => return Err(Trouble::UnknownField(path.to_owned())),
    })
}

/// `$(NAME)` stands for a variable, `$$` for a dollar, and everything else for itself (Kubernetes API reference, "EnvVar").
/// Variables that name each other several times over are a bomb: what they stand for has the longest size of a line.
pub(crate) fn expanded(text: &str, variables: &ByName) -> Result<Text, Trouble> {
    let limit = usize::try_from(MAX_LINE_LEN).unwrap_or(usize::MAX);
    let (mut parts, mut known, mut rest, mut length) = (Vec::new(), String::new(), text, 0_usize);
    while let Some((before, after)) = rest.split_once('$') {
        known.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            known.push('$');
            after
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|after| after.split_once(')')) {
            match variables.get(name) {
                Some(value) => {
                    length = length.saturating_add(value.len());
                    if length > limit {
                        return Err(Trouble::TooLong { length, limit });
                    }
                    parts.push(Part::Known(std::mem::take(&mut known)));
                    parts.extend(value.0.iter().cloned());
                }
                None if is_of_cluster(name) => return Err(Trouble::ClusterVariable(name.to_owned())),
                None => known.push_str(&format!("$({name})")),
            }
            after
        } else {
            known.push('$');
            after
        };
    }
    known.push_str(rest);
    parts.push(Part::Known(known));
    parts.retain(|part| !matches!(part, Part::Known(text) if text.is_empty()));
    Ok(Text(parts))
}

/// Whether a variable is named like those that the cluster adds for services.
fn is_of_cluster(name: &str) -> bool {
    let upper = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    upper(name)
        && (name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.contains("_PORT"))
}

/// Patterns of the variables that the cluster adds: those of its own API always, those of all services in the namespace where
/// the pod does not switch them off.
pub(crate) fn of_cluster(workload: &Workload<'_>) -> Vec<String> {
    let of = |service: &str, port: &str, protocol: &str| {
        [
            format!("^{service}_SERVICE_HOST={IP}$"),
            format!("^{service}_SERVICE_PORT(_[A-Z0-9_]+)?={port}$"),
            format!("^{service}_PORT={protocol}://{IP}:{port}$"),
            format!("^{service}_PORT_{port}_(TCP|UDP)={protocol}://{IP}:{port}$"),
            format!("^{service}_PORT_{port}_(TCP|UDP)_PROTO={protocol}$"),
            format!("^{service}_PORT_{port}_(TCP|UDP)_PORT={port}$"),
            format!("^{service}_PORT_{port}_(TCP|UDP)_ADDR={IP}$"),
        ]
    };
    if workload.spec.enable_service_links == Some(false) {
        of("KUBERNETES", "[0-9]{1,5}", "tcp").into()
    } else {
        of("[A-Z][A-Z0-9_]{0,62}", "[0-9]{1,5}", "(tcp|udp)").into()
    }
}
