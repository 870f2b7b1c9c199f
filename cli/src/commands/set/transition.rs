//! Which transition the new manifest must follow, and which it became.

use std::time::SystemTime;

use contrast_manifest::{NO_TRANSITION, transition_hash};

use super::error::SetError;
use crate::{
    arguments::SetOptions,
    coordinator::{Address, Coordinator, Extent},
    failure::Failure,
    history::Contents,
    output,
    workspace::{LATEST_TRANSITION, Workspace},
};

/// `None` if the manifest may follow any; else the one of `--latest-transition`, or the one that the workspace
/// remembers, or none at all, which means that the manifest must be the first.
pub(super) fn previous_transition(
    options: &SetOptions,
    remembered: Option<[u8; 32]>,
) -> Result<Option<[u8; 32]>, SetError> {
    if !options.atomic {
        return Ok(None);
    }
    given_or_remembered(options.latest_transition.as_deref(), remembered).map(Some)
}

/// The transition in hexadecimal that was given, or the remembered one, or none: that before the first manifest.
pub(crate) fn given_or_remembered(
    given: Option<&str>,
    remembered: Option<[u8; 32]>,
) -> Result<[u8; 32], SetError> {
    let Some(text) = given else { return Ok(remembered.unwrap_or(NO_TRANSITION)) };
    let mut transition = [0; 32];
    hex::decode_to_slice(text.trim(), &mut transition).map_err(|_| SetError::Transition)?;
    Ok(transition)
}

/// Remembers the new transition, so that a later rollback is noticed. Not if what was remembered before is no
/// longer in the Coordinator's history: then it is that rollback that has to be noticed.
pub(super) async fn remember(
    workspace: &Workspace,
    address: &Address,
    manifest: [u8; 32],
    said: Option<[u8; 32]>,
    remembered: Option<[u8; 32]>,
) -> Result<(), Failure> {
    let Some(said) = said else { return Ok(()) };
    let follows = match remembered {
        Some(remembered) if !certainly_follows(manifest, said, remembered) => {
            follows(address, said, remembered).await
        }
        _ => Ok(true),
    };
    match follows {
        Ok(true) => {
            workspace.remember(&said)?;
            output::success(&format!("The latest transition is {}.", hex::encode(said)));
        }
        Ok(false) => output::warning(&format!(
            "the Coordinator's history does not contain the transition that this workspace has seen. It was rolled \
             back, or is another deployment; `contrast verify` will refuse it. If it is new on purpose, remove {}.",
            workspace.verify_dir().join(LATEST_TRANSITION).display()
        )),
        Err(failure) => output::warning(&format!(
            "the manifest is set, but whether its history is the one seen before could not be checked ({}); run \
             `contrast verify`.",
            failure.sentence()
        )),
    }
    Ok(())
}

/// Whether a transition is the remembered one or was made from it, as its hash alone proves.
fn certainly_follows(manifest: [u8; 32], said: [u8; 32], remembered: [u8; 32]) -> bool {
    said == remembered || said == transition_hash(manifest, remembered)
}

/// Whether the Coordinator's history has both transitions.
async fn follows(address: &Address, said: [u8; 32], remembered: [u8; 32]) -> Result<bool, Failure> {
    let history = Coordinator::connect(address).await?.history(Extent::EventsOnly).await?;
    history.check(Contents::Absent, SystemTime::now())?;
    Ok(history.contains(&remembered) && history.contains(&said))
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
        assert_eq!(previous_transition(&options(&[]), Some([1; 32])).unwrap(), None);
    }

    #[test]
    fn an_atomic_set_follows_the_given_transition_or_the_remembered_one_or_none() {
        let given = "02".repeat(32);
        let explicit = options(&["--atomic", "--latest-transition", &given]);
        assert_eq!(previous_transition(&explicit, Some([1; 32])).unwrap(), Some([2; 32]));
        assert_eq!(previous_transition(&options(&["--atomic"]), Some([1; 32])).unwrap(), Some([1; 32]));
        assert_eq!(previous_transition(&options(&["--atomic"]), None).unwrap(), Some([0; 32]));
    }

    #[test]
    fn the_next_transition_is_known_by_its_hash() {
        let next = transition_hash([5; 32], [1; 32]);
        assert!(certainly_follows([5; 32], next, [1; 32]));
        assert!(certainly_follows([5; 32], next, next));
        assert!(!certainly_follows([5; 32], next, [2; 32]));
    }

    #[test]
    fn a_transition_that_is_no_hash_is_refused() {
        let short = options(&["--atomic", "--latest-transition", "0202"]);
        assert!(matches!(previous_transition(&short, None), Err(SetError::Transition)));
    }
}
