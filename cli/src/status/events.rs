//! Events of the cluster, by what they are about.

use k8s_openapi::api::core::v1::Event;

/// What installs runtimes on nodes, as the source of events.
const INSTALLER: &str = "contrast-node-installer";

/// The warnings among events.
pub(super) struct Events<'a>(Option<Vec<&'a Event>>);

impl<'a> Events<'a> {
    /// `None`: they may not be seen.
    pub(super) fn new(events: Option<&'a [Event]>) -> Self {
        let warnings = |events: &'a [Event]| {
            let mut warnings: Vec<_> =
                events.iter().filter(|event| event.type_.as_deref() == Some("Warning")).collect();
            // The latest one first.
            warnings.sort_by_key(|event| std::cmp::Reverse(time(event)));
            warnings
        };
        Self(events.map(warnings))
    }

    /// May they be seen?
    pub(super) fn are_known(&self) -> bool {
        self.0.is_some()
    }

    /// The latest warning about a pod, of one of some reasons.
    pub(super) fn of_pod(&self, name: &str, uid: Option<&str>, reasons: &[&str]) -> Option<&'a str> {
        self.find(|event| {
            let object = &event.involved_object;
            object.kind.as_deref() == Some("Pod")
                && object.name.as_deref() == Some(name)
                && (uid.is_none() || object.uid.is_none() || object.uid.as_deref() == uid)
                && reasons.contains(&event.reason.as_deref().unwrap_or_default())
        })
    }

    /// The latest warning that says why a workload has no pods.
    pub(super) fn of_creation(&self, workload: &str) -> Option<&'a str> {
        self.find(|event| {
            let object = &event.involved_object;
            let name = object.name.as_deref().unwrap_or_default();
            let own = name.strip_prefix(workload).is_some_and(|rest| {
                // Of a Deployment, it is about its ReplicaSet.
                rest.is_empty() || (rest.starts_with('-') && !rest.get(1..).unwrap_or_default().contains('-'))
            });
            own && object.kind.as_deref() != Some("Pod") && event.reason.as_deref() == Some("FailedCreate")
        })
    }

    /// The latest warning about a node that speaks of a runtime, or comes from what installs them.
    pub(super) fn of_node(&self, node: &str, handler: &str) -> Option<&'a str> {
        self.find(|event| {
            let object = &event.involved_object;
            let says = |text: Option<&String>, words: &str| text.is_some_and(|text| text.contains(words));
            let source = event.source.as_ref().and_then(|source| source.component.as_ref());
            object.kind.as_deref() == Some("Node")
                && object.name.as_deref() == Some(node)
                && (says(event.message.as_ref(), handler) || says(source, INSTALLER))
        })
    }

    fn find(&self, is: impl Fn(&Event) -> bool) -> Option<&'a str> {
        let event = self.0.iter().flatten().find(|event| is(event))?;
        event.message.as_deref()
    }
}

/// When it happened last, as text of a form that sorts.
fn time(event: &Event) -> String {
    let of_series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let last = event.last_timestamp.as_ref().map(|time| time.0.to_string());
    let last = last.or_else(|| of_series.or(event.event_time.as_ref()).map(|time| time.0.to_string()));
    last.or_else(|| event.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()))
        .unwrap_or_default()
}
