//! Events of the cluster, by what they are about.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Event;

/// What installs runtimes on nodes, as the source of events.
const INSTALLER: &str = "contrast-node-installer";

/// The warnings among events, the latest first. `None`: they may not be seen.
pub(super) struct Events<'a>(Option<Warnings<'a>>);

#[derive(Default)]
struct Warnings<'a> {
    /// By the pod's name: there may be thousands of both.
    of_pods: HashMap<&'a str, Vec<&'a Event>>,
    others: Vec<&'a Event>,
}

impl<'a> Events<'a> {
    /// `None`: they may not be seen.
    pub(super) fn new(events: Option<&'a [Event]>) -> Self {
        Self(events.map(Warnings::new))
    }

    /// May they be seen?
    pub(super) fn are_known(&self) -> bool {
        self.0.is_some()
    }

    /// The latest warning about a pod, of one of some reasons.
    pub(super) fn of_pod(&self, name: &str, uid: Option<&str>, reasons: &[&str]) -> Option<&'a str> {
        let warnings = self.0.as_ref()?.of_pods.get(name)?;
        latest(warnings, |event| {
            let object = &event.involved_object;
            (uid.is_none() || object.uid.is_none() || object.uid.as_deref() == uid)
                && reasons.contains(&event.reason.as_deref().unwrap_or_default())
        })
    }

    /// The latest warning that says why a workload, of a kind or of an unknown one (`""`), has no pods.
    pub(super) fn of_creation(&self, kind: &str, workload: &str) -> Option<&'a str> {
        latest(&self.0.as_ref()?.others, |event| {
            let object = &event.involved_object;
            let Some(rest) = object.name.as_deref().and_then(|name| name.strip_prefix(workload)) else {
                return false;
            };
            // Some make what makes pods, whose names have one more part.
            let of_maker = rest.strip_prefix('-').is_some_and(|part| !part.contains('-'));
            let own = match (kind, object.kind.as_deref()) {
                ("Deployment", Some("ReplicaSet")) | ("CronJob", Some("Job")) => of_maker,
                ("", _) => of_maker || rest.is_empty(),
                (_, other) => other == Some(kind) && rest.is_empty(),
            };
            own && event.reason.as_deref() == Some("FailedCreate")
        })
    }

    /// The latest warning about a node that speaks of a runtime, or comes from what installs them.
    pub(super) fn of_node(&self, node: &str, handler: &str) -> Option<&'a str> {
        latest(&self.0.as_ref()?.others, |event| {
            let object = &event.involved_object;
            let says = |text: Option<&String>, words: &str| text.is_some_and(|text| text.contains(words));
            let source = event.source.as_ref().and_then(|source| source.component.as_ref());
            object.kind.as_deref() == Some("Node")
                && object.name.as_deref() == Some(node)
                && (says(event.message.as_ref(), handler) || says(source, INSTALLER))
        })
    }
}

impl<'a> Warnings<'a> {
    fn new(events: &'a [Event]) -> Self {
        let mut latest: Vec<_> =
            events.iter().filter(|event| event.type_.as_deref() == Some("Warning")).collect();
        latest.sort_by_cached_key(|event| std::cmp::Reverse(time(event)));
        let mut warnings = Self::default();
        for event in latest {
            let object = &event.involved_object;
            match (object.kind.as_deref(), object.name.as_deref()) {
                (Some("Pod"), Some(name)) => warnings.of_pods.entry(name).or_default().push(event),
                (Some("Pod"), None) => {}
                _ => warnings.others.push(event),
            }
        }
        warnings
    }
}

fn latest<'a>(warnings: &[&'a Event], is: impl Fn(&Event) -> bool) -> Option<&'a str> {
    warnings.iter().find(|event| is(event))?.message.as_deref()
}

/// When it happened last, as text of a form that sorts.
fn time(event: &Event) -> String {
    let of_series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let last = event.last_timestamp.as_ref().map(|time| time.0.to_string());
    let last = last.or_else(|| of_series.or(event.event_time.as_ref()).map(|time| time.0.to_string()));
    last.or_else(|| event.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()))
        .unwrap_or_default()
}
