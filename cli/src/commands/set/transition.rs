//! Which transition the new manifest must follow, and which it became.

use contrast_manifest::{NO_TRANSITION, transition_hash};

use super::{super::check, error::SetError};
use crate::{
    arguments::SetOptions,
    coordinator::{Address, Coordinator, Extent},
    deployment::{DeploymentError, Known},
    failure::Failure,
    history::Contents,
};

/// `None` if the manifest may follow any; else the one of `--latest-transition`, or the one that the workspace
/// remembers, or none at all, which means that the manifest must be the first.
pub(super) fn previous_transition(options: &SetOptions, remembered: Option<[u8; 32]>) -> Option<[u8; 32]> {
    // A signature or a consent holds after one transition; the Coordinator should say so if that is not the latest.
    let follows_one = options.atomic || options.signature.is_some() || options.seed_consent.is_some();
    follows_one.then(|| given_or_remembered(options.latest_transition, remembered))
}

/// The transition that was given, or the remembered one, or none: that before the first manifest.
pub(crate) fn given_or_remembered(given: Option<[u8; 32]>, remembered: Option<[u8; 32]>) -> [u8; 32] {
    given.or(remembered).unwrap_or(NO_TRANSITION)
}

/// Refuses an answer from a history that lacks the transition that the workspace remembers.
///
/// `with_seed_shares`: only the first manifest of a deployment is answered with them.
pub(super) async fn refuse_other_history(
    known: &Known,
    address: &Address,
    manifest: [u8; 32],
    said: Option<[u8; 32]>,
    with_seed_shares: bool,
) -> Result<(), Failure> {
    let Some(remembered) = known.transition() else { return Ok(()) };
    match standing(manifest, said, remembered, with_seed_shares) {
        Standing::Follows => Ok(()),
        Standing::Other => Err(known.rolled_back(remembered).into()),
        Standing::Open => {
            let asked = look_up(known, address, said).await;
            asked
                .map_err(|failure| SetError::Unrecognised { reason: failure.sentence() })?
                .map_err(Failure::from)
        }
    }
}

/// What an answer alone tells.
#[derive(PartialEq, Eq, Debug)]
enum Standing {
    /// The history has the remembered transition.
    Follows,
    /// It does not.
    Other,
    /// Only the history tells.
    Open,
}

fn standing(
    manifest: [u8; 32],
    said: Option<[u8; 32]>,
    remembered: [u8; 32],
    with_seed_shares: bool,
) -> Standing {
    match said {
        Some(said) if certainly_follows(manifest, said, remembered) => Standing::Follows,
        // The only transition of this deployment is the first.
        _ if with_seed_shares && remembered == transition_hash(manifest, NO_TRANSITION) => Standing::Follows,
        _ if with_seed_shares => Standing::Other,
        // An older Coordinator has no history to ask for. `verify` refuses those.
        None => Standing::Follows,
        Some(_) => Standing::Open,
    }
}

/// Whether a transition is the remembered one or was made from it, as its hash alone proves.
fn certainly_follows(manifest: [u8; 32], said: [u8; 32], remembered: [u8; 32]) -> bool {
    said == remembered || said == transition_hash(manifest, remembered)
}

/// Fetches the history and looks for the remembered transition and the new one.
async fn look_up(
    known: &Known,
    address: &Address,
    said: Option<[u8; 32]>,
) -> Result<Result<(), DeploymentError>, Failure> {
    let history = Coordinator::connect(address).await?.history(Extent::EventsOnly).await?;
    let (history, checked) = check(history, Contents::Absent).await?;
    if let Some(said) = said.filter(|said| !history.contains(said)) {
        return Ok(Err(known.rolled_back(said)));
    }
    Ok(known.refuse_other(&history, &checked))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn options(arguments: &[&str]) -> SetOptions {
        let line = [&["contrast", "set", "-c", "c", "resources"], arguments].concat();
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Set(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_ordinary_set_follows_whatever_there_is() {
        assert_eq!(previous_transition(&options(&[]), Some([1; 32])), None);
    }

    #[test]
    fn an_atomic_set_follows_the_given_transition_or_the_remembered_one_or_none() {
        let given = "02".repeat(32);
        let explicit = options(&["--atomic", "--latest-transition", &given]);
        assert_eq!(previous_transition(&explicit, Some([1; 32])), Some([2; 32]));
        assert_eq!(previous_transition(&options(&["--atomic"]), Some([1; 32])), Some([1; 32]));
        assert_eq!(previous_transition(&options(&["--atomic"]), None), Some([0; 32]));
    }

    #[test]
    fn a_set_with_a_signature_follows_the_transition_that_was_signed() {
        assert_eq!(previous_transition(&options(&["-s", "file"]), Some([1; 32])), Some([1; 32]));
        let given = "02".repeat(32);
        for more in [&[][..], &["--atomic"]] {
            let explicit = options(&[&["-s", "file", "--latest-transition", &given], more].concat());
            assert_eq!(previous_transition(&explicit, Some([1; 32])), Some([2; 32]));
        }
    }

    #[test]
    fn seed_shares_of_a_new_deployment_are_refused_where_another_is_remembered() {
        let first = transition_hash([5; 32], NO_TRANSITION);
        assert_eq!(standing([5; 32], Some(first), [1; 32], true), Standing::Other);
        assert_eq!(standing([5; 32], None, [1; 32], true), Standing::Other);
        assert_eq!(standing([5; 32], Some(first), first, true), Standing::Follows);
        assert_eq!(standing([5; 32], None, first, true), Standing::Follows);
        assert_eq!(standing([5; 32], Some([2; 32]), [1; 32], false), Standing::Open);
    }

    #[test]
    fn the_next_transition_is_known_by_its_hash() {
        let next = transition_hash([5; 32], [1; 32]);
        assert!(certainly_follows([5; 32], next, [1; 32]));
        assert!(certainly_follows([5; 32], next, next));
        assert!(!certainly_follows([5; 32], next, [2; 32]));
    }
}
