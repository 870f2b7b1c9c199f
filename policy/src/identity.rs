//! Whom a container runs as: from its image, from the pod, from the container itself (Kubernetes API reference, "SecurityContext").

use std::collections::BTreeSet;

use contrast_image::{Accounts, GroupPart, User as ImageUser};
use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::{
    Image, Settings,
    data::User,
    problem::{Place, Problems, Trouble},
};

/// Whether users and groups of an image have to be known. If not, no layer of it need be read.
///
/// A node that pulls no images itself does not know them, so they do not count there.
#[must_use]
pub fn needs_users(settings: &Settings) -> bool {
    !settings.guest_pull || settings.users_of_images
}

/// Of the sandbox's container: what the pod says, or else what its image does. Groups count only for the others (containerd).
pub(crate) fn of_sandbox(settings: &Settings, spec: &PodSpec) -> User {
    let pod = spec.security_context.as_ref();
    let number = |id: Option<i64>| id.and_then(|id| u32::try_from(id).ok());
    let own = number(pod.and_then(|pod| pod.run_as_user));
    let uid = own.unwrap_or(settings.pause_user);
    let group = number(pod.and_then(|pod| pod.run_as_group));
    let gid = group.unwrap_or(if own.is_some() { 0 } else { settings.pause_user });
    let mut groups = BTreeSet::from([gid]);
    if own.is_none() && group.is_none() && settings.pause_user == 0 {
        // Nobody names a user then, which is when containerd takes the groups of volumes instead.
        groups.extend(number(pod.and_then(|pod| pod.fs_group)));
        let supplemental = pod.and_then(|pod| pod.supplemental_groups.as_ref()).into_iter().flatten();
        groups.extend(supplemental.filter_map(|id| number(Some(*id))));
    }
    User { uid, gid, groups }
}

/// Whether the root hashes of an image's layers have to be known, which means to read them.
#[must_use]
pub fn needs_layers(settings: &Settings) -> bool {
    !settings.guest_pull
}

pub(crate) fn user(
    settings: &Settings,
    spec: &PodSpec,
    container: &Container,
    image: &Image,
    place: &Place,
    problems: &mut Problems,
) -> User {
    let nobody = Accounts::default();
    let accounts = match (&image.accounts, needs_users(settings)) {
        (Some(accounts), true) => accounts,
        (None, true) => {
            problems.add(&place.member("image"), Trouble::UsersNotRead);
            &nobody
        }
        (_, false) => &nobody,
    };
    let pod = spec.security_context.as_ref();
    let own = container.security_context.as_ref();
    let mut number = |place: Place, id: Option<i64>| {
        let id = id?;
        problems
            .note(&place, u32::try_from(id).ok().filter(|id| *id <= i32::MAX as u32).ok_or(Trouble::Id(id)))
    };
    let of_pod = Place::of("securityContext");
    let of_container = place.member("securityContext");
    let own_uid = number(of_container.member("runAsUser"), own.and_then(|own| own.run_as_user));
    let own_gid = number(of_container.member("runAsGroup"), own.and_then(|own| own.run_as_group));
    let pod_uid = number(of_pod.member("runAsUser"), pod.and_then(|pod| pod.run_as_user));
    let pod_gid = number(of_pod.member("runAsGroup"), pod.and_then(|pod| pod.run_as_group));
    let fs_group = number(of_pod.member("fsGroup"), pod.and_then(|pod| pod.fs_group));
    let supplemental = pod.and_then(|pod| pod.supplemental_groups.as_ref()).into_iter().flatten();
    let more: BTreeSet<u32> = supplemental
        .enumerate()
        .filter_map(|(index, id)| number(of_pod.item("supplementalGroups", index), Some(*id)))
        .collect();

    let from_image = accounts.identity(&ImageUser::parse(&image.config.user), GroupPart::Ignored);
    if own_uid.or(pod_uid).is_none() {
        let named = from_image.unresolved.is_some() || from_image.uid != 0;
        if !needs_users(settings) && named {
            // Groups of that user are in the image, which such a node does not have.
            problems.add(&place.member("image"), Trouble::UserOfImage(image.config.user.clone()));
        } else if let Some(unresolved) = from_image.unresolved {
            problems.add(&place.member("image"), Trouble::UnknownUser(unresolved));
        }
    }
    let uid = own_uid.or(pod_uid).unwrap_or(from_image.uid);
    let primary = accounts.primary_group(uid).unwrap_or_default();
    let gid = own_gid.or(pod_gid).unwrap_or(primary);
    let mut groups = BTreeSet::from([gid]);
    groups.extend(fs_group);
    groups.extend(more);
    let policy = pod.and_then(|pod| pod.supplemental_groups_policy.as_deref());
    // Unless the pod's own are all.
    if let Some(name) = accounts.user_name(uid).filter(|_| policy != Some("Strict")) {
        groups.extend(accounts.memberships(name));
    }
    User { uid, gid, groups }
}
